//! TLS, with a certificate authority of our own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tower_wechat::store::{RedisStore, TokenStore};

use crate::redis::{account, commit, support::Server};

#[tokio::test]
async fn a_server_is_checked_against_the_given_roots() {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &root).unwrap();
    let files = [("root.pem", &*root.pem()), ("leaf.pem", &*leaf.pem()), ("key.pem", &*key.serialize_pem())];
    let args = [
        ("tls-port", "{extra}"),
        ("tls-cert-file", "leaf.pem"),
        ("tls-key-file", "key.pem"),
        ("tls-ca-cert-file", "root.pem"),
        ("tls-auth-clients", "no"),
    ];
    let args: Vec<_> =
        args.iter().flat_map(|&(name, value)| [format!("--{name}"), value.to_owned()]).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let server = Server::start_from(&files, &args).await;
    let port = server.extra_port;

    for host in ["localhost", "127.0.0.1"] {
        let store = RedisStore::builder(&format!("rediss://{host}:{port}/")).root_certificates(root.pem());
        let store = store.connect().await.unwrap();
        commit(&store, &account("app"), "t").await.unwrap();
    }

    let stranger = RedisStore::connect(&format!("rediss://localhost:{port}/")).await.unwrap();
    let error = stranger.load(&account("app")).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");

    let plain = RedisStore::connect(&format!("redis://localhost:{port}/")).await.unwrap();
    assert!(plain.load(&account("app")).await.is_err());
}
