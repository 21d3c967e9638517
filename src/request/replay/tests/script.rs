//! A body that does what a test says: neither `Sync` nor `Unpin`, like the worst of callers'.

use std::{
    cell::Cell,
    io,
    marker::PhantomPinned,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

pub(super) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Not ready yet, but at once.
    Wait,
    Fail,
    Panic,
    End,
}

pin_project_lite::pin_project! {
    pub(super) struct Script {
        steps: mpsc::UnboundedReceiver<Step>,
        left: Option<u64>,
        alive: Arc<()>,
        not_sync: Cell<()>,
        #[pin]
        not_unpin: PhantomPinned,
    }
}

/// Feeds a [`Script`]; dropped, it ends it too.
pub(super) struct Feed {
    steps: mpsc::UnboundedSender<Step>,
    alive: Weak<()>,
}

/// A body of this size, if it is known, that waits for its steps.
pub(super) fn script(size: Option<u64>) -> (Feed, Script) {
    let (sender, steps) = mpsc::unbounded_channel();
    let alive = Arc::new(());
    let feed = Feed { steps: sender, alive: Arc::downgrade(&alive) };
    let script = Script { steps, left: size, alive, not_sync: Cell::new(()), not_unpin: PhantomPinned };
    (feed, script)
}

impl Feed {
    pub(super) fn step(&self, step: Step) {
        // A test may go on after the body was dropped.
        let _ = self.steps.send(step);
    }

    pub(super) fn data(&self, data: impl AsRef<[u8]>) {
        self.step(Step::Data(Bytes::copy_from_slice(data.as_ref())));
    }

    pub(super) fn end(&self) {
        self.step(Step::End);
    }

    /// Whether the body has not been dropped yet.
    pub(super) fn is_held(&self) -> bool {
        self.alive.strong_count() > 0
    }

    /// Ready as soon as the body has been dropped.
    pub(super) async fn released(&self) {
        self.steps.closed().await;
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.project();
        Poll::Ready(match ready!(this.steps.poll_recv(cx)) {
            None | Some(Step::End) => None,
            Some(Step::Data(data)) => {
                *this.left = this.left.map(|left| left - data.len() as u64);
                Some(Ok(Frame::data(data)))
            }
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Fail) => Some(Err(io::Error::other("the disk is gone"))),
            Some(Step::Panic) => panic!("the body panics, as the test asked"),
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
