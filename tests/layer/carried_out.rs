//! A second request that may have been carried out is never said to have been refused.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::support::{http, issuers::instant};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{Layer, ServiceBuilder, ServiceExt, retry::Policy};
use tower_wechat::{AuthOutcome, NotReplayed, ReplayBody, TokenCache, WeChatAuthLayer};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone)]
struct Always;

impl<B, R, E> Policy<Request<ReplayBody<B>>, R, E> for Always {
    type Future = future::Ready<()>;

    fn retry(&mut self, _: &mut Request<ReplayBody<B>>, result: &mut Result<R, E>) -> Option<Self::Future> {
        result.is_err().then(|| future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<ReplayBody<B>>) -> Option<Request<ReplayBody<B>>> {
        // One more try for each.
        if request.extensions().get::<Tried>().is_some() {
            return None;
        }
        let mut copy = Request::new(request.body().try_clone()?);
        *copy.uri_mut() = request.uri().clone();
        copy.extensions_mut().insert(Tried);
        Some(copy)
    }
}

#[derive(Clone)]
struct Tried;

fn post() -> Request<Full<Bytes>> {
    Request::post("https://api.weixin.qq.com/cgi-bin/message/send").body(Full::from("pay")).unwrap()
}

/// The README puts retries inside. The replay's first try is carried out and its answer lost; the retry finds the port shut.
#[tokio::test]
async fn a_replay_that_a_retry_below_repeated_was_not_refused() {
    let carried_out = Arc::new(AtomicU32::new(0));
    let calls = Arc::new(AtomicU32::new(0));
    let inner = tower::service_fn({
        let (calls, carried_out) = (calls.clone(), carried_out.clone());
        move |request: Request<ReplayBody<Full<Bytes>>>| {
            let (call, carried_out) = (calls.fetch_add(1, Ordering::SeqCst), carried_out.clone());
            async move {
                match call {
                    0 => Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(r#"{"errcode":40001}"#))),
                    1 => {
                        request.into_body().collect().await.unwrap();
                        carried_out.fetch_add(1, Ordering::SeqCst);
                        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
                    }
                    _ => {
                        let shut =
                            Request::get("http://127.0.0.1:1/").body(Full::<Bytes>::default()).unwrap();
                        Err(http().request(shut).await.unwrap_err().into())
                    }
                }
            }
        }
    });
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0));
    let client = layer.layer(ServiceBuilder::new().retry(Always).service(inner));
    let result = client.oneshot(post()).await;
    assert_eq!(carried_out.load(Ordering::SeqCst), 1);
    let outcome = result.ok().map(|response| response.extensions().get::<AuthOutcome>().unwrap().clone());
    assert!(outcome.is_none(), "it was carried out, but: {outcome:?}");
}

/// The caller's own body fails on the second send, by an error of the kind that is looked for.
#[tokio::test]
async fn a_body_of_the_callers_that_fails_is_no_refusal() {
    let calls = Arc::new(AtomicU32::new(0));
    let inner = tower::service_fn(move |request: Request<ReplayBody<_>>| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut body = request.into_body();
            if call > 0 {
                while let Some(frame) = body.frame().await {
                    frame.map_err(BoxError::from)?;
                }
            } else {
                body.frame().await.unwrap().unwrap();
            }
            let text = if call == 0 { r#"{"errcode":40001}"# } else { r#"{"errcode":0}"# };
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(text)))
        }
    });
    // The second frame comes from another service, which sheds load.
    let body = StreamBody::new(futures_util::stream::iter([
        Ok(Frame::data(Bytes::from_static(b"start"))),
        Err(BoxError::from(tower::load_shed::error::Overloaded::new())),
    ]));
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0));
    let request = Request::post("https://api.weixin.qq.com/x").body(body).unwrap();
    let result = layer.layer(inner).oneshot(request).await;
    let outcome = result.ok().map(|response| response.extensions().get::<AuthOutcome>().unwrap().clone());
    assert_eq!(
        outcome.as_ref().and_then(AuthOutcome::not_replayed),
        None,
        "the body failed, but: {outcome:?}"
    );
    assert_ne!(outcome.and_then(|outcome| outcome.not_replayed()), Some(NotReplayed::Refused));
}
