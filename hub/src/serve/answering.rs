//! [`Answering`]: the body of an answer, at whose end its connection is idle again.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::phase::Phase;

/// A request is being answered until this is dropped.
pub(super) struct InAnswer(Arc<Phase>);

impl InAnswer {
    pub(super) fn begin(phase: Arc<Phase>) -> Self {
        phase.answering();
        Self(phase)
    }

    /// Until this body has gone out.
    pub(super) fn until(self, body: Body) -> Answering {
        Answering { body, _in_answer: self }
    }
}

impl Drop for InAnswer {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// The body of an answer.
pub(super) struct Answering {
    body: Body,
    _in_answer: InAnswer,
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
