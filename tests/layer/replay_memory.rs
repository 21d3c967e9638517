//! What is kept of bodies counts against `replay_memory`.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use crate::support::issuers::instant;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tower::{Layer, ServiceExt};
use tower_wechat::{ReplayBody, TokenCache, WeChatAuthLayer};

/// Memory that says how much of it there is.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl Counted {
    fn bytes(size: usize, alive: &Arc<AtomicUsize>) -> Bytes {
        alive.fetch_add(size, Ordering::SeqCst);
        Bytes::from_owner(Self(vec![b' '; size], alive.clone()))
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0.len(), Ordering::SeqCst);
    }
}

/// An answer of white space, one byte of each buffer, that never ends.
struct Trickle(usize, Arc<AtomicUsize>);

impl Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // Made when it is asked for: nothing is kept but by who has asked.
        if self.0 == 0 {
            return Poll::Pending;
        }
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Counted::bytes(BUFFER, &self.1).slice(..1)))))
    }
}

const BUFFER: usize = 64 * 1024;

/// `replay_memory` bounds "what answers that take more than one frame to decide are kept in".
#[tokio::test(start_paused = true)]
async fn what_is_kept_of_an_answer_is_charged_as_it_is_kept() {
    let alive = Arc::new(AtomicUsize::new(0));
    let inner = tower::service_fn({
        let alive = alive.clone();
        move |_: Request<ReplayBody<Empty<Bytes>>>| {
            let alive = alive.clone();
            async move { Ok::<_, Infallible>(Response::new(Trickle(1000, alive))) }
        }
    });
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0)).replay_memory(1 << 20);
    let request = Request::get("https://api.weixin.qq.com/x").body(Empty::new()).unwrap();
    let mut sending = pin!(layer.layer(inner).oneshot(request));
    // The verdict is still awaited.
    let _ = tokio::time::timeout(Duration::from_millis(100), &mut sending).await;
    let alive = alive.load(Ordering::SeqCst);
    assert!(alive <= 2 << 20, "{} MiB are kept while 1 MiB is allowed", alive >> 20);
}

/// A stream of unknown length: its first chunk is kept after it has been sent, and counts for nothing.
#[tokio::test(start_paused = true)]
async fn the_first_chunk_of_a_stream_is_charged() {
    let alive = Arc::new(AtomicUsize::new(0));
    let inner = tower::service_fn(|request: Request<ReplayBody<_>>| async {
        // Sent, and let go.
        let mut body: ReplayBody<_> = request.into_body();
        drop(body.frame().await);
        let next: Option<Result<Frame<Bytes>, _>> = body.frame().await;
        drop(next);
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(r#"{"errcode":0}"#)))
    });
    let layer =
        WeChatAuthLayer::new(TokenCache::new(instant().0)).replay_memory(1 << 20).replay_limit(1 << 20);
    let client = layer.layer(inner);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let first = Counted::bytes(4 << 20, &alive);
        let body =
            StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(first))]).chain(stream::pending()));
        let request = Request::post("https://api.weixin.qq.com/x").body(body).unwrap();
        tasks.spawn(client.clone().oneshot(request));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let alive = alive.load(Ordering::SeqCst);
    assert!(alive <= 2 << 20, "{} MiB are kept of streams while 1 MiB is allowed for all", alive >> 20);
}
