//! `WeChatAuth::new` and `WeChatAuth::send`: the layer without tower's builder and without `oneshot`.

use crate::support;

use std::{convert::Infallible, future::Future, io, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use support::{below::Below, issuers::instant, *};
use tokio::{task::JoinSet, time::timeout};
use tower::{
    Service, ServiceExt,
    limit::ConcurrencyLimit,
    service_fn,
    util::{BoxCloneService, BoxCloneSyncService},
};
use tower_wechat::{
    ErrorKind, ReplayBody, TokenCache, TokenPool, WeChatAuth,
    testing::{FakeWeChat, Fault},
};

type Body = Full<Bytes>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Far more than any of this takes: what does not end by then hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("no hang")
}

/// What `tokio::spawn` asks of a future.
fn spawnable<F: Future + Send + 'static>(future: F) -> F {
    future
}

/// A cold start, a rejection and an error, each by `send`.
async fn serves<S>(inner: S)
where
    S: Service<Request<ReplayBody<Body>>, Response = Response<Incoming>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    let wechat = FakeWeChat::start().await;
    let auth = WeChatAuth::new(inner, TokenCache::new(stable(&wechat)));
    for replayed in [false, true] {
        // Not mutable, and no clone by hand; the future outlives this call.
        let sending = spawnable(auth.send(call(&wechat)));
        let answer = read(soon(tokio::spawn(sending)).await.unwrap().unwrap()).await;
        assert_eq!((answer.errcode(), answer.replayed()), (Some(0), replayed));
        wechat.revoke();
    }
    assert_eq!((wechat.mints(), wechat.api_requests()), (2, 3));
    wechat.fail_tokens(Fault::Errcode(40125));
    let answer = read(soon(auth.send(call(&wechat))).await.unwrap()).await;
    assert_eq!(answer.errcode(), Some(40001));
    wechat.fail_apis(Fault::Reset);
    assert_eq!(soon(auth.send(call(&wechat))).await.err().unwrap().kind(), ErrorKind::Inner);
}

#[tokio::test]
async fn over_a_hyper_client() {
    serves(http()).await;
}

#[tokio::test]
async fn over_a_function() {
    let client = http();
    serves(service_fn(move |request: Request<ReplayBody<Body>>| client.request(request))).await;
}

#[tokio::test]
async fn over_boxes() {
    serves(BoxCloneService::new(http())).await;
    serves(BoxCloneSyncService::new(http())).await;
    serves(BoxCloneService::new(http().map_err(|error| -> BoxError { error.into() }))).await;
}

/// `ConcurrencyLimit` panics if an instance is called that was not polled ready.
#[tokio::test]
async fn over_a_service_that_is_not_always_ready() {
    serves(ConcurrencyLimit::new(http(), 1)).await;
}

#[tokio::test]
async fn with_bodies_of_other_types() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let boxed: UnsyncBoxBody<Bytes, io::Error> =
        Full::from("{}").map_err(|never: Infallible| match never {}).boxed_unsync();
    let one = spawnable(WeChatAuth::new(http(), &cache).send(post(&wechat, "/cgi-bin/x", boxed)));
    let two = spawnable(WeChatAuth::new(http(), &cache).send(post(&wechat, "/cgi-bin/x", Empty::new())));
    let three = spawnable(WeChatAuth::new(http(), &cache).send(post(&wechat, "/cgi-bin/x", "{}".to_owned())));
    for response in [soon(one).await, soon(two).await, soon(three).await] {
        assert_eq!(read(response.unwrap()).await.errcode(), Some(0));
    }
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn one_handle_serves_many_at_once() {
    let wechat = FakeWeChat::start().await;
    let auth = WeChatAuth::new(http(), TokenCache::new(stable(&wechat)));
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let sending = auth.send(call(&wechat));
        callers.spawn(async move { read(sending.await.unwrap()).await.errcode() });
    }
    assert_eq!(soon(callers.join_all()).await, [Some(0); 50]);
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn a_future_that_nobody_polls_sends_nothing() {
    let (issuer, mints) = instant();
    let below = Below::new("{}");
    let auth = WeChatAuth::new(below.clone(), TokenCache::new(issuer));
    let request = Request::get("https://api.weixin.qq.com/cgi-bin/x").body(Body::default()).unwrap();
    drop(auth.send(request));
    assert_eq!(below.take(), [""; 0]);
    assert_eq!(mints.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn accounts_are_given_as_a_cache_or_a_pool_by_value_or_by_reference() {
    let request = || Request::get("https://api.weixin.qq.com/cgi-bin/x").body(Body::default()).unwrap();
    let with_token = "https://api.weixin.qq.com/cgi-bin/x?access_token=TOKEN-1";
    let cache = TokenCache::new(instant().0);
    let pool = TokenPool::new();
    pool.insert("wx".into(), TokenCache::new(instant().0));
    let below = Below::new(r#"{"errcode":0}"#);
    for auth in [WeChatAuth::new(below.clone(), &cache), WeChatAuth::new(below.clone(), cache.clone())] {
        soon(auth.send(request())).await.unwrap();
        assert_eq!(below.take(), [with_token]);
        soon(auth.without_auth().send(request())).await.unwrap();
        assert_eq!(below.take(), ["https://api.weixin.qq.com/cgi-bin/x"]);
    }
    for auth in [WeChatAuth::new(below.clone(), &pool), WeChatAuth::new(below.clone(), pool.clone())] {
        let error = soon(auth.send(request())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownApp);
        assert_eq!(below.take(), [""; 0]);
        soon(auth.for_app("wx".into()).send(request())).await.unwrap();
        assert_eq!(below.take(), [with_token]);
    }
}

#[tokio::test]
async fn an_error_of_readiness_comes_out() {
    /// It is never ready.
    #[derive(Clone)]
    struct Closed;
    impl Service<Request<ReplayBody<Body>>> for Closed {
        type Response = Response<Body>;
        type Error = io::Error;
        type Future = std::future::Ready<Result<Response<Body>, io::Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
            std::task::Poll::Ready(Err(io::Error::other("closed")))
        }

        fn call(&mut self, _: Request<ReplayBody<Body>>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let auth = WeChatAuth::new(Closed, TokenCache::new(instant().0));
    let request = Request::get("https://api.weixin.qq.com/cgi-bin/x").body(Body::default()).unwrap();
    let error = soon(auth.send(request)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Inner);
    assert!(error.downcast_ref::<io::Error>().is_some());
}
