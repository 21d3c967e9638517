//! What a hub is asked, and how it is reached.

use std::time::Duration;

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower_wechat::{
    ErrorKind, Fingerprint, Platform, TokenCache,
    issuer::{AccountKey, HubToken, Issuer, Mint},
};

use super::{APP, SECRET, failure, failure_of, mint, tcp, token, unix};
use crate::{
    issuer_client::ends::Authority,
    support::hub::{Folder, Hub, told},
};

#[tokio::test]
async fn a_mint_asks_for_the_present_token() {
    let (_folder, mut hub, issuer) = unix();
    let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| {
        assert_eq!(question.line(), format!("GET /v1/apps/{APP}/token?min_ttl=10"));
        assert_eq!(question.header("authorization").unwrap(), format!("Bearer {SECRET}"));
        assert!(question.header("host").is_some() && question.body.is_empty());
        question.tell("first", 7).await;
    });
    assert_eq!(minted.await.unwrap(), "first");
    // Nothing was rejected, whatever else is asked for.
    let minted = mint(&issuer, &mut hub, Mint::normal().forced(), async |question| {
        assert!(question.line().starts_with("GET "));
        question.tell("second", 8).await;
    });
    assert_eq!(minted.await.unwrap(), "second");
}

#[tokio::test]
async fn at_a_unix_socket_nobody_has_to_say_who_they_are() {
    let folder = Folder::new();
    let mut hub = Hub::unix(&folder.socket());
    let issuer = HubToken::unix(folder.socket(), APP, "");
    let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| {
        assert_eq!(question.header("authorization"), None);
        question.tell("first", 7).await;
    });
    assert_eq!(minted.await.unwrap(), "first");
    let issuer = HubToken::tcp("http://127.0.0.1:1", APP, "").unwrap();
    assert_eq!(issuer.mint(Mint::normal()).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_refresh_sends_the_text_of_the_rejected_token() {
    let (_folder, mut hub, issuer) = unix();
    for how in [Mint::rejecting(token("a\"b").await), Mint::rejecting(token("a\"b").await).forced()] {
        let minted = mint(&issuer, &mut hub, how, async |question| {
            assert_eq!(question.line(), format!("POST /v1/apps/{APP}/refresh"));
            assert_eq!(question.header("authorization").unwrap(), format!("Bearer {SECRET}"));
            assert_eq!(question.header("content-type"), Some("application/json"));
            assert_eq!(question.body, r#"{"rejected":"a\"b"}"#);
            question.tell("second", 8).await;
        });
        assert_eq!(minted.await.unwrap(), "second");
    }
}

#[tokio::test]
async fn the_life_of_a_token_is_what_the_hub_says() {
    let (_folder, mut hub, issuer) = unix();
    let cache = TokenCache::new(issuer);
    let serving = async {
        let json = told("first", 1).replace("7200", "321");
        for _ in 0..2 {
            hub.ask().await.json("200 OK", &json).await;
        }
    };
    let (token, ()) = tokio::join!(cache.token(), serving);
    let left = token.unwrap().expires_in();
    assert!((Duration::from_secs(300)..=Duration::from_secs(321)).contains(&left), "{left:?}");
}

#[tokio::test]
async fn an_app_id_is_one_step_of_the_path_whatever_is_in_it() {
    let (folder, mut hub, _) = unix();
    let issuer = HubToken::unix(folder.socket(), "a/b?c", SECRET);
    let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| {
        assert_eq!(question.line(), "GET /v1/apps/a%2Fb%3Fc/token?min_ttl=10");
        question.tell("first", 1).await;
    });
    minted.await.unwrap();
}

#[tokio::test]
async fn a_hub_by_tcp_is_asked_below_its_prefix() {
    let (mut hub, url) = Hub::tcp().await;
    for url in [format!("{url}/hub"), format!("{url}/hub/")] {
        let issuer = HubToken::tcp(&url, APP, SECRET).unwrap();
        let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| {
            assert_eq!(question.line(), format!("GET /hub/v1/apps/{APP}/token?min_ttl=10"));
            question.tell("first", 1).await;
        });
        assert_eq!(minted.await.unwrap(), "first");
    }
}

