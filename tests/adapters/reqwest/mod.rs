//! The layer over `reqwest::Client`, in reqwest's own requests and responses.

use crate::support;

mod bodies;
mod pool;
mod secrets;
mod services;
mod timeouts;
mod together;

use reqwest::{Client, ClientBuilder, Request, Response};
use serde_json::{Value, json};
use support::*;
use tokio::task::JoinSet;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit};
use tower_wechat::{
    AppId, AuthOutcome, ErrorKind, SkipAuth, TokenCache, TokenError, TokenPool, WeChatAuth, WeChatAuthLayer,
    testing::{FakeWeChat, Fault},
};

const SEND: &str = "/cgi-bin/message/custom/send?lang=zh_CN";

fn builder() -> ClientBuilder {
    // reqwest wants a TLS provider, even for a client that never speaks TLS; whoever comes first installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().tls_certs_only([]).referer(false)
}

fn http() -> Client {
    builder().build().unwrap()
}

fn wechat_client(cache: &TokenCache) -> WeChatAuth<Client> {
    WeChatAuthLayer::new(cache).layer(http())
}

fn message(wechat: &FakeWeChat) -> Request {
    http().post(format!("{}{SEND}", wechat.url())).json(&json!({ "touser": "OPENID" })).build().unwrap()
}

fn outcome(response: &Response) -> AuthOutcome {
    response.extensions().get::<AuthOutcome>().unwrap().clone()
}

async fn errcode(response: Response) -> i64 {
    response.json::<Value>().await.unwrap()["errcode"].as_i64().unwrap()
}

#[tokio::test]
async fn a_cold_start_and_a_warm_call() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let client = wechat_client(&cache);
    for _ in 0..2 {
        let response = client.execute(message(&wechat)).await.unwrap();
        assert!(response.extensions().get::<AuthOutcome>().is_none());
        assert_eq!(response.url().as_str(), format!("{}{SEND}", wechat.url()));
        assert!(response.remote_addr().is_some(), "reqwest's own extensions stay");
        assert_eq!(errcode(response).await, 0);
    }
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn a_rejected_request_is_sent_again() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let client = wechat_client(&cache);
    cache.token().await.unwrap();
    wechat.revoke();
    let response = client.execute(message(&wechat)).await.unwrap();
    assert_eq!(outcome(&response).errcode(), 40001);
    assert!(outcome(&response).replayed());
    assert_eq!(errcode(response).await, 0);

    let seen = wechat.seen();
    assert_eq!(seen.iter().map(|seen| seen.generation).collect::<Vec<_>>(), [Some(1), Some(2)]);
    for seen in seen {
        assert_eq!(seen.query, "lang=zh_CN&access_token=***");
        assert_eq!(seen.headers["content-type"], "application/json");
        assert_eq!(seen.body, br#"{"touser":"OPENID"}"#[..]);
        assert_eq!(seen.content_length(), Some(19));
    }
}

#[tokio::test]
async fn a_hundred_callers() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let client = wechat_client(&cache);
    for mints in 1..=2 {
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let (client, request) = (client.clone(), message(&wechat));
            callers.spawn(async move { errcode(client.execute(request).await.unwrap()).await });
        }
        assert_eq!(callers.join_all().await, [0; 100]);
        assert_eq!(wechat.mints(), mints);
        wechat.revoke();
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let wechat = FakeWeChat::start().await;
    wechat.fail_tokens(Fault::Errcode(40125));
    let client = wechat_client(&TokenCache::new(stable(&wechat)));
    let error = client.execute(message(&wechat)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Token);
    assert_eq!(error.downcast_ref::<TokenError>().unwrap().errcode(), Some(40125));
    assert_eq!(wechat.api_requests(), 0);
}

/// `ConcurrencyLimit` panics if an instance is called that was not polled ready.
#[tokio::test]
async fn the_ready_instance_is_called_and_holds_nothing_up() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let mut client = WeChatAuthLayer::new(&cache).layer(ConcurrencyLimit::new(http(), 1));
    for _ in 0..2 {
        let client = ServiceExt::<Request>::ready(&mut client).await.unwrap();
        let response = client.call(message(&wechat)).await.unwrap();
        assert_eq!(errcode(response).await, 0);
        wechat.revoke();
    }
    assert_eq!(wechat.mints(), 2);
}

#[tokio::test]
async fn handles_pick_the_account() {
    let wechat = FakeWeChat::builder().account("wxa", "a").account("wxb", "b").start().await;
    let cache = |app: &str, secret: &str| {
        let issuer = tower_wechat::issuer::StableToken::new(app, secret);
        TokenCache::new(issuer.base_url(&wechat.url()).unwrap())
    };
    let pool = TokenPool::new();
    pool.insert("wxa".into(), cache("wxa", "a"));
    pool.insert("wxb".into(), cache("wxb", "b"));
    let client = WeChatAuthLayer::new(pool).layer(http());

    let error = client.execute(message(&wechat)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownApp);

    let b = client.for_app("wxb".into());
    assert_eq!(errcode(b.execute(message(&wechat)).await.unwrap()).await, 0);

    let made = |extension: fn(&mut http::Extensions)| {
        let mut request = http::Request::<reqwest::Body>::try_from(message(&wechat)).unwrap();
        extension(request.extensions_mut());
        Request::try_from(request).unwrap()
    };
    let named = made(|extensions| _ = extensions.insert(AppId::from("wxa")));
    assert_eq!(errcode(client.execute(named).await.unwrap()).await, 0);
    let accounts: Vec<_> = wechat.seen().into_iter().map(|seen| seen.account).collect();
    assert_eq!(accounts, [Some("wxb".into()), Some("wxa".into())]);

    let skipped = made(|extensions| _ = extensions.insert(SkipAuth));
    for (client, request) in [(client.without_auth(), message(&wechat)), (client, skipped)] {
        let response = client.execute(request).await.unwrap();
        assert!(response.extensions().get::<AuthOutcome>().is_none());
        assert_eq!(errcode(response).await, 41001, "no token");
    }
}
