//! What every stack has to go through: a cold start and a revocation, with several callers at once.

use std::{error::Error as StdError, future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};
use tower_wechat::testing::FakeWeChat;

use crate::stack::support::call;

pub type BoxError = Box<dyn StdError + Send + Sync>;

pub const CALLERS: u64 = 8;

/// A deadlock is a failure, and not a test that runs for ever.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.expect("a deadlock")
}

/// One call to its end: the answer's errcode.
pub async fn errcode<S, R>(service: S, request: Request<Full<Bytes>>) -> Result<i64, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    let response = service.oneshot(request).await.map_err(Into::into)?;
    let bytes = response.into_body().collect().await.map_err(Into::into)?;
    let answer: serde_json::Value = serde_json::from_slice(&bytes.to_bytes())?;
    answer["errcode"].as_i64().ok_or_else(|| format!("no errcode: {answer}").into())
}

/// Several callers at once, each with a clone.
pub async fn together<S, R>(service: &S, wechat: &FakeWeChat) -> Vec<Result<i64, BoxError>>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Future: Send> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(errcode(service.clone(), call(wechat)));
    }
    soon(callers.join_all()).await
}

/// A cold start, then a revocation: everybody gets the right answer, at the price of one mint each.
pub async fn serves<S, R>(service: S, wechat: &FakeWeChat)
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Future: Send> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    for mints in 1..=2 {
        for answer in together(&service, wechat).await {
            assert_eq!(answer.unwrap(), 0);
        }
        assert_eq!(wechat.mints(), mints);
        wechat.revoke();
    }
    let requests = wechat.api_requests();
    assert!((2 * CALLERS + 1..=3 * CALLERS).contains(&requests), "{requests}");
}
