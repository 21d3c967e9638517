//! How long a request waits for a token.

use std::{
    future::{Future, Ready, ready},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::support::{
    below::Below,
    issuers::{TWO_HOURS, scripted},
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tokio::time::{Instant, sleep};
use tower::Service;
use tower_wechat::{
    AuthOutcome, ErrorKind, NotReplayed, TokenCache, WeChatAuth, WeChatAuthLayer, issuer::Minted,
};

const WAIT: Duration = Duration::from_millis(200);

/// Mints the first few tokens at once, and each later one after this time.
fn slow_after(fast: u64, latency: Duration) -> tower_wechat::TokenCacheBuilder {
    let count = Arc::new(AtomicU64::new(0));
    TokenCache::builder(scripted(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            if number > fast {
                sleep(latency).await;
            }
            Ok(Minted::new(format!("TOKEN-{number}"), TWO_HOURS))
        }
    }))
}

/// Rejects all tokens, and counts the times that it was polled ready.
#[derive(Clone, Default)]
struct Rejecting {
    ready: Arc<AtomicU64>,
}

impl<B> Service<Request<B>> for Rejecting {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let before = self.ready.fetch_add(1, Ordering::SeqCst);
        assert!(before < 1000, "a request goes round and round");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::from(r#"{"errcode":40001,"errmsg":"x"}"#))))
    }
}

fn get() -> Request<Empty<Bytes>> {
    Request::get("https://api.weixin.qq.com/cgi-bin/user/get").body(Empty::new()).unwrap()
}

#[allow(clippy::disallowed_methods)]
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let before = Instant::now();
    (work.await, Instant::now() - before)
}

/// `wait_timeout` is the longest that a caller waits for a token.
#[tokio::test(start_paused = true)]
async fn a_new_request_waits_no_longer_than_wait_timeout() {
    let cache = slow_after(1, Duration::from_secs(8)).wait_timeout(WAIT).build();
    let token = cache.token().await.unwrap();
    // Somebody's rejection starts the refresh, which takes 8 s.
    let (result, took) = timed(cache.refresh(&token)).await;
    assert!(result.is_err() && took < WAIT + Duration::from_millis(10));
    // By hand: one wait, and no dead token while the next is on its way.
    let (result, took) = timed(cache.token()).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took < WAIT + Duration::from_millis(10), "by hand: {took:?}");
    // Through the layer.
    let layer = WeChatAuthLayer::new(&cache).rejection_codes([]);
    let client = tower::Layer::layer(&layer, Rejecting::default());
    let (result, took) = timed(client.send(get())).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took < WAIT + Duration::from_millis(10), "through the layer: {took:?}");
}

/// The same with the defaults: 5 s, and the mint ends after 10.
#[tokio::test(start_paused = true)]
async fn callers_wait_five_seconds_at_most() {
    let cache = slow_after(1, Duration::from_secs(60)).build();
    let token = cache.token().await.unwrap();
    let refreshing = tokio::spawn({
        let cache = cache.clone();
        async move { cache.refresh(&token).await }
    });
    tokio::task::yield_now().await;
    let layer = WeChatAuthLayer::new(&cache).rejection_codes([]);
    let client = tower::Layer::layer(&layer, Rejecting::default());
    let (result, took) = timed(client.send(get())).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
    let _ = refreshing.await;
    assert!(took < Duration::from_millis(5100), "{took:?}");
}