#[tokio::test]
async fn a_hub_behind_tls_needs_its_root() {
    let ((mut hub, url), ours) = (Hub::tcp().await, Authority::new());
    let url = ours.serve_url(&url).await;
    let issuer = || HubToken::tcp(&url, APP, SECRET).unwrap();
    let trusting = issuer().root_certificates_pem(&ours.pem()).unwrap();
    let minted = mint(&trusting, &mut hub, Mint::normal(), async |question| question.tell("first", 1).await);
    assert_eq!(minted.await.unwrap(), "first");

    let error = failure(&issuer()).await;
    assert!(!error.is_transient() && error.is_of_this_host(), "{error:?}");
    assert!(error.to_string().contains("root_certificates_pem"), "{error}");
    assert!(hub.is_quiet(), "nothing was sent");
    assert_eq!(issuer().root_certificates_pem(b"none").unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn another_client_is_for_a_hub_by_tcp() {
    let other = Client::builder(TokioExecutor::new()).build_http();
    let (mut hub, issuer) = tcp().await;
    let issuer = issuer.http_client(other.clone());
    let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| question.tell("first", 1).await);
    assert_eq!(minted.await.unwrap(), "first");

    // It would send the secret to a host that is called `hub`.
    let (_folder, mut hub, issuer) = unix();
    let issuer = issuer.http_client(other).root_certificates_pem(&Authority::new().pem()).unwrap();
    let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| question.tell("first", 1).await);
    assert_eq!(minted.await.unwrap(), "first");
}

#[tokio::test]
async fn a_redirect_that_the_client_follows_is_an_error() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut hub, issuer) = tcp().await;
    let issuer = issuer.http_client(reqwest::Client::builder().no_proxy().build().unwrap());
    let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| question.tell("first", 1).await);
    assert_eq!(minted.await.unwrap(), "first");
    let answering = async {
        hub.ask().await.answer("307 Temporary Redirect", "location: /elsewhere\r\n", "").await;
        hub.ask().await.tell("second", 2).await;
    };
    let (error, ()) = tokio::join!(failure(&issuer), answering);
    assert!(!error.is_transient() && error.to_string().contains("Policy::none()"), "{error}");
}

#[tokio::test]
async fn a_token_of_another_platform_is_an_error_that_says_which() {
    let (_folder, mut hub, issuer) = unix();
    let json = told("SENTINEL", 1).replace("wechat", "wecom");
    let error = failure_of(&issuer, &mut hub, async |question| question.json("200 OK", &json).await).await;
    assert!(!error.is_transient() && !error.is_of_this_host(), "{error:?}");
    assert!(error.to_string().contains("with_platform(Platform::wecom())"), "{error}");

    let issuer = issuer.with_platform(Platform::wecom());
    assert_eq!(issuer.platform().name(), "wecom");
    let minted =
        mint(&issuer, &mut hub, Mint::normal(), async |question| question.json("200 OK", &json).await);
    assert_eq!(minted.await.unwrap(), "SENTINEL");

    let odd = json.replace("wecom", "odd SENTINEL");
    let error = failure_of(&issuer, &mut hub, async |question| question.json("200 OK", &odd).await).await;
    assert!(error.to_string().contains("this version does not know"), "{error}");
}

#[test]
fn what_an_issuer_says_of_itself() {
    let unix = HubToken::unix("/run/hub.sock", APP, SECRET);
    assert_eq!(unix.account(), AccountKey::new("hub", "unix:/run/hub.sock", APP, None));
    assert_eq!(unix.platform().name(), "wechat");
    assert_eq!(unix.credential(), Some(Fingerprint::of(SECRET)));
    assert!(unix.mints_are_independent() && !unix.can_force() && unix.listen().is_some());
    assert!(unix.refreshes().at_once >= 1000);
    let account = |url| HubToken::tcp(url, APP, SECRET).unwrap().account();
    let expected = AccountKey::new("hub", "https://hub.example/prefix", APP, None);
    for spelling in ["https://hub.example/prefix", "https://HUB.example:443/prefix/"] {
        assert_eq!(account(spelling), expected, "{spelling}");
    }
    for bad in ["http://hub.example", "hub.example", "unix:/run/hub.sock", "https://u:p@hub.example"] {
        assert_eq!(HubToken::tcp(bad, APP, SECRET).unwrap_err().kind(), ErrorKind::Config, "{bad}");
    }
    let shown = format!("{unix:?}");
    assert!(shown.contains(APP) && shown.contains("/run/hub.sock") && !shown.contains("SENTINEL"), "{shown}");
}

#[tokio::test]
async fn what_can_be_no_id_or_secret_is_not_sent() {
    let (folder, mut hub, _) = unix();
    for (app, secret) in [("", SECRET), (APP, "SENTINEL\n"), (APP, "SENTINEL two")] {
        let issuer = HubToken::unix(folder.socket(), app, secret);
        let error = issuer.mint(Mint::normal()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!format!("{error} {error:?}").contains("SENTINEL"));
    }
    assert!(hub.is_quiet());
}
