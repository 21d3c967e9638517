//! Requests whose account is made by a factory that takes time: they wait without the inner service, and go on as if the
//! account had been there.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use tokio::{sync::Semaphore, task::JoinHandle, time::Duration};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_wechat::{
    AppId, Error, ErrorKind, PeekedBody, Platform, ReplayBody, TokenCache, TokenPool, WeChatAuth,
    WeChatAuthLayer, issuer::Minted,
};

use super::{get, soon};
use crate::routes::support::{
    below::Below,
    issuers::{TWO_HOURS, instant_of, scripted},
};

const OURS: &str = "https://api.weixin.qq.com/cgi-bin/x?lang=zh_CN";
const OTHER_PLATFORM: &str = "https://qyapi.weixin.qq.com/cgi-bin/x?lang=zh_CN";
const ELSEWHERE: &str = "https://example.com/?lang=zh_CN";

type Limited = ConcurrencyLimit<Below>;
type Sending = JoinHandle<Result<Response<PeekedBody<Full<Bytes>>>, Error>>;

/// A client with one permit, over a pool whose factory waits until it is let.
struct Stack {
    pool: TokenPool,
    /// A permit for each run of the factory that may end.
    gate: Arc<Semaphore>,
    runs: Arc<AtomicU64>,
    below: Below,
    permits: Arc<Semaphore>,
    client: WeChatAuth<Limited>,
}

/// `wx` is an official account, `ww` one of WeCom; `broken` fails, and nobody knows any other.
async fn make(app: AppId) -> Result<Option<TokenCache>, Box<dyn std::error::Error + Send + Sync>> {
    let platform = match app.as_str() {
        "wx" => Platform::wechat(),
        "ww" => Platform::wecom(),
        "broken" => return Err(io::Error::other("the database is away").into()),
        _ => return Ok(None),
    };
    Ok(Some(TokenCache::new(instant_of(platform).0)))
}

impl Stack {
    fn new() -> Self {
        let (gate, runs) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
        let (shared, count) = (gate.clone(), runs.clone());
        let pool = TokenPool::builder()
            .async_factory(move |app| {
                count.fetch_add(1, Ordering::SeqCst);
                let gate = shared.clone();
                async move {
                    gate.acquire().await?.forget();
                    make(app).await
                }
            })
            .build();
        let (below, permits) = (Below::new(r#"{"errcode":0}"#), Arc::new(Semaphore::new(1)));
        let limited = ConcurrencyLimit::with_semaphore(below.clone(), permits.clone());
        let client = WeChatAuthLayer::new(&pool).layer(limited);
        Self { pool, gate, runs, below, permits, client }
    }

    /// A call from a client that somebody keeps, as far as it comes.
    async fn call(&mut self, app: &str, uri: &str) -> Sending {
        let mut request = get(uri);
        request.extensions_mut().insert(AppId::from(app));
        let ready = ServiceExt::<Request<Full<Bytes>>>::ready(&mut self.client);
        let sending = tokio::spawn(soon(ready).await.unwrap().call(request));
        settle().await;
        sending
    }

    fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }
}

/// Everything that can go on without time has.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_request_waits_without_a_permit_and_goes_out_with_the_accounts_token() {
    let mut stack = Stack::new();
    let sending = stack.call("wx", OURS).await;
    assert_eq!((stack.runs(), stack.permits.available_permits()), (1, 1), "nothing is held meanwhile");
    let more = [stack.call("wx", OURS).await, stack.call("wx", OURS).await];
    assert!(stack.below.take().is_empty());

    stack.gate.add_permits(1);
    for sending in [sending].into_iter().chain(more) {
        soon(sending).await.unwrap().unwrap();
    }
    assert_eq!(stack.below.take(), vec![format!("{OURS}&access_token=TOKEN-1"); 3]);
    assert_eq!((stack.runs(), stack.permits.available_permits()), (1, 1));

    // By a handle it is the same.
    let (other, mut handled) = (Stack::new(), get(OTHER_PLATFORM));
    handled.extensions_mut().insert(AppId::from("unknown"));
    other.gate.add_permits(1);
    soon(other.client.for_app("ww".into()).oneshot(handled)).await.unwrap();
    assert_eq!(other.below.take(), [format!("{OTHER_PLATFORM}&access_token=TOKEN-1")]);
}

#[tokio::test]
async fn the_accounts_platform_says_where_its_token_goes() {
    for (app, uri) in [("wx", OTHER_PLATFORM), ("ww", OURS), ("wx", ELSEWHERE)] {
        let mut stack = Stack::new();
        let sending = stack.call(app, uri).await;
        assert_eq!(stack.permits.available_permits(), 1);
        // Somebody else has the permit by the time the account is there.
        let permit = stack.permits.clone().acquire_owned().await.unwrap();
        stack.gate.add_permits(1);
        settle().await;
        assert!(!sending.is_finished() && stack.below.take().is_empty());
        drop(permit);
        soon(sending).await.unwrap().unwrap();
        assert_eq!(stack.below.take(), [uri], "{app}: it passes through as it was sent");
        assert_eq!(stack.permits.available_permits(), 1);
    }
}

