//! `POST /v1/apps/{app}/refresh`.

use fake_wechat::FakeWeChat;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tower_wechat::{TokenCache, issuer::StableToken, store::MemoryStore};
use wechat_hub::{Client, Hub};

use super::support::{APP, SECRET, all, answer, cache, eventually, hub, raw, refresh, request, tcp, token};

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
        [json!(264.0), json!("never issued"), json!(0), json!(present + 1), json!(u64::MAX), json!("")]
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
        "[1]",
        "[\"a\"]",
    ] {
        raw(&server, request("POST", &path, SECRET, body)).await.unwrap().is_problem(400);
    }
    let body = json!({ "rejected": "x".repeat(70_000) }).to_string();
    raw(&server, request("POST", &path, SECRET, &body)).await.unwrap().is_problem(413);
    let body = json!({ "rejected": "x".repeat(65_000) }).to_string();
    assert_eq!(raw(&server, request("POST", &path, SECRET, &body)).await.unwrap().status, 200);
    assert_eq!(wechat.mints(), 1);
}

/// The head of a refresh, and the body later.
async fn slowly(server: &wechat_hub::Server, secret: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(tcp(server)).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/apps/{APP}/refresh HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {secret}\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_is_revoked_before_its_body_has_come_causes_no_mint() {
    let wechat = FakeWeChat::start().await;
    let cache = cache(&wechat);
    let builder = || Hub::builder().app_on_demand(APP, cache.clone()).client(all());
    let other = Client::new("other", "other").apps([APP]).rights(["token", "refresh"]);
    let hub = builder().client(other).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.token();
    let body = json!({ "rejected": present }).to_string();
    let mut stream = slowly(&server, "other", &body).await;
    eventually(|| hub.load().connections - hub.load().idle_connections == 1).await;
    hub.reconfigure(builder()).unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    answer(&mut stream).await.unwrap().is_problem(401);
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn a_refresh_whose_app_is_replaced_meanwhile_goes_to_the_new_one() {
    let wechat = FakeWeChat::start().await;
    let store = MemoryStore::new();
    let new = || {
        let issuer = StableToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
        TokenCache::builder(issuer).store(store.clone()).build()
    };
    let first = new();
    let hub = Hub::builder().app_on_demand(APP, first.clone()).client(all()).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.token();
    let body = json!({ "rejected": present }).to_string();
    let mut stream = slowly(&server, SECRET, &body).await;
    eventually(|| hub.load().connections - hub.load().idle_connections == 1).await;
    hub.reconfigure(Hub::builder().app_on_demand(APP, new()).client(all())).unwrap();
    first.shutdown().await;
    wechat.revoke();
    stream.write_all(body.as_bytes()).await.unwrap();
    assert_ne!(answer(&mut stream).await.unwrap().token(), present);
}

#[tokio::test]
async fn a_body_that_is_announced_to_be_too_long_is_not_waited_for() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let request = format!(
        "POST /v1/apps/{APP}/refresh HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {SECRET}\r\nexpect: 100-continue\r\n\
         content-length: 99999999\r\n\r\n"
    );
    let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(&mut stream).await.unwrap().is_problem(413);
}
