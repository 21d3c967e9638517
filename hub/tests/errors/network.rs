//! Endpoints that cannot be reached, or do not answer.

use std::{io, sync::Arc};

use bytes::Bytes;
use fake_wechat::{FakeWeChat, Fault};
use http::{Request, Response};
use http_body_util::Full;
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls};
use tower::service_fn;
use tower_wechat::{
    TokenCache, TokenError,
    issuer::{Issuer, Mint, StableToken},
};

use crate::{
    catalogue::Catalogue,
    platform::{fails, stable},
    process::{folder, program, run},
};

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let (hangs, no_tls, silent, foreign) = tokio::join!(hangs(), no_tls(), silent(), foreign());
    let wechat = FakeWeChat::start().await;
    seen.add("no-connection", of("http://127.0.0.1:1").await);
    seen.add("no-connection", silent);
    seen.add("no-connection", no_tls);
    seen.add("no-connection", fails(&wechat, stable(&wechat), Fault::Reset).await);
    seen.add("no-answer", hangs);
    seen.add("certificate", foreign);
    seen.add("proxy", socks());
    seen.add("redirect", redirected(&wechat).await);
    seen.add("left-out", quoting().await);
    seen.quote(
        "no-tls",
        "no access_token for app wx0123456789abcdef: ",
        "there is no HTTPS client: enable feature `https`, or give the issuer an `http_client`",
        "a build without the feature",
    );
    seen
}

async fn of(base: &str) -> TokenError {
    let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(base).expect("a URL");
    TokenCache::new(issuer).token().await.expect_err("nobody is there")
}

/// An endpoint that takes the first call and says nothing, and breaks the second one off.
async fn hangs() -> TokenError {
    let wechat = FakeWeChat::start().await;
    wechat.fail_next_tokens(1, Fault::Hang);
    wechat.fail_next_tokens(1, Fault::Reset);
    stable(&wechat).mint(Mint::normal()).await.expect_err("no answer")
}

/// A port at which no TLS is spoken.
async fn no_tls() -> TokenError {
    let wechat = FakeWeChat::start().await;
    of(&wechat.url().replace("http://", "https://")).await
}

/// A port that takes connections, and says nothing.
async fn silent() -> TokenError {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("https://{}", listener.local_addr().expect("an address"));
    let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&base).expect("a URL");
    issuer.mint(Mint::normal()).await.expect_err("nobody answers")
}

/// A certificate that nobody knows.
async fn foreign() -> TokenError {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("they go together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let error = of(&base).await;
    serving.abort();
    error
}

/// The environment is the process's, so that this is another.
fn socks() -> String {
    let folder = folder(
        "[listen]\ntcp = \"127.0.0.1:0\"\n[[app]]\nid = \"wx0123456789abcdef\"\nsecret = \"00112233445566778899aabbccddeeff\"\n",
    );
    let mut check = program();
    check
        .env("ALL_PROXY", "socks5://127.0.0.1:1")
        .args(["check", "--config"])
        .arg(folder.path().join("hub.toml"));
    let (_, out, _) = run(&mut check);
    out.lines().next().and_then(|line| line.split_once("stable: ")).expect("a bad app").1.to_owned()
}

/// A client of the caller's own that follows redirects.
async fn redirected(wechat: &FakeWeChat) -> TokenError {
    let target = format!("{}/elsewhere", wechat.url());
    let answer = fake_wechat::Answer::json("{}")
        .status(http::StatusCode::FOUND)
        .header(http::header::LOCATION, target.parse().expect("a URL"));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    fails(wechat, stable(wechat).http_client(client), Fault::Answer(answer)).await
}

/// A client of the caller's own whose error quotes the request.
async fn quoting() -> TokenError {
    let client = service_fn(|request: Request<Full<Bytes>>| {
        let uri = request.uri().clone();
        async move { Err::<Response<Full<Bytes>>, _>(io::Error::other(format!("no route to {uri}"))) }
    });
    let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).http_client(client);
    TokenCache::new(issuer).token().await.expect_err("it fails")
}
