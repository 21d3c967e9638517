//! [`Upload`]: the body of a call on its way to the platform.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use crate::clock::now;

/// The body of a call on its way to the platform.
pub(crate) struct Upload {
    body: Body,
    progress: Arc<Progress>,
}

impl Upload {
    pub(crate) fn nothing() -> Self {
        Self::new(Body::empty(), Arc::default())
    }

    pub(super) fn new(body: Body, progress: Arc<Progress>) -> Self {
        Self { body, progress }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.progress.note(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How a call comes on.
pub(super) struct Progress(Mutex<(Instant, bool)>);

impl Default for Progress {
    fn default() -> Self {
        Self(Mutex::new((now(), false)))
    }
}

impl Progress {
    fn note(&self, waits_for_client: bool) {
        // Nothing panics while it is held.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (now(), waits_for_client);
    }

    /// Comes back once nothing has moved for so long, and says whether it is the client that is waited for.
    pub(super) async fn stalled(&self, longest: Duration) -> bool {
        loop {
            let (last, waits_for_client) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if last + longest <= now() {
                return waits_for_client;
            }
            sleep_until(last + longest).await;
        }
    }
}
