//! TLS.

use std::{sync::Arc, time::Duration};

use fake_wechat::FakeWeChat;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring, pki_types::ServerName};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wechat_hub::{Server, Tls};

use super::support::{APP, SECRET, eventually, exchange, hub, limits, raw, request, tcp};

/// A certificate for `localhost` with its key, in PEM, and a client that trusts it alone.
fn certificate() -> (String, String, TlsConnector) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    // A session that is resumed shows no certificate.
    config.resumption = Resumption::disabled();
    (cert.pem(), signing_key.serialize_pem(), TlsConnector::from(Arc::new(config)))
}

async fn connect(server: &Server, connector: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(tcp(server)).await?;
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn a_certificate_is_replaced_while_it_is_used() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let (certificate_pem, key, connector) = certificate();
    let tls = Tls::from_pem(certificate_pem.as_bytes(), key.as_bytes()).unwrap();
    let server = hub.serve_tls("127.0.0.1:0", tls.clone()).unwrap();
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");
    let before = connect(&server, &connector).await.unwrap();
    assert_eq!(exchange(connect(&server, &connector).await.unwrap(), &ask).await.unwrap().status, 200);

    let (other_pem, other_key, other_connector) = certificate();
    assert!(tls.replace(other_pem.as_bytes(), key.as_bytes()).is_err(), "another's key");
    assert!(tls.replace(b"", key.as_bytes()).is_err() && tls.replace(other_pem.as_bytes(), b"").is_err());
    assert!(connect(&server, &connector).await.is_ok(), "all stays as it was");
    tls.replace(other_pem.as_bytes(), other_key.as_bytes()).unwrap();
    assert!(connect(&server, &connector).await.is_err());
    assert_eq!(exchange(connect(&server, &other_connector).await.unwrap(), &ask).await.unwrap().status, 200);
    assert_eq!(exchange(before, &ask).await.unwrap().status, 200, "one that was there goes on");
}

#[tokio::test]
async fn plain_text_and_handshakes_that_do_not_come_get_nowhere() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat)
        .limits(limits(|limits| limits.header_timeout = Duration::from_millis(300)))
        .build()
        .unwrap();
    let (certificate_pem, key, connector) = certificate();
    let tls = Tls::from_pem(certificate_pem.as_bytes(), key.as_bytes()).unwrap();
    let server = hub.serve_tls("127.0.0.1:0", tls).unwrap();
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");
    assert!(raw(&server, &ask).await.is_err());
    let mut silent = TcpStream::connect(tcp(&server)).await.unwrap();
    let mut rest = Vec::new();
    let _ = timeout(Duration::from_secs(10), silent.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"");
    eventually(|| hub.load().connections == 0).await;
    assert_eq!(exchange(connect(&server, &connector).await.unwrap(), &ask).await.unwrap().status, 200);
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn beyond_loopback_plain_text_must_be_asked_for_by_name() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let error = hub.serve_tcp("0.0.0.0:0").unwrap_err().to_string();
    assert!(error.contains("0.0.0.0:0 is not a loopback address"), "{error}");
    assert!(hub.serve_tcp("[::]:0").is_err());
    let server = hub.dangerous_serve_plain_tcp("127.0.0.1:0").unwrap();
    let taken = hub.serve_tcp(tcp(&server)).unwrap_err().to_string();
    assert!(taken.contains("is in use"), "{taken}");
}

#[test]
fn outside_tokio_there_is_an_error_and_no_panic() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let wechat = runtime.block_on(FakeWeChat::start());
    let hub = hub(&wechat).build().unwrap();
    for error in
        [hub.serve_tcp("127.0.0.1:0").unwrap_err(), hub.serve_unix("/tmp/never/hub.sock").unwrap_err()]
    {
        assert!(error.to_string().contains("tokio runtime"), "{error}");
    }
    let _ = hub.service();
}
