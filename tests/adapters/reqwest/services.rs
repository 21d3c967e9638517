//! Other layers of tower's between the layer and a client of reqwest's.

use std::{error::Error as StdError, time::Duration};

use tower::{
    ServiceBuilder, buffer::Buffer, limit::ConcurrencyLimit, load_shed::LoadShed, timeout::Timeout,
    util::BoxCloneService,
};
use tower_wechat::Error;

use super::{secrets::shown, *};

type BoxError = Box<dyn StdError + Send + Sync>;

/// How a request is sent.
#[derive(Clone, Copy, Debug)]
enum By {
    Execute,
    Tower,
}

async fn send<S>(auth: &WeChatAuth<S>, by: By, request: Request) -> Result<Response, Error>
where
    S: Service<Request, Response = Response, Error: Into<BoxError>> + Clone + Send + 'static,
{
    let sending = async {
        match by {
            By::Execute => auth.execute(request).await,
            By::Tower => auth.clone().oneshot(request).await,
        }
    };
    tokio::time::timeout(Duration::from_secs(20), sending).await.expect("a deadlock")
}

/// A cold start, a rejection, and an error that shows no token.
async fn serves<S>(inner: S)
where
    S: Service<Request, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    for by in [By::Execute, By::Tower] {
        let wechat = FakeWeChat::start().await;
        let cache = TokenCache::new(stable(&wechat));
        let auth = WeChatAuthLayer::new(&cache).layer(inner.clone());
        let cold = send(&auth, by, message(&wechat)).await.unwrap();
        assert!(cold.extensions().get::<AuthOutcome>().is_none());
        assert_eq!(cold.url().as_str(), format!("{}{SEND}", wechat.url()), "{by:?}");
        assert_eq!(errcode(cold).await, 0);

        wechat.revoke();
        let healed = send(&auth, by, message(&wechat)).await.unwrap();
        assert!(outcome(&healed).replayed(), "{by:?}");
        assert_eq!(errcode(healed).await, 0);
        assert_eq!(wechat.mints(), 2);

        let token = cache.current().unwrap();
        wechat.fail_apis(Fault::Reset);
        let error = send(&auth, by, message(&wechat)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inner);
        assert!(!shown(&error).contains(token.as_str()), "{}", shown(&error).replace(token.as_str(), "***"));
        let own = error.downcast_ref::<reqwest::Error>().expect("the client's own error");
        assert!(own.url().unwrap().as_str().ends_with(SEND), "{own}");
    }
}

#[tokio::test]
async fn the_bare_client() {
    serves(http()).await;
}

#[tokio::test]
async fn a_timeout() {
    serves(Timeout::new(http(), Duration::from_secs(10))).await;
}

#[tokio::test]
async fn load_shedding() {
    serves(LoadShed::new(http())).await;
}

#[tokio::test]
async fn a_buffer() {
    serves(Buffer::new(http(), 1)).await;
}

#[tokio::test]
async fn a_concurrency_limit() {
    serves(ConcurrencyLimit::new(http(), 1)).await;
}

#[tokio::test]
async fn a_box() {
    serves(BoxCloneService::new(http())).await;
}

#[tokio::test]
async fn all_of_them() {
    let stack = ServiceBuilder::new()
        .boxed_clone()
        .load_shed()
        .buffer(4)
        .concurrency_limit(1)
        .timeout(Duration::from_secs(10))
        .service(http());
    serves(stack).await;
}

#[tokio::test]
async fn a_timeout_that_strikes() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let token = cache.token().await.unwrap();
    let _held = wechat.hold_apis();
    let auth = WeChatAuthLayer::new(&cache).layer(Timeout::new(http(), Duration::from_millis(50)));
    let error = send(&auth, By::Execute, message(&wechat)).await.unwrap_err();
    assert!(error.downcast_ref::<tower::timeout::error::Elapsed>().is_some());
    assert!(!shown(&error).contains(token.as_str()));
}
