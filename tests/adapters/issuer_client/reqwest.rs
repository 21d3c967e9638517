//! A reqwest client in place of the built-in one.

use http::{HeaderValue, StatusCode, header::LOCATION};
use reqwest::{Client, redirect::Policy};
use tower_wechat::{
    ErrorKind, TokenCache,
    issuer::Issuer,
    testing::{Answer, FakeWeChat, Fault},
};

use crate::issuer_client::{
    classic,
    ends::{Authority, deaf},
    failure, issuers, mint,
};

pub fn client() -> Client {
    builder().redirect(Policy::none()).build().unwrap()
}

/// Nothing of the environment's proxies: another test sets some.
fn builder() -> reqwest::ClientBuilder {
    // reqwest comes without a TLS provider in this package.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy()
}

#[tokio::test]
async fn it_mints() {
    let wechat = FakeWeChat::start().await;
    let (stable, classic, wecom) = issuers(&wechat.url());
    let (stable, classic, wecom) =
        (stable.http_client(client()), classic.http_client(client()), wecom.http_client(client()));
    for issuer in [&stable as &dyn Issuer, &classic, &wecom] {
        mint(issuer).await.unwrap();
    }
    assert_eq!((wechat.mints(), wechat.token_requests()), (3, 3));
    let token = TokenCache::new(stable).token().await.unwrap();
    assert!(wechat.accepts(token.as_str()));
}

#[tokio::test]
async fn its_errors_show_no_url() {
    let (_deaf, address) = deaf();
    let error = failure(&classic(&format!("http://{address}")).http_client(client())).await;
    assert!(error.is_transient() && error.to_string().contains("Connection refused"), "{error}");
    assert!(error.is_of_this_host(), "{error}");
    assert!(!error.to_string().contains("left out"), "without its URL it may be told: {error}");

    let wechat = FakeWeChat::start().await;
    let issuer = classic(&wechat.url()).http_client(client());
    for (fault, says) in [
        (Fault::Reset, "did not answer"),
        (Fault::CutOff, "broke off"),
        (Fault::Errcode(40125), "errcode 40125"),
    ] {
        wechat.fail_next_tokens(1, fault);
        let error = failure(&issuer).await;
        assert!(error.to_string().contains(says), "{says}: {error}");
    }

    wechat.fail_tokens(Fault::Hang);
    let hasty = builder().timeout(std::time::Duration::from_millis(100)).build().unwrap();
    let error = failure(&classic(&wechat.url()).http_client(hasty)).await;
    assert!(error.is_transient() && error.to_string().contains("timed out"), "{error}");
    assert!(!error.is_of_this_host(), "{error}");
}

#[tokio::test]
async fn an_answer_of_more_than_64_kib_is_refused() {
    let wechat = FakeWeChat::start().await;
    wechat.set_answer("/cgi-bin/token", Answer::json(vec![b' '; 70_000]).unsized_body());
    let error = failure(&classic(&wechat.url()).http_client(client())).await;
    assert!(error.to_string().contains("64 KiB"), "{error}");
}

#[tokio::test]
async fn a_redirect_that_it_followed_is_an_error() {
    let (wechat, elsewhere) = (FakeWeChat::start().await, FakeWeChat::start().await);
    elsewhere.set_open_answer("/token", Answer::json(r#"{"access_token":"SENTINEL","expires_in":7200}"#));
    let to = HeaderValue::try_from(format!("{}/token", elsewhere.url())).unwrap();
    let away = Answer::default().status(StatusCode::TEMPORARY_REDIRECT).header(LOCATION, to);
    wechat.set_answer("/cgi-bin/token", away);

    let follows = classic(&wechat.url()).http_client(builder().build().unwrap());
    let error = failure(&follows).await;
    assert!(!error.is_transient() && error.to_string().contains("Policy::none()"), "{error}");
    assert_eq!(elsewhere.api_requests(), 1, "it was followed");

    let error = failure(&classic(&wechat.url()).http_client(client())).await;
    assert!(!error.is_transient() && error.to_string().contains("redirect (HTTP 307)"), "{error}");
    assert_eq!(elsewhere.api_requests(), 1);
}

#[tokio::test]
async fn it_takes_the_place_of_roots_and_the_other_way_round() {
    let (wechat, ours) = (FakeWeChat::start().await, Authority::new());
    let base = ours.serve(&wechat).await;
    let roots_last = classic(&base).http_client(client()).root_certificates_pem(&ours.pem()).unwrap();
    mint(&roots_last).await.unwrap();
    let client_last = classic(&base).root_certificates_pem(&ours.pem()).unwrap().http_client(client());
    let error = failure(&client_last).await;
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Token, false), "{error}");
    assert!(error.to_string().contains("unknown issuer"), "{error}");
}
