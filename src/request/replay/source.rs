//! The caller's own body, read by one reader at a time, and its size.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::ReplayBodyError;
use crate::error::BoxError;

/// A body that is not polled again once it has ended, failed or panicked.
pub(super) struct Source<B> {
    body: Pin<Box<B>>,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Ended,
    Failed,
}

impl<B: Body<Data = Bytes>> Source<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body: Box::pin(body), progress: Progress::Open }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match self.progress {
            Progress::Open => self.body.is_end_stream(),
            Progress::Ended => true,
            Progress::Failed => false,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.progress == Progress::Failed
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReplayBodyError>>>
    where
        B::Error: Into<BoxError>,
    {
        match self.progress {
            Progress::Open => {}
            Progress::Ended => return Poll::Ready(None),
            // An end here would pass a torn body off as a whole one.
            Progress::Failed => return Poll::Ready(Some(Err(ReplayBodyError::failed_before()))),
        }
        // So it stays if the body panics.
        self.progress = Progress::Failed;
        let frame = self.body.as_mut().poll_frame(cx);
        self.progress = match &frame {
            Poll::Ready(Some(Err(_))) => Progress::Failed,
            Poll::Ready(None) => Progress::Ended,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => Progress::Open,
        };
        Poll::Ready(ready!(frame).map(|frame| frame.map_err(ReplayBodyError::source)))
    }
}

/// How many bytes a body has left, at least and at most.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) lower: u64,
    upper: Option<u64>,
}

impl Size {
    pub(super) const ZERO: Self = Self { lower: 0, upper: Some(0) };

    pub(super) fn exact(length: usize) -> Self {
        let length = length as u64;
        Self { lower: length, upper: Some(length) }
    }

    pub(super) fn of(body: &impl Body) -> Self {
        let hint = body.size_hint();
        Self { lower: hint.lower(), upper: hint.upper() }
    }

    pub(super) fn is_exact(self) -> bool {
        self.upper == Some(self.lower)
    }

    /// Takes off what has been sent.
    pub(super) fn pass(&mut self, frame: &Frame<Bytes>) {
        let sent = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.lower = self.lower.saturating_sub(sent);
        self.upper = self.upper.map(|upper| upper.saturating_sub(sent));
    }

    pub(super) fn hint(self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.lower);
        if let Some(upper) = self.upper {
            // Never below `lower`: both come from one hint, and `pass` takes the same from both.
            hint.set_upper(upper);
        }
        hint
    }
}
