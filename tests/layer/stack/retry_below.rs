//! tower's `Retry` below the layer, which copies requests by `ReplayBody::try_clone`.

use std::{
    convert::Infallible,
    future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, retry::Policy};
use tower_wechat::{
    AuthOutcome, ReplayBody, TokenCache, WeChatAuth, WeChatAuthLayer,
    testing::{FakeWeChat, Fault},
};

use crate::stack::{
    scenario::soon,
    support::{http, issuers::instant, pieces::Pieces, post, read, stable},
};

/// Retries connection errors and 503, a few times.
#[derive(Clone, Default)]
struct Persistent {
    retries: Arc<AtomicU32>,
    /// Requests that could not be copied.
    uncopied: Arc<AtomicU32>,
}

impl<B, R, E> Policy<Request<ReplayBody<B>>, Response<R>, E> for Persistent {
    type Future = future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<ReplayBody<B>>,
        result: &mut Result<Response<R>, E>,
    ) -> Option<Self::Future> {
        let failed =
            result.as_ref().map_or(true, |response| response.status() == StatusCode::SERVICE_UNAVAILABLE);
        (failed && self.retries.fetch_add(1, Ordering::SeqCst) < 5).then(|| future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<ReplayBody<B>>) -> Option<Request<ReplayBody<B>>> {
        let Some(body) = request.body().try_clone() else {
            self.uncopied.fetch_add(1, Ordering::SeqCst);
            return None;
        };
        let mut copy = Request::new(body);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        *copy.extensions_mut() = request.extensions().clone();
        Some(copy)
    }
}

/// The layer over a client that retries, with a token in the cache that WeChat has revoked.
async fn stack<B>(
    wechat: &FakeWeChat,
    policy: &Persistent,
) -> WeChatAuth<
    impl Service<
        Request<ReplayBody<B>>,
        Response = Response<hyper::body::Incoming>,
        Error = hyper_util::client::legacy::Error,
        Future: Send,
    > + Clone
    + Send
    + 'static,
