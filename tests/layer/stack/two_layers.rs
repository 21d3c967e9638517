//! A layer for WeChat on top of a layer for WeCom.

use std::{error::Error as StdError, fmt, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, timeout::error::Elapsed};
use tower_wechat::{
    AuthOutcome, Error, ErrorKind, PeekedBody, ReplayBody, TokenCache, TokenError, TokenPool, WeChatAuth,
    WeChatAuthLayer,
    testing::{FakeWeChat, Fault},
};

use crate::stack::{
    scenario::{BoxError, soon},
    support::{Http, below::Below, call, http, issuers::instant, read, stable, wecom},
};

type Lower = WeChatAuth<Http<ReplayBody<Full<Bytes>>>>;

/// The two platforms, and the two caches.
struct Both {
    wechat: FakeWeChat,
    wecom: FakeWeChat,
    upper: WeChatAuthLayer,
    lower: WeChatAuthLayer,
}

impl Both {
    async fn start() -> Self {
        let (wechat, qy) = (FakeWeChat::start().await, FakeWeChat::start().await);
        let upper = WeChatAuthLayer::new(TokenCache::new(stable(&wechat)));
        let lower = WeChatAuthLayer::new(TokenCache::new(wecom(&qy)));
        Self { wechat, wecom: qy, upper, lower }
    }

    fn lower(&self) -> Lower {
        self.lower.layer(http())
    }

    /// Both over what stands between them.
    async fn serve<S, R>(&self, between: S)
    where
        S: Service<Request<ReplayBody<Full<Bytes>>>, Response = Response<PeekedBody<R>>>
            + Clone
            + Send
            + 'static,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes>,
        R::Error: fmt::Debug,
    {
        let stack = self.upper.layer(between);
        for platform in [&self.wechat, &self.wecom] {
            platform.heal();
            let send = || async { read(soon(stack.clone().oneshot(call(platform))).await.unwrap()).await };
            let cold = send().await;
            assert_eq!((cold.errcode(), cold.rejected()), (Some(0), false));
            platform.expire();
            let healed = send().await;
            assert_eq!((healed.errcode(), healed.replayed()), (Some(0), true));
            assert_eq!((platform.mints(), platform.api_requests()), (2, 3));
        }
        let queries =
            |platform: &FakeWeChat| platform.seen().into_iter().map(|seen| seen.query).collect::<Vec<_>>();
        for platform in [&self.wechat, &self.wecom] {
            assert_eq!(queries(platform), ["lang=zh_CN&access_token=***"; 3], "one token each");
        }
    }

    /// The error of a call to WeCom whose token is refused, through what stands between the layers.
    async fn refused<S, R>(&self, between: S) -> Error
    where
        S: Service<Request<ReplayBody<Full<Bytes>>>, Response = Response<PeekedBody<R>>>
            + Clone
            + Send
            + 'static,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes>,
    {
        self.wecom.fail_tokens(Fault::Errcode(40001));
        match soon(self.upper.layer(between).oneshot(call(&self.wecom))).await {
            Ok(_) => panic!("there is no token"),
            Err(error) => error,
        }
    }
}

fn is_the_token_error(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Token, "{error:?}");
    let within = error.downcast_ref::<TokenError>().expect("the lower layer's error");
    assert_eq!((within.kind(), within.errcode()), (ErrorKind::Token, Some(40001)));
    assert!(error.to_string().contains(FakeWeChat::CORP_ID), "{error}");
    assert!(error.to_string().contains("40001"), "{error}");
}

#[tokio::test]
async fn each_layer_serves_its_own_platform_whatever_stands_between() {
    let both = Both::start().await;
    both.serve(both.lower()).await;
    let both = Both::start().await;
    both.serve(ServiceBuilder::new().timeout(Duration::from_secs(10)).service(both.lower())).await;
    let both = Both::start().await;
    both.serve(ServiceBuilder::new().buffer(8).service(both.lower())).await;
}

#[tokio::test]
async fn the_lower_layers_token_error_comes_out_as_it_was() {
    let both = Both::start().await;
    let error = both.refused(both.lower()).await;
    is_the_token_error(&error);
    assert!(!error.to_string().contains("HTTP client"), "nothing of an HTTP client failed: {error}");
    assert_eq!(both.wechat.token_requests(), 0);
}

