//! Tests of an SDK: against the platform in a box, and against a closure.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::{client::legacy, rt::TokioExecutor};
use tiny_sdk::{Client, Error, HttpService, MediaKind, NewQrCode};
use tower::{ServiceBuilder, service_fn};
use tower_wechat::{
    TokenCache, TokenPool, WeChatAuth, WeChatAuthLayer,
    issuer::StableToken,
    testing::{FakeWeChat, Fault},
};

/// A client of a fake WeChat.
fn client(wechat: &FakeWeChat) -> Client<impl HttpService> {
    let issuer =
        StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    let http = legacy::Client::builder(TokioExecutor::new()).build_http();
    Client::new(WeChatAuth::new(http, TokenCache::new(issuer)), &wechat.url())
}

#[tokio::test]
async fn nobody_notices_that_the_token_was_revoked() {
    let wechat = FakeWeChat::start().await;
    let client = client(&wechat);
    client.user_info("o1").await.unwrap();
    wechat.revoke();
    let user = client.user_info("o1").await.unwrap();
    assert_eq!(user.value.openid, "o1");
    assert!(user.auth.unwrap().replayed());
    assert_eq!(wechat.mints(), 2);
}

#[tokio::test]
async fn what_wechat_refuses_is_an_error_with_its_code() {
    let wechat = FakeWeChat::start().await;
    let client = client(&wechat);
    wechat.reject_all(Some(45015));
    let error = client.send_text("o1", "你好").await.unwrap_err();
    assert_eq!(error.errcode(), Some(45015));
    assert!(error.token_error().is_none());
}

#[tokio::test]
async fn no_token_is_an_error_that_says_why() {
    let wechat = FakeWeChat::start().await;
    let client = client(&wechat);
    wechat.fail_tokens(Fault::Errcode(40164)); // this machine is not on the allow-list
    let error = client.user_info("o1").await.unwrap_err();
    assert_eq!(error.token_error().unwrap().errcode(), Some(40164));
    assert_eq!(error.errcode(), None);
}

#[tokio::test]
async fn a_rejection_that_no_refresh_mends_says_why() {
    let wechat = FakeWeChat::start().await;
    let client = client(&wechat);
    client.user_info("o1").await.unwrap();
    wechat.revoke();
    wechat.fail_tokens(Fault::Errcode(40125)); // somebody has reset the secret
    let error = client.user_info("o1").await.unwrap_err();
    assert_eq!(error.errcode(), Some(40001));
    assert_eq!(error.token_error().unwrap().errcode(), Some(40125));
    assert!(error.to_string().contains("the secret is wrong"), "{error}");
}

#[tokio::test]
async fn every_account_has_its_own_token() {
    let wechat = FakeWeChat::builder().account("wx-news", "1").account("wx-shop", "2").start().await;
    let pool = TokenPool::new();
    for (app, secret) in [("wx-news", "1"), ("wx-shop", "2")] {
        let issuer = StableToken::new(app, secret).base_url(&wechat.url()).unwrap();
        pool.insert(app.into(), TokenCache::new(issuer));
    }
    let http = legacy::Client::builder(TokioExecutor::new()).build_http();
    let client = Client::new(WeChatAuth::new(http, pool), &wechat.url());
    client.for_account("wx-shop").user_info("o1").await.unwrap();
    assert_eq!(wechat.seen()[0].account.as_deref(), Some("wx-shop"));
    assert!(matches!(client.user_info("o1").await, Err(Error::Http(_))), "whose user?");
}

#[tokio::test]
async fn an_upload_is_sent_again_byte_for_byte() {
    let wechat = FakeWeChat::start().await;
    let client = client(&wechat);
    client.user_info("o1").await.unwrap();
    wechat.revoke();
    let file = b"--tiny-sdk-0".repeat(10_000);
    client.upload_media(MediaKind::Image, "a \"cat\".png", &file).await.unwrap();
    let seen = wechat.seen();
    assert_eq!(seen[1].body_sha256, seen[2].body_sha256);
    assert!(seen[2].body.windows(file.len()).any(|part| part == file));
}

#[tokio::test]
async fn layers_go_above_and_the_cause_is_still_found() {
    let wechat = FakeWeChat::start().await;
    let issuer = StableToken::new(FakeWeChat::APP_ID, "not-its-secret").base_url(&wechat.url()).unwrap();
    let http = ServiceBuilder::new()
        .timeout(Duration::from_secs(10))
        .layer(WeChatAuthLayer::new(TokenCache::new(issuer)))
        .service(legacy::Client::builder(TokioExecutor::new()).build_http());
    let client = Client::new(http, &wechat.url());
    // Its future can be spawned.
    let error = tokio::spawn(async move { client.user_info("o1").await }).await.unwrap().unwrap_err();
    assert_eq!(error.token_error().unwrap().errcode(), Some(40125));
}

#[tokio::test]
async fn a_closure_will_do() {
    let http = service_fn(async |request: Request<Full<Bytes>>| {
        assert_eq!(request.uri(), "https://api.weixin.qq.com/cgi-bin/qrcode/create");
        let answer = r#"{"ticket":"gQ","url":"http://weixin.qq.com/q/02","expire_seconds":60}"#;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(answer)))
    });
    let client = Client::new(http, "https://api.weixin.qq.com/");
    let code = client.qrcode_create(&NewQrCode::temporary("shelf", Duration::from_secs(60))).await.unwrap();
    assert_eq!((code.value.expire_seconds, code.auth.is_none()), (Some(60), true));
}

#[tokio::test]
async fn what_is_no_answer_of_wechats_is_not_quoted() {
    let http = service_fn(async |_: Request<Full<Bytes>>| {
        let page = Full::<Bytes>::from("<html>of somebody else</html>");
        Ok::<_, Infallible>(Response::builder().status(502).body(page).unwrap())
    });
    let error = Client::new(http, "https://api.weixin.qq.com").user_info("o1").await.unwrap_err();
    assert_eq!(error.to_string(), "WeChat's answer (HTTP 502 Bad Gateway) cannot be read");
}
