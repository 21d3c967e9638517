//! Requests that have a token of their own in the query.

use std::sync::atomic::Ordering;

use http_body_util::Full;
use tower::{Layer, ServiceExt};
use tower_wechat::{Platform, TokenCache, WeChatAuthLayer, testing::FakeWeChat};

use super::{REJECTION, get, soon};
use crate::routes::support::{below::Below, client, issuers::instant_of, post, read, stable};

const KEYS: [&str; 9] = [
    "access_token",
    "component_access_token",
    "authorizer_access_token",
    "suite_access_token",
    "provider_access_token",
    "cloudbase_access_token",
    "model_access_token",
    "device_access_token",
    "a_kind_of_tomorrow_access_token",
];

fn platforms() -> [Platform; 5] {
    [Platform::wechat(), Platform::wecom(), Platform::component(), Platform::suite(), Platform::provider()]
}

#[tokio::test]
async fn a_token_of_any_kind_in_the_query_goes_out_unchanged_and_its_rejection_is_the_callers() {
    for platform in platforms() {
        let host = if platform == Platform::wechat() || platform == Platform::component() {
            "https://api.weixin.qq.com"
        } else {
            "https://qyapi.weixin.qq.com"
        };
        for key in KEYS {
            for warm in [false, true] {
                let (issuer, mints) = instant_of(platform.clone());
                let cache = TokenCache::new(issuer);
                if warm {
                    cache.token().await.unwrap();
                }
                let before = mints.load(Ordering::SeqCst);
                let below = Below::new(REJECTION);
                let uri = format!("{host}/cgi-bin/x?a=%2f&{key}=THEIRS&b");
                let auth = WeChatAuthLayer::new(&cache).layer(below.clone());
                let answer = read(soon(auth.oneshot(get(&uri))).await.unwrap()).await;
                assert_eq!(below.take(), [uri], "as it was, and once");
                assert!(answer.outcome.is_none(), "{key}: nobody judged the answer");
                assert_eq!(answer.text, REJECTION);
                assert_eq!(mints.load(Ordering::SeqCst), before, "{key}");
            }
        }
    }
}

#[tokio::test]
async fn the_same_over_a_socket() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    wechat.reject_all(Some(42001));
    for key in KEYS {
        wechat.clear_seen();
        let request = post(&wechat, &format!("/cgi-bin/x?a=%2f&{key}=THEIRS&b"), Full::from("{}"));
        let answer = read(soon(client(&cache).oneshot(request)).await.unwrap()).await;
        assert_eq!(answer.errcode(), Some(42001), "{key}");
        assert!(answer.outcome.is_none(), "{key}");
        let seen = wechat.seen();
        assert_eq!(seen.len(), 1, "{key}");
        assert_eq!(seen[0].query, format!("a=%2f&{key}=***&b"));
    }
    assert_eq!((wechat.token_requests(), cache.stats()), (0, tower_wechat::Stats::default()));
}

#[tokio::test]
async fn a_key_that_only_looks_like_one_is_no_token() {
    for query in ["access_tokens=x", "access_token_=x", "a=access_token=x", "accesstoken=x"] {
        let (issuer, _) = instant_of(Platform::wechat());
        let below = Below::new("{}");
        let auth = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(below.clone());
        let uri = format!("https://api.weixin.qq.com/cgi-bin/x?{query}");
        soon(auth.oneshot(get(&uri))).await.unwrap();
        assert_eq!(below.take(), [format!("{uri}&access_token=TOKEN-1")]);
    }
}

#[tokio::test]
async fn with_the_parameter_renamed_only_that_name_counts() {
    let base = "https://api.weixin.qq.com/cgi-bin/x";
    for (query, expected) in [
        ("", "?wx_token=TOKEN-1"),
        ("?access_token=of-the-gateway", "?access_token=of-the-gateway&wx_token=TOKEN-1"),
        ("?component_access_token=x&b", "?component_access_token=x&b&wx_token=TOKEN-1"),
        ("?access_token=", "?access_token=&wx_token=TOKEN-1"),
        ("?wx_token=THEIRS", "?wx_token=THEIRS"),
        ("?wx%5ftoken=THEIRS", "?wx%5ftoken=THEIRS"),
        ("?access_token=of-the-gateway&wx_token=THEIRS", "?access_token=of-the-gateway&wx_token=THEIRS"),
    ] {
        let (issuer, mints) = instant_of(Platform::wechat().with_parameter("wx_token"));
        let below = Below::new("{}");
        let auth = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(below.clone());
        soon(auth.oneshot(get(&format!("{base}{query}")))).await.unwrap();
        assert_eq!(below.take(), [format!("{base}{expected}")]);
        assert_eq!(mints.load(Ordering::SeqCst), u64::from(expected.contains("TOKEN-1")));
    }
}

#[tokio::test]
async fn a_rejection_beside_the_gateways_own_token_is_healed() {
    let (issuer, mints) = instant_of(Platform::wechat().with_parameter("wx_token"));
    let below = Below::new(REJECTION);
    let auth = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(below.clone());
    let base = "https://api.weixin.qq.com/cgi-bin/x?access_token=of-the-gateway";
    let answer = read(soon(auth.oneshot(get(base))).await.unwrap()).await;
    assert!(answer.replayed());
    assert_eq!(below.take(), [1, 2].map(|n| format!("{base}&wx_token=TOKEN-{n}")));
    assert_eq!(mints.load(Ordering::SeqCst), 2);
}
