//! `POST /v1/apps/{app}/refresh`.

use fake_wechat::FakeWeChat;
use serde_json::{Value, json};
use tower_wechat::{TokenCache, issuer::StableToken, store::MemoryStore};
use wechat_hub::Hub;

use super::support::{APP, SECRET, all, hub, raw, refresh, request, token};

#[tokio::test]
async fn only_the_rejection_of_the_present_token_costs_a_mint() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let mut old = token(&server, "").await;
    for by_text in [true, false] {
        wechat.revoke();
        let mints = wechat.mints();
        let rejected = |old: &super::support::Answer| {
            if by_text { Value::from(old.token()) } else { Value::from(old.generation()) }
        };
        let better = refresh(&server, rejected(&old)).await;
        assert_ne!(better.token(), old.token());
        assert!(better.generation() > old.generation());
        assert_eq!(wechat.mints(), mints + 1);
        // Whoever comes late, or says it twice.
        for _ in 0..3 {
            assert_eq!(refresh(&server, rejected(&old)).await.token(), better.token());
        }
        assert_eq!(wechat.mints(), mints + 1);
        old = better;
    }
}

#[tokio::test]
async fn what_was_never_issued_gets_the_present_token() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let cold = refresh(&server, "never issued").await.token();
    let present = token(&server, "").await.generation();
    for rejected in
        [json!(1.0), json!("never issued"), json!(0), json!(present + 1), json!(u64::MAX), json!("")]
    {
        assert_eq!(refresh(&server, rejected).await.token(), cold);
    }
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn a_thousand_workers_that_met_the_same_rejection_share_one_mint() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let old = token(&server, "").await.token();
    wechat.revoke();
    let better = futures_util::future::join_all((0..1000).map(|_| refresh(&server, old.as_str()))).await;
    assert!(better.iter().all(|answer| answer.token() == better[0].token() && answer.token() != old));
    assert_eq!(wechat.mints(), 2);
}

#[tokio::test]
async fn a_token_that_another_hub_has_just_handed_out_is_known_once_it_is_named() {
    let wechat = FakeWeChat::start().await;
    let store = MemoryStore::new();
    let serve = || {
        let issuer = StableToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
        let cache = TokenCache::builder(issuer).store(store.clone()).build();
        let hub = Hub::builder().app_on_demand(APP, cache).client(all()).build().unwrap();
        hub.serve_tcp("127.0.0.1:0").unwrap()
    };
    let [one, other] = [serve(), serve()];
    let first = token(&one, "").await.token();
    assert_eq!(token(&other, "").await.token(), first);
    wechat.revoke();
    let second = refresh(&one, first.as_str()).await;
    // The second is rejected, too, and that is told to the hub that may not have heard of it.
    wechat.revoke();
    let third = refresh(&other, second.token()).await;
    assert_ne!(third.token(), second.token());
    assert_eq!(wechat.mints(), 3);
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    token(&server, "").await;
    let path = format!("/v1/apps/{APP}/refresh");
    for body in [
        "",
        "{}",
        "null",
        "[]",
        "{\"rejected\"",
        r#"{"rejected": null}"#,
        r#"{"rejected": -1}"#,
        r#"{"rejected": 1.5}"#,
        r#"{"rejected": ["a"]}"#,
        r#"{"rejected": {"a": 1}}"#,
        r#"{"rejected": true}"#,
        r#"{"rejected": 1, "rejected": 2}"#,
        r#"{"rejected": 99999999999999999999}"#,
        "rejected=1",
    ] {
        raw(&server, request("POST", &path, SECRET, body)).await.unwrap().is_problem(400);
    }
    let body = json!({ "rejected": "x".repeat(70_000) }).to_string();
    raw(&server, request("POST", &path, SECRET, &body)).await.unwrap().is_problem(413);
    let body = json!({ "rejected": "x".repeat(65_000) }).to_string();
    assert_eq!(raw(&server, request("POST", &path, SECRET, &body)).await.unwrap().status, 200);
    assert_eq!(wechat.mints(), 1);
}
