//! Readiness and exactly-once, over a mock that panics if it is called before it is ready.

use std::{fmt, sync::Arc, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Service, ServiceExt};
use tower_test::mock::{self, Mock};
use tower_wechat::{
    AuthOutcome, ErrorKind, NotReplayed, ReplayBody, TokenCache, WeChatAuth, WeChatAuthLayer, issuer::Minted,
};

use crate::stack::{
    scenario::soon,
    support::{
        issuers::{TWO_HOURS, instant, scripted},
        read,
    },
};

type Sent = Request<ReplayBody<Full<Bytes>>>;
type Received = Response<Full<Bytes>>;

#[derive(Debug, PartialEq)]
struct Broken(u8);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

fn layered(cache: &TokenCache) -> (WeChatAuth<Mock<Sent, Received>>, mock::Handle<Sent, Received>) {
    use tower::Layer;
    let (mock, handle) = mock::pair();
    (WeChatAuthLayer::new(cache).layer(mock), handle)
}

async fn warm() -> (TokenCache, Arc<std::sync::atomic::AtomicU64>) {
    let (issuer, mints) = instant();
    let cache = TokenCache::new(issuer);
    cache.token().await.unwrap();
    (cache, mints)
}

fn request() -> Request<Full<Bytes>> {
    Request::post("https://api.weixin.qq.com/cgi-bin/x").body(Full::from("{}")).unwrap()
}

fn answer(errcode: i64) -> Received {
    Response::new(Full::from(format!(r#"{{"errcode":{errcode},"errmsg":"x"}}"#)))
}

#[tokio::test]
async fn a_good_token_goes_out_inside_call() {
    let (cache, _) = warm().await;
    let (mut auth, mut handle) = layered(&cache);
    handle.allow(1);
    let future = auth.ready().await.unwrap().call(request());
    // Nothing has polled the future yet.
    let (sent, respond) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    assert_eq!(sent.uri().query(), Some("access_token=TOKEN-1"));
    respond.send_response(answer(0));
    let response = soon(future).await.unwrap();
    assert!(response.extensions().get::<AuthOutcome>().is_none());
}

#[tokio::test]
async fn a_cold_start_takes_readiness_anew() {
    let (give, wait) = tokio::sync::watch::channel(false);
    let issuer = scripted(move |_| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|given| *given).await.unwrap();
            Ok(Minted::new("LATE", TWO_HOURS))
        }
    });
    let cache = TokenCache::new(issuer);
    let (mut auth, mut handle) = layered(&cache);
    handle.allow(1);
    let mut future = task::spawn(auth.ready().await.unwrap().call(request()));
    assert_pending!(future.poll());
    // What the first readiness was for is gone by now.
    handle.allow(0);
    give.send_replace(true);
    cache.token().await.unwrap();
    assert_pending!(future.poll());
    assert_pending!(task::spawn(handle.next_request()).poll());
    handle.allow(1);
    assert_pending!(future.poll());
    let (sent, respond) = soon(handle.next_request()).await.unwrap();
    assert_eq!(sent.uri().query(), Some("access_token=LATE"));
    respond.send_response(answer(0));
    soon(future).await.unwrap();
}

#[tokio::test]
async fn a_replay_takes_readiness_anew_and_is_the_last() {
    let (cache, mints) = warm().await;
    let (mut auth, mut handle) = layered(&cache);
    handle.allow(1);
    let mut future = task::spawn(auth.ready().await.unwrap().call(request()));
    let (_, respond) = soon(handle.next_request()).await.unwrap();
    respond.send_response(answer(40001));
    assert_pending!(future.poll());
    // Joins the refresh, or finds it done.
    cache.refresh(&cache.current().unwrap()).await.unwrap();
    assert_pending!(future.poll());
    assert_pending!(task::spawn(handle.next_request()).poll(), "not ready yet");

    handle.allow(1);
    assert_pending!(future.poll());
    let (sent, respond) = soon(handle.next_request()).await.unwrap();
    assert_eq!(sent.uri().query(), Some("access_token=TOKEN-2"));
    respond.send_response(answer(40001));
    let last = read(soon(future).await.unwrap()).await;
    assert_eq!(last.errcode(), Some(40001), "the second rejection is the answer");
    assert!(last.replayed());
    handle.allow(10);
    assert_pending!(task::spawn(handle.next_request()).poll(), "not a third time");
    assert_eq!(mints.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_error_of_readiness_passes_through() {
    let (cache, _) = warm().await;
    let (mut auth, mut handle) = layered(&cache);
    handle.send_error(Broken(1));
    let error = auth.ready().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inner);
    assert!(inner(&error, 1));
}

#[tokio::test]
async fn an_error_of_the_first_send_passes_through() {
    let (cache, mints) = warm().await;
    let (auth, mut handle) = layered(&cache);
    let sending = tokio::spawn(auth.oneshot(request()));
    let (_, respond) = soon(handle.next_request()).await.unwrap();
    respond.send_error(Broken(2));
    let error = soon(sending).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inner);
    assert!(inner(&error, 2));
    assert_eq!(mints.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_error_of_the_second_send_passes_through() {
    let (cache, _) = warm().await;
    let (auth, mut handle) = layered(&cache);
    let sending = tokio::spawn(auth.oneshot(request()));
    let (_, respond) = soon(handle.next_request()).await.unwrap();
    respond.send_response(answer(42001));
    let (_, respond) = soon(handle.next_request()).await.unwrap();
    respond.send_error(Broken(3));
    let error = soon(sending).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inner);
    assert!(inner(&error, 3));
}

#[tokio::test]
async fn a_service_that_takes_no_second_request_leaves_the_first_answer() {
    let (cache, _) = warm().await;
    let (mut auth, mut handle) = layered(&cache);
    handle.allow(1);
    let future = auth.ready().await.unwrap().call(request());
    let (_, respond) = soon(handle.next_request()).await.unwrap();
    respond.send_response(answer(42001));
    handle.send_error(Broken(4));
    let first = read(soon(future).await.unwrap()).await;
    assert_eq!(first.errcode(), Some(42001));
    assert_eq!(first.outcome().not_replayed(), Some(NotReplayed::ServiceNotReady));
}

#[tokio::test(start_paused = true)]
async fn an_unready_service_is_no_reason_to_wait_with_the_fetch() {
    let (issuer, mints) = instant();
    let cache = TokenCache::new(issuer);
    let (mut auth, mut handle) = layered(&cache);
    handle.allow(1);
    let mut future = task::spawn(auth.ready().await.unwrap().call(request()));
    assert_pending!(future.poll());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(mints.load(Ordering::SeqCst), 1);
    assert_pending!(future.poll());
}

/// The mock boxes errors, so the one in it is below a box.
fn inner(error: &tower_wechat::Error, number: u8) -> bool {
    error.downcast_ref::<Broken>() == Some(&Broken(number))
}
