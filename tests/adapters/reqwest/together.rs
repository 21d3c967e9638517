//! Time-outs and redirects over reqwest, where its own timer and the layer's end together.

use std::time::Duration;

use crate::reqwest::support::{
    issuers::{TWO_HOURS, instant, scripted},
    raw::Raw,
};
use reqwest::{Client, Request, Response};
use tokio::{io::AsyncWriteExt, time::sleep};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit};
use tower_wechat::{AuthOutcome, NotReplayed, TokenCache, WeChatAuthLayer, issuer::Minted};

fn http() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().tls_certs_only([]).referer(false).build().unwrap()
}

/// The status of a request without a body that is redirected with 307 on the same origin.
async fn redirected(method: reqwest::Method, layered: bool) -> u16 {
    let raw = Raw::start().await;
    let http = http();
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0)).allow_origin(&raw.url()).unwrap();
    let request = http.request(method, raw.url() + "/x").build().unwrap();
    let serving = async {
        let (_, mut stream) = raw.accept().await;
        let answer = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /y\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        drop(stream);
        raw.serve(r#"{"errcode":0}"#).await;
    };
    let sending = async {
        if layered {
            layer.layer(http.clone()).execute(request).await.unwrap()
        } else {
            http.execute(request).await.unwrap()
        }
    };
    tokio::select! {
        response = sending => response.status().as_u16(),
        () = async { serving.await; sleep(Duration::from_secs(5)).await } => panic!("no answer"),
    }
}

/// "reqwest … can send it again by itself after a lost connection or a redirect".
#[tokio::test]
async fn a_request_without_a_body_follows_a_redirect_as_without_the_layer() {
    for method in [reqwest::Method::GET, reqwest::Method::POST] {
        assert_eq!(redirected(method.clone(), false).await, 200, "bare {method}");
        assert_eq!(redirected(method.clone(), true).await, 200, "layered {method}");
    }
}

/// "A request's own timeout … ; after it a rejected request gets WeChat's first answer": where the second send is under way,
/// reqwest's own timer and the layer's end together.
#[tokio::test]
async fn after_the_requests_own_timeout_there_is_the_first_answer_also_while_the_second_is_awaited() {
    let mut lost = Vec::new();
    for _ in 0..20 {
        let raw = Raw::start().await;
        let http = http();
        let layer = WeChatAuthLayer::new(TokenCache::new(instant().0)).allow_origin(&raw.url()).unwrap();
        let client = layer.layer(http.clone());
        let request = http.get(raw.url() + "/x").timeout(Duration::from_millis(60)).build().unwrap();
        let serving = async {
            raw.serve(r#"{"errcode":40001}"#).await;
            raw.accept().await.1
        };
        let (result, _stream) = tokio::join!(client.execute(request), serving);
        match result {
            Ok(response) => {
                let outcome = response.extensions().get::<AuthOutcome>().unwrap();
                assert_eq!(outcome.not_replayed(), Some(NotReplayed::TimedOut));
            }
            Err(error) => lost.push(error.to_string()),
        }
    }
    assert!(lost.is_empty(), "{} of 20, e.g. {}", lost.len(), lost[0]);
}

/// A neighbour takes the permit while the token is fetched.
#[tokio::test(start_paused = true)]
async fn the_requests_own_timeout_covers_the_wait_for_the_service_after_that_for_the_token() {
    let cache = TokenCache::new(scripted(|_| async {
        sleep(Duration::from_millis(100)).await;
        Ok(Minted::new("TOKEN", TWO_HOURS))
    }));
    let slow = tower::service_fn(|_: Request| async {
        sleep(Duration::from_secs(60)).await;
        Ok::<_, reqwest::Error>(Response::from(http::Response::new(r#"{"errcode":0}"#)))
    });
    let limited = ConcurrencyLimit::new(slow, 1);
    let client = WeChatAuthLayer::new(&cache).layer(limited.clone());
    let request =
        || http().get("https://api.weixin.qq.com/x").timeout(Duration::from_millis(300)).build().unwrap();
    let sending = tokio::spawn(async move { client.execute(request()).await });
    tokio::task::yield_now().await;
    let neighbour = tokio::spawn(limited.oneshot(http().get("https://example.com/").build().unwrap()));
    // Time is paused: only what waits longer is cut short here.
    let sent = tokio::time::timeout(Duration::from_millis(400), sending).await;
    neighbour.abort();
    assert!(sent.is_ok(), "it still waits");
}
