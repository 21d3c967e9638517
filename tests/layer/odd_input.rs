//! Input that nobody should send, and some do.

use crate::support::{
    below::Below,
    issuers::{instant, instant_of},
    read,
};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{Layer, ServiceExt};
use tower_wechat::{Platform, TokenCache, WeChatAuthLayer, WeChatError};

fn request(url: &str) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

/// The name of a renamed parameter "must be percent-encoded", and is then compared with decoded keys.
#[tokio::test]
async fn a_token_of_the_callers_own_is_seen_where_the_name_is_percent_encoded() {
    let below = Below::new(r#"{"errcode":0}"#);
    let (issuer, _) = instant_of(Platform::wechat().with_parameter("wx%5Ftoken"));
    let client = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(below.clone());
    client.oneshot(request("https://api.weixin.qq.com/x?wx%5Ftoken=MINE")).await.unwrap();
    assert_eq!(below.take(), ["https://api.weixin.qq.com/x?wx%5Ftoken=MINE"]);
}

/// The list of headers becomes a map of that capacity, which `http` refuses from 24 577 on.
#[tokio::test]
async fn a_replay_of_a_request_with_many_values_of_one_header_does_not_panic() {
    let below = Below::new(r#"{"errcode":40001}"#);
    let client = WeChatAuthLayer::new(TokenCache::new(instant().0)).layer(below.clone());
    let mut many = request("https://api.weixin.qq.com/x");
    for _ in 0..24_577 {
        many.headers_mut().append("cookie", "a".parse().unwrap());
    }
    let answer = read(client.oneshot(many).await.unwrap()).await;
    assert!(answer.replayed());
}

/// 0 is no rejection, whoever names it.
#[tokio::test]
async fn a_success_is_never_sent_twice() {
    let below = Below::new(r#"{"errcode":0,"errmsg":"ok"}"#);
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0)).rejection_codes([0]);
    layer.layer(below.clone()).oneshot(request("https://api.weixin.qq.com/x")).await.unwrap();
    assert_eq!(below.take().len(), 1);
}

#[tokio::test]
async fn an_origin_that_can_never_match_is_refused() {
    let layer = || WeChatAuthLayer::new(TokenCache::new(instant().0));
    for url in ["https://*.example.com", "https://exa$mple.com", "https://%61pi.example.com"] {
        assert!(layer().allow_origin(url).is_err(), "{url}");
    }
}

/// The scanner sees the code; `WeChatError::parse` takes the same answer for a success.
#[test]
fn an_error_whose_text_is_damaged_is_still_an_error() {
    for answer in [
        r#"{"errcode":40003,"errmsg":"invalid nickname \ud83d"}"#,
        r#"{"errcode":40003,"errmsg":"invalid path C:\x"}"#,
        r#"{"errcode":40003,"errmsg":"a","errmsg":"b"}"#,
    ] {
        let error = WeChatError::parse(answer.as_bytes());
        assert_eq!(error.map(|error| error.errcode()), Some(40003), "{answer}");
    }
}

#[test]
fn an_error_before_deep_data_is_still_an_error() {
    let answer = format!(r#"{{"errcode":40003,"data":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    assert_eq!(WeChatError::parse(answer.as_bytes()).map(|error| error.errcode()), Some(40003));
}