>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<crate::stack::scenario::BoxError>,
{
    let cache = TokenCache::new(stable(wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    WeChatAuthLayer::new(&cache).layer(ServiceBuilder::new().retry(policy.clone()).service(http()))
}

const UPLOAD: &str = "/cgi-bin/x?type=image";

#[tokio::test]
async fn a_request_is_retried_below_and_its_rejection_healed_above() {
    for fault in [Fault::Http(503), Fault::Reset] {
        let (wechat, policy) = (FakeWeChat::start().await, Persistent::default());
        let auth = stack(&wechat, &policy).await;
        wechat.fail_next_apis(2, fault);
        let body = Bytes::from(vec![7; 100_000]);
        let response = soon(auth.oneshot(post(&wechat, UPLOAD, Full::new(body)))).await.unwrap();
        let answer = read(response).await;
        assert!(answer.replayed());
        assert!(answer.text.contains("received"), "{}", answer.text);
        assert_eq!(policy.retries.load(Ordering::SeqCst), 2);
        let seen = wechat.seen();
        let generations: Vec<_> = seen.iter().map(|seen| seen.generation).collect();
        assert_eq!(generations, [Some(1), Some(1), Some(1), Some(2)]);
        for seen in &seen {
            assert_eq!(seen.content_length(), Some(100_000));
            assert_eq!(seen.query, "type=image&access_token=***");
        }
        // What was reset before it was read has no body.
        assert_eq!(seen[2].body_len, 100_000);
        assert_eq!(seen[2].body_sha256, seen[3].body_sha256);
    }
}

#[tokio::test]
async fn the_second_request_is_retried_as_well() {
    let (wechat, policy) = (FakeWeChat::start().await, Persistent::default());
    let auth = stack(&wechat, &policy).await;
    let held = wechat.hold_apis();
    let sending = tokio::spawn(auth.oneshot(post(&wechat, UPLOAD, Full::<Bytes>::from("twelve bytes"))));
    // The faults strike in the order in which requests go on: the first is rejected, the next two are lost.
    wechat.fail_next_apis(1, Fault::Errcode(40001));
    wechat.fail_next_apis(2, Fault::Http(503));
    held.release();
    let answer = read(soon(sending).await.unwrap().unwrap()).await;
    assert!(answer.replayed() && answer.text.contains("received"), "{}", answer.text);
    let seen = wechat.seen();
    assert_eq!(
        seen.iter().map(|seen| seen.generation).collect::<Vec<_>>(),
        [Some(1), Some(2), Some(2), Some(2)]
    );
    assert!(seen.iter().all(|seen| seen.content_length() == Some(12)));
    assert_eq!(seen[3].body, "twelve bytes");
}

#[tokio::test]
async fn a_request_without_a_body_is_retried() {
    let (wechat, policy) = (FakeWeChat::start().await, Persistent::default());
    let auth = stack(&wechat, &policy).await;
    wechat.fail_next_apis(1, Fault::Http(503));
    let request = Request::get(format!("{}/cgi-bin/x", wechat.url())).body(Empty::<Bytes>::new()).unwrap();
    let answer = read(soon(auth.oneshot(request)).await.unwrap()).await;
    assert!(answer.replayed() && answer.errcode() == Some(0));
    assert!(wechat.seen().iter().all(|seen| seen.content_length().is_none() && seen.body_len == 0));
}

#[tokio::test]
async fn a_stream_is_not_copied_and_goes_out_once() {
    let (wechat, policy) = (FakeWeChat::start().await, Persistent::default());
    let auth = stack(&wechat, &policy).await;
    wechat.fail_next_apis(1, Fault::Http(503));
    let pieces = || Pieces::of(&["twelve", " bytes"]);
    let response = soon(auth.clone().oneshot(post(&wechat, UPLOAD, pieces()))).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "the client's answer, as it is");
    assert_eq!((policy.retries.load(Ordering::SeqCst), policy.uncopied.load(Ordering::SeqCst)), (0, 1));
    assert_eq!(wechat.api_requests(), 1);

    // The layer's own replay is another matter: it takes the body over.
    let response = soon(auth.oneshot(post(&wechat, UPLOAD, pieces()))).await.unwrap();
    assert!(response.extensions().get::<AuthOutcome>().unwrap().replayed());
    assert_eq!(policy.uncopied.load(Ordering::SeqCst), 3);
}

/// What arrives below the layer, of a body that is given to it.
async fn below<B>(body: B) -> ReplayBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<crate::stack::scenario::BoxError>,
{
    let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
    let keeping = tower::service_fn(move |request: Request<ReplayBody<B>>| {
        let kept = give.send(request.into_body());
        assert!(kept.is_ok());
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("{}"))) }
    });
    let auth = WeChatAuthLayer::new(TokenCache::new(instant().0)).layer(keeping);
    let request = Request::post("https://api.weixin.qq.com/cgi-bin/x").body(body).unwrap();
    soon(auth.oneshot(request)).await.unwrap();
    take.try_recv().unwrap()
}

#[tokio::test]
async fn a_copy_has_the_same_bytes_and_the_same_size() {
    let body = below(Full::<Bytes>::from("twelve bytes")).await;
    for copy in [body.try_clone().unwrap(), body.try_clone().unwrap().try_clone().unwrap(), body] {
        assert_eq!(copy.size_hint().exact(), Some(12));
        assert!(!copy.is_end_stream());
        assert_eq!(copy.collect().await.unwrap().to_bytes(), "twelve bytes");
    }
    let empty = below(Empty::new()).await.try_clone().unwrap();
    assert!(empty.is_end_stream() && empty.size_hint().exact() == Some(0));
}

#[tokio::test]
async fn a_body_that_was_read_is_not_copied() {
    let mut body = below(Full::<Bytes>::from("twelve bytes")).await;
    let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(data, "twelve bytes");
    assert!(body.try_clone().is_none(), "a copy would be a body of nothing");
    assert!(body.frame().await.is_none());
    assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
}

#[tokio::test]
async fn a_stream_is_not_copied_even_before_it_is_read() {
    let chunks = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))]);
    assert!(below(StreamBody::new(chunks)).await.try_clone().is_none());
}