/// The refresh for a replay has `wait_timeout`, also where a later token than the rejected one is there, and is known to be
/// dead: it is not asked for again and again until `replay_timeout`.
#[tokio::test(start_paused = true)]
async fn a_rejected_request_waits_no_longer_than_wait_timeout() {
    let cache = slow_after(2, Duration::from_secs(60)).wait_timeout(WAIT).build();
    let first = cache.token().await.unwrap();
    // A slow call that carries TOKEN-1.
    let (answer, release) = tokio::sync::oneshot::channel::<()>();
    let release = Arc::new(std::sync::Mutex::new(Some(release)));
    let service = tower::service_fn(move |_: Request<tower_wechat::ReplayBody<Empty<Bytes>>>| {
        let release = release.lock().unwrap().take();
        async move {
            if let Some(release) = release {
                release.await.unwrap();
            }
            Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from(r#"{"errcode":40001}"#)))
        }
    });
    let client = WeChatAuth::new(service, &cache);
    let sending = tokio::spawn(client.send(get()));
    tokio::task::yield_now().await;
    // Meanwhile TOKEN-2 comes and is rejected, too; its refresh hangs.
    let second = cache.refresh(&first).await.unwrap();
    assert_eq!(second.as_str(), "TOKEN-2");
    assert!(cache.refresh(&second).await.is_err());
    answer.send(()).unwrap();
    let (response, took) = timed(sending).await;
    let response = response.unwrap().unwrap();
    let outcome = response.extensions().get::<AuthOutcome>().unwrap().clone();
    assert!(took < 2 * WAIT, "{took:?} {:?}", outcome.not_replayed());
    assert_ne!(outcome.not_replayed(), Some(NotReplayed::TimedOut));
}

/// The same outside of any runtime, where nothing can wait: one poll must not ask again and again.
#[test]
fn a_poll_outside_a_runtime_ends() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cache = slow_after(2, Duration::from_secs(3)).wait_timeout(WAIT).build();
    let first = runtime.block_on(cache.token()).unwrap();
    let inner = Rejecting::default();
    let ready = inner.ready.clone();
    // An answer that comes after TOKEN-2 was found dead.
    let (answer, release) = gate();
    let gated = Gated { inner, release };
    let client = WeChatAuth::new(gated, &cache);
    let mut sending = pin!(client.send(get()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sending.as_mut().poll(&mut cx).is_pending());
    let second = runtime.block_on(cache.refresh(&first)).unwrap();
    assert!(runtime.block_on(cache.refresh(&second)).is_err());
    answer.store(1, Ordering::SeqCst);
    let _ = sending.as_mut().poll(&mut cx);
    let rounds = ready.load(Ordering::SeqCst);
    assert!(rounds < 10, "one poll went round {rounds} times");
}

fn gate() -> (Arc<AtomicU64>, Arc<AtomicU64>) {
    let flag = Arc::new(AtomicU64::new(0));
    (flag.clone(), flag)
}

#[derive(Clone)]
struct Gated {
    inner: Rejecting,
    release: Arc<AtomicU64>,
}

impl<B> Service<Request<B>> for Gated {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answering = self.inner.call(request);
        let release = self.release.clone();
        Box::pin(async move {
            std::future::poll_fn(|_| {
                if release.load(Ordering::SeqCst) == 1 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            answering.await
        })
    }
}

/// The same in a runtime, where nobody is to wait at all.
#[tokio::test(start_paused = true)]
async fn a_rejected_request_does_not_go_round_in_circles() {
    let cache = slow_after(2, Duration::from_secs(3)).wait_timeout(Duration::ZERO).build();
    let settle = || sleep(Duration::from_millis(50));
    // Nobody waits at all: it is the next caller who gets the token.
    let _ = cache.token().await;
    settle().await;
    let first = cache.token().await.unwrap();
    let inner = Rejecting::default();
    let ready = inner.ready.clone();
    let (answer, release) = gate();
    let client = WeChatAuth::new(Gated { inner, release }, &cache);
    let mut sending = pin!(client.send(get()));
    assert!(tokio::time::timeout(Duration::from_millis(10), &mut sending).await.is_err());
    let _ = cache.refresh(&first).await;
    settle().await;
    let second = cache.refresh(&first).await.unwrap();
    let _ = cache.refresh(&second).await;
    answer.store(1, Ordering::SeqCst);
    let (_, took) = timed(sending).await;
    let rounds = ready.load(Ordering::SeqCst);
    assert!(rounds < 10, "it went round {rounds} times in {took:?}");
}

/// Every instance is ready on the second poll only, as a `Buffer` or a limit often is.
struct Slowly(bool, Rejecting);

impl Clone for Slowly {
    fn clone(&self) -> Self {
        Self(false, self.1.clone())
    }
}

impl<B> Service<Request<B>> for Slowly {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0 = false;
        self.1.call(request)
    }
}

/// However long the service takes, the waits for the token do not add up.
#[tokio::test(start_paused = true)]
async fn a_new_request_waits_no_longer_than_wait_timeout_whatever_the_service() {
    let cache = slow_after(1, Duration::from_secs(60)).wait_timeout(WAIT).build();
    let token = cache.token().await.unwrap();
    assert!(cache.refresh(&token).await.is_err());
    let layer = WeChatAuthLayer::new(&cache).rejection_codes([]);
    let client = tower::Layer::layer(&layer, Slowly(false, Rejecting::default()));
    let (result, took) = timed(client.send(get())).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took < WAIT + Duration::from_millis(10), "{took:?}");
}

/// "A rejected token is served only while its refresh is held back or has failed" (design, 5.3); "one that WeChat has
/// rejected is not sent while its successor is on its way" (README). After `wait_timeout` it is.
#[tokio::test(start_paused = true)]
async fn a_dead_token_is_not_sent_while_its_refresh_runs() {
    let cache = slow_after(1, Duration::from_secs(8)).wait_timeout(WAIT).build();
    let token = cache.token().await.unwrap();
    assert!(cache.refresh(&token).await.is_err());
    let below = Below::new(r#"{"errcode":0}"#);
    let client = tower::Layer::layer(&WeChatAuthLayer::new(&cache), below.clone());
    let error = client.send(get()).await.map(|_| ()).map_err(|error| error.kind());
    assert_eq!((error, below.take().len()), (Err(tower_wechat::ErrorKind::Timeout), 0));
}

/// Whenever it has become ready, the token has just died, and the next one is on its way.
struct Unlucky {
    cache: TokenCache,
    polled: bool,
    below: Below,
}

impl Clone for Unlucky {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), polled: false, below: self.below.clone() }
    }
}

impl<B> Service<Request<B>> for Unlucky {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if std::mem::replace(&mut self.polled, true) {
            return Poll::Ready(Ok(()));
        }
        if let Some(token) = self.cache.current() {
            assert!(self.cache.refresh(&token).now_or_never().is_none(), "a mint takes time");
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.below.call(request)
    }
}

/// After three waits a request goes out with the token that it has: WeChat's answer decides.
#[tokio::test(start_paused = true)]
async fn a_request_waits_three_times_for_a_token_and_then_goes_out() {
    let cache = slow_after(0, Duration::from_millis(10)).build();
    let below = Below::new(r#"{"errcode":0}"#);
    let inner = Unlucky { cache: cache.clone(), polled: false, below: below.clone() };
    let client = tower::Layer::layer(&WeChatAuthLayer::new(&cache), inner);
    client.send(get()).await.unwrap();
    assert_eq!(below.take(), ["https://api.weixin.qq.com/cgi-bin/user/get?access_token=TOKEN-3"]);
}