#[tokio::test]
async fn an_account_that_is_not_there_is_an_error_and_nothing_is_sent() {
    for (app, kind) in [("unknown", ErrorKind::UnknownApp), ("broken", ErrorKind::Store)] {
        for uri in [OURS, ELSEWHERE] {
            let mut stack = Stack::new();
            let sending = stack.call(app, uri).await;
            stack.gate.add_permits(1);
            let error = soon(sending).await.unwrap().unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(app), "{error}");
            assert_eq!(error.downcast_ref::<io::Error>().is_some(), app == "broken");
            assert!(stack.below.take().is_empty());
            assert_eq!(stack.permits.available_permits(), 1);
        }
    }
    // Without an account it is an error at once, as with any pool.
    let stack = Stack::new();
    let error = soon(stack.client.oneshot(get(OURS))).await.unwrap_err();
    assert_eq!((error.kind(), stack.runs.load(Ordering::SeqCst)), (ErrorKind::UnknownApp, 0));
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_nothing_held_and_the_account_comes() {
    for (app, uri) in [("wx", OURS), ("wx", ELSEWHERE)] {
        let mut stack = Stack::new();
        // While the account is made.
        let sending = stack.call(app, uri).await;
        sending.abort();
        assert!(sending.await.unwrap_err().is_cancelled());
        assert_eq!(stack.permits.available_permits(), 1);
        // While it waits for the service then.
        let sending = stack.call(app, uri).await;
        let permit = stack.permits.clone().acquire_owned().await.unwrap();
        stack.gate.add_permits(1);
        settle().await;
        assert!(stack.pool.get(&app.into()).is_some(), "made for whoever comes next");
        sending.abort();
        assert!(sending.await.unwrap_err().is_cancelled());
        drop(permit);
        assert_eq!(stack.permits.available_permits(), 1);
        assert!(stack.below.take().is_empty(), "nothing was sent");
        soon(stack.call(app, uri).await).await.unwrap().unwrap();
        assert_eq!((stack.below.take().len(), stack.runs()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_waits_for_the_account_and_for_its_token_end() {
    // Neither ever comes.
    let stack = Stack::new();
    let never = TokenPool::builder()
        .async_factory(|_| async {
            let issuer = scripted(|_| async {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Ok(Minted::new("late", TWO_HOURS))
            });
            Ok(Some(TokenCache::new(issuer)))
        })
        .build();
    let tokenless = WeChatAuthLayer::new(&never).layer(stack.below.clone());
    let accountless = stack.client.for_app("wx".into()).oneshot(get(OURS)).boxed();
    let tokenless = tokenless.for_app("wx".into()).oneshot(get(OURS)).boxed();
    for (sending, says) in
        [(accountless, "its account did not come within 5 s"), (tokenless, "none came within 5.0 s")]
    {
        #[allow(clippy::disallowed_methods)] // Tokio's paused time, to see when.
        let now = tokio::time::Instant::now;
        let before = now();
        let error = sending.await.unwrap_err();
        assert_eq!((error.kind(), now() - before), (ErrorKind::Timeout, Duration::from_secs(5)));
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(stack.below.take().is_empty());
}

#[test]
fn outside_tokio_a_request_that_has_to_wait_for_its_account_is_an_error() {
    let stack = Stack::new();
    let client = WeChatAuthLayer::new(&stack.pool).layer(stack.below.clone());
    let sending = client.for_app("wx".into()).oneshot(get(OURS));
    assert_eq!(sending.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::NoRuntime);
    assert_eq!(stack.runs(), 0);
}

/// Ready once; then it has failed.
#[derive(Clone)]
struct Failing(Arc<AtomicU64>);

impl Service<Request<ReplayBody<Full<Bytes>>>> for Failing {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = std::future::Pending<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(io::Error::other("closed"))),
        }
    }

    fn call(&mut self, _: Request<ReplayBody<Full<Bytes>>>) -> Self::Future {
        unreachable!("it is not ready")
    }
}

#[tokio::test]
async fn a_service_that_fails_meanwhile_is_an_error() {
    for uri in [OURS, ELSEWHERE] {
        let pool = TokenPool::builder().async_factory(make).build();
        let client = WeChatAuthLayer::new(&pool).layer(Failing(Arc::default()));
        let error = soon(client.for_app("wx".into()).oneshot(get(uri))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inner);
        assert!(error.downcast_ref::<io::Error>().is_some());
    }
}

#[tokio::test]
async fn a_rejection_of_such_a_request_is_healed_as_any_other() {
    let pool = TokenPool::builder().async_factory(make).build();
    let service = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
        let rejected = request.uri().query().is_some_and(|query| query.ends_with("TOKEN-1"));
        let json = if rejected { r#"{"errcode":42001}"# } else { r#"{"errcode":0}"# };
        Ok::<_, io::Error>(Response::new(Full::<Bytes>::from(json)))
    });
    let client = WeChatAuthLayer::new(&pool).layer(service);
    let answer = soon(client.for_app("wx".into()).oneshot(get(OURS))).await.unwrap();
    let answer = crate::routes::support::read(answer).await;
    assert!(answer.replayed() && answer.errcode() == Some(0));
}
