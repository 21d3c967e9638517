//! What the layer stands on.

use std::{future, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header::CONTENT_ENCODING};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, load_shed::error::Overloaded,
    retry::Policy, timeout::error::Elapsed,
};
use tower_http::decompression::DecompressionLayer;
use tower_wechat::{
    Error, ErrorKind, ReplayBody, TokenCache, WeChatAuth, WeChatAuthLayer,
    testing::{Answer, FakeWeChat, Fault},
};

use crate::stack::{
    scenario::{BoxError, errcode, serves, soon, together},
    support::{call, http, stable},
};

/// The layer over this service.
fn over<S, R>(wechat: &FakeWeChat, inner: S) -> WeChatAuth<S>
where
    S: Service<Request<ReplayBody<Full<Bytes>>>, Response = Response<R>>,
{
    WeChatAuthLayer::new(TokenCache::new(stable(wechat))).layer(inner)
}

#[tokio::test]
async fn a_concurrency_limit() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().concurrency_limit(1).service(http());
    serves(over(&wechat, inner), &wechat).await;
}

/// `{"errcode":40001,"errmsg":"invalid credential"}`, compressed.
const REJECTION: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x2d\x2a\x4a\xce\x4f\x49\x55\xb2\x32\
    \x31\x30\x30\x30\xd4\x01\xf1\x73\x8b\xd3\x95\xac\x94\x32\xf3\xca\x12\x73\x32\x53\x14\x92\x8b\x52\x53\x52\xf3\x4a\
    \x32\x13\x73\x94\x6a\x01\x30\x86\x67\xd1\x2f\x00\x00\x00";

#[tokio::test]
async fn a_decompression_with_a_rejection_inside() {
    let wechat = FakeWeChat::start().await;
    let rejection = Answer::json(REJECTION).header(CONTENT_ENCODING, "gzip".parse().unwrap());
    wechat.set_rejection(Some(rejection));
    let inner = DecompressionLayer::new().layer(http());
    serves(over(&wechat, inner), &wechat).await;
}

#[tokio::test]
async fn a_buffer() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().buffer(1).service(http());
    serves(over(&wechat, inner), &wechat).await;
}

#[tokio::test]
async fn a_buffer_over_a_concurrency_limit() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().buffer(1).concurrency_limit(1).service(http());
    serves(over(&wechat, inner), &wechat).await;
}

#[tokio::test]
async fn a_rate_limit_behind_a_buffer() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().buffer(1).rate_limit(3, Duration::from_millis(20)).service(http());
    serves(over(&wechat, inner), &wechat).await;
}

#[tokio::test]
async fn a_timeout() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().timeout(Duration::from_secs(5)).service(http());
    serves(over(&wechat, inner), &wechat).await;
}

#[tokio::test]
async fn a_timeout_that_strikes_is_the_callers_to_see() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().timeout(Duration::from_millis(50)).service(http());
    let cache = TokenCache::new(stable(&wechat));
    let client = WeChatAuthLayer::new(&cache).layer(inner);
    wechat.fail_apis(Fault::Hang);
    for answer in together(&client, &wechat).await {
        let error = answer.unwrap_err().downcast::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::Inner);
        assert!(error.downcast_ref::<Elapsed>().is_some());
    }
    wechat.heal();
    let patient = WeChatAuthLayer::new(&cache).layer(http());
    assert_eq!(errcode(patient, call(&wechat)).await.unwrap(), 0);
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn load_shedding_that_sheds_nothing() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().load_shed().service(http());
    serves(over(&wechat, inner), &wechat).await;
}

#[tokio::test]
async fn load_shedding_that_sheds() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().load_shed().concurrency_limit(1).service(http());
    let client = over(&wechat, inner);
    for _ in 0..3 {
        let (served, shed): (Vec<_>, Vec<_>) =
            together(&client, &wechat).await.into_iter().partition(Result::is_ok);
        assert!(!served.is_empty(), "somebody had the permit");
        assert!(served.into_iter().flatten().all(|errcode| errcode == 0));
        for error in shed.into_iter().filter_map(Result::err) {
            let error = error.downcast::<Error>().unwrap();
            assert!(error.downcast_ref::<Overloaded>().is_some(), "{error:?}");
        }
        wechat.revoke();
    }
}

/// Would retry what it can copy.
#[derive(Clone)]
struct Never;

impl<B, R, E> Policy<Request<B>, R, E> for Never {
    type Future = future::Ready<()>;

    fn retry(&mut self, _: &mut Request<B>, _: &mut Result<R, E>) -> Option<Self::Future> {
        Some(future::ready(()))
    }

    fn clone_request(&mut self, _: &Request<B>) -> Option<Request<B>> {
        None
    }
}

#[tokio::test]
async fn a_retry() {
    let wechat = FakeWeChat::start().await;
    let inner = ServiceBuilder::new().retry(Never).service(http());
    serves(over(&wechat, inner), &wechat).await;
}

/// One client for two kinds of body.
type Shared = http_body_util::combinators::BoxBody<Bytes, BoxError>;

fn boxed<B>(request: Request<B>) -> Request<Shared>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static,
{
    request.map(|body| BoxBody::new(body.map_err(Into::into)))
}

/// The token's own fetch goes through the limit that its callers go through.
async fn one_client_for_tokens_and_calls<L>(wechat: &FakeWeChat, limited: L)
where
    L: Service<Request<Shared>, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
    L: Service<Request<Shared>, Response = Response<hyper::body::Incoming>>,
{
    let for_tokens = limited.clone().map_request(boxed::<Full<Bytes>>);
    let for_calls = limited.map_request(boxed::<ReplayBody<Full<Bytes>>>);
    let cache = TokenCache::new(stable(wechat).http_client(for_tokens));
    serves(WeChatAuthLayer::new(cache).layer(for_calls), wechat).await;
}

#[tokio::test]
async fn a_concurrency_limit_that_the_token_needs_too() {
    let wechat = FakeWeChat::start().await;
    one_client_for_tokens_and_calls(&wechat, ConcurrencyLimit::new(http(), 1)).await;
}

#[tokio::test]
async fn a_buffer_that_the_token_needs_too() {
    let wechat = FakeWeChat::start().await;
    let limited = ServiceBuilder::new().buffer(1).concurrency_limit(1).service(http());
    one_client_for_tokens_and_calls(&wechat, limited).await;
}

#[tokio::test]
async fn a_call_that_fails_before_it_is_sent_holds_no_permit() {
    let wechat = FakeWeChat::start().await;
    let pool = tower_wechat::TokenPool::new();
    let app = tower_wechat::AppId::from(FakeWeChat::APP_ID);
    pool.insert(app.clone(), TokenCache::new(stable(&wechat)));
    let inner = ServiceBuilder::new().concurrency_limit(1).service(http());
    let mut client = WeChatAuthLayer::new(pool).layer(inner);

    let too_long = Request::get(format!("{}/?{}", wechat.url(), "x".repeat(65_480)));
    let fine = |app: &str| {
        let mut request = call(&wechat);
        request.extensions_mut().insert(tower_wechat::AppId::from(app));
        request
    };
    let failing = [
        (ErrorKind::UnknownApp, call(&wechat)),
        (ErrorKind::UnknownApp, fine("wxunknown")),
        (ErrorKind::Uri, too_long.extension(app.clone()).body(Full::default()).unwrap()),
    ];
    for (kind, request) in failing {
        let error = client.ready().await.unwrap().call(request).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        // `client` is still there, as a service that somebody keeps is.
        let other = errcode(client.clone(), fine(app.as_str()));
        assert_eq!(soon(other).await.unwrap(), 0);
    }
}
