//! A client of which there is one permit: a replay must have given back everything of the first send before it asks.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower::{Layer, Service, ServiceExt};
use tower_wechat::{ReplayBody, TokenCache, WeChatAuthLayer};

use crate::stack::{
    scenario::soon,
    support::{issuers::instant, read},
};

/// What holds the permit after the call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holder {
    /// The future, even once it is ready.
    Future,
    /// The answer's body, which says itself when it is at its end.
    Body,
    /// The answer's body, which has to be asked once more.
    ShyBody,
    /// The answer's body, which ends with trailers.
    Trailers,
}

/// Rejects the first token.
struct Single {
    semaphore: PollSemaphore,
    permit: Option<OwnedSemaphorePermit>,
    holder: Holder,
}

impl Clone for Single {
    fn clone(&self) -> Self {
        Self { semaphore: self.semaphore.clone(), permit: None, holder: self.holder }
    }
}

impl Service<Request<ReplayBody<Full<Bytes>>>> for Single {
    type Response = Response<Held>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.permit.is_none() {
            self.permit = ready!(self.semaphore.poll_acquire(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReplayBody<Full<Bytes>>>) -> Answering {
        let rejected = request.uri().query() == Some("access_token=TOKEN-1");
        let text = if rejected { r#"{"errcode":40001}"# } else { r#"{"errcode":0}"# };
        let permit = Some(self.permit.take().expect("called before it was ready"));
        let (in_future, in_body) = match self.holder {
            Holder::Future => (permit, None),
            _ => (None, permit),
        };
        Answering {
            answer: Some(Response::new(Held {
                frames: vec![text.into()],
                kind: self.holder,
                trailers: self.holder == Holder::Trailers,
                _permit: in_body,
            })),
            _permit: in_future,
        }
    }
}

struct Answering {
    answer: Option<Response<Held>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Future for Answering {
    type Output = Result<Response<Held>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(self.answer.take().expect("polled once")))
    }
}

#[derive(Debug)]
struct Held {
    frames: Vec<Bytes>,
    kind: Holder,
    trailers: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(match self.frames.pop() {
            Some(frame) => Some(Ok(Frame::data(frame))),
            None if self.trailers => {
                self.trailers = false;
                Some(Ok(Frame::trailers(HeaderMap::new())))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.kind == Holder::Body && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

async fn replays(holder: Holder) {
    let (issuer, _) = instant();
    let cache = TokenCache::new(issuer);
    let semaphore = Arc::new(Semaphore::new(1));
    let single = Single { semaphore: PollSemaphore::new(semaphore.clone()), permit: None, holder };
    let auth = WeChatAuthLayer::new(&cache).layer(single);
    let request = Request::post("https://api.weixin.qq.com/cgi-bin/x");
    let answer = soon(auth.oneshot(request.body(Full::from("{}")).unwrap())).await.unwrap();
    let answer = read(answer).await;
    assert_eq!(answer.errcode(), Some(0));
    assert!(answer.replayed());
    assert_eq!(semaphore.available_permits(), 1);
}

#[tokio::test]
async fn a_permit_in_the_future() {
    replays(Holder::Future).await;
}

#[tokio::test]
async fn a_permit_in_the_body() {
    replays(Holder::Body).await;
}

#[tokio::test]
async fn a_permit_in_a_body_that_has_to_be_asked_for_its_end() {
    replays(Holder::ShyBody).await;
}

#[tokio::test]
async fn a_permit_in_a_body_with_trailers() {
    replays(Holder::Trailers).await;
}