#[tokio::test]
async fn the_lower_layers_token_error_comes_out_of_a_timeout_and_a_buffer() {
    let both = Both::start().await;
    let timeout = ServiceBuilder::new().timeout(Duration::from_secs(10));
    is_the_token_error(&both.refused(timeout.service(both.lower())).await);

    let both = Both::start().await;
    is_the_token_error(&both.refused(ServiceBuilder::new().buffer(8).service(both.lower())).await);

    let both = Both::start().await;
    let stack = ServiceBuilder::new().buffer(8).timeout(Duration::from_secs(10)).load_shed();
    is_the_token_error(&both.refused(stack.service(both.lower())).await);
}

/// As a layer of somebody's own wraps what is below it.
#[derive(Debug)]
struct Wrapped(BoxError);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl StdError for Wrapped {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

#[tokio::test]
async fn the_lower_layers_token_error_is_found_in_what_wraps_it() {
    let both = Both::start().await;
    let wrapping = both.lower().map_err(|error: Error| Wrapped(Box::new(Wrapped(error.into()))));
    is_the_token_error(&both.refused(wrapping).await);

    // A service that passes on no more than the token error itself.
    let both = Both::start().await;
    let bare = |error: Error| error.downcast_ref::<TokenError>().unwrap().clone();
    is_the_token_error(&both.refused(both.lower().map_err(bare)).await);
    let both = Both::start().await;
    let wrapping = both.lower().map_err(move |error| Wrapped(Box::new(bare(error))));
    is_the_token_error(&both.refused(wrapping).await);
}

/// Refuses whatever it is asked for, before it is asked.
#[derive(Clone)]
struct Closed;

impl Service<Request<ReplayBody<Full<Bytes>>>> for Closed {
    type Response = Response<PeekedBody<Full<Bytes>>>;
    type Error = Error;
    type Future = std::future::Ready<Result<Self::Response, Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
        std::task::Poll::Ready(Err(TokenError::permanent("closed for good").with_errcode(40001).into()))
    }

    fn call(&mut self, _: Request<ReplayBody<Full<Bytes>>>) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[tokio::test]
async fn what_a_buffer_keeps_of_its_services_end_is_seen_through() {
    let (issuer, _) = instant();
    let cache = TokenCache::new(issuer);
    cache.token().await.unwrap();
    let auth = WeChatAuthLayer::new(&cache).layer(ServiceBuilder::new().buffer(1).service(Closed));
    for _ in 0..3 {
        let request = Request::get("https://api.weixin.qq.com/cgi-bin/x").body(Full::default()).unwrap();
        let error = soon(auth.clone().oneshot(request)).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Token, "{error:?}");
        assert_eq!(error.downcast_ref::<TokenError>().unwrap().errcode(), Some(40001));
        assert!(error.downcast_ref::<tower::buffer::error::ServiceError>().is_some());
    }
}

#[tokio::test]
async fn the_lower_layers_other_errors_keep_their_kind() {
    let wechat = FakeWeChat::start().await;
    let upper = WeChatAuthLayer::new(TokenCache::new(stable(&wechat)));
    // The lower layer's pool wants to know the account.
    let pool = TokenPool::new();
    let qy = FakeWeChat::start().await;
    pool.insert("ww".into(), TokenCache::new(wecom(&qy)));
    let lower: Lower = WeChatAuthLayer::new(pool).layer(http());
    let stack = upper.layer(ServiceBuilder::new().buffer(8).service(lower));
    let error = soon(stack.oneshot(call(&qy))).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnknownApp, "{error:?}");
    assert_eq!((qy.token_requests(), qy.api_requests()), (0, 0));

    // What is not ours stays what it was.
    let both = Both::start().await;
    let _held = both.wecom.hold_apis();
    let hasty = ServiceBuilder::new().timeout(Duration::from_millis(50)).service(both.lower());
    let error = soon(both.upper.layer(hasty).oneshot(call(&both.wecom))).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Inner);
    assert!(error.downcast_ref::<Elapsed>().is_some());
}

#[tokio::test]
async fn the_same_layer_twice_is_as_good_as_once() {
    let (issuer, mints) = instant();
    let layer = WeChatAuthLayer::new(TokenCache::new(issuer));
    let below = Below::new(r#"{"errcode":40001}"#);
    let request = Request::get("https://api.weixin.qq.com/cgi-bin/x").body(Full::<Bytes>::default()).unwrap();
    let response = soon(layer.layer(layer.layer(below.clone())).oneshot(request)).await.unwrap();
    assert!(response.extensions().get::<AuthOutcome>().unwrap().replayed());
    let base = "https://api.weixin.qq.com/cgi-bin/x?access_token=TOKEN-";
    assert_eq!(below.take(), [format!("{base}1"), format!("{base}2")]);
    assert_eq!(mints.load(Ordering::SeqCst), 2);
}
