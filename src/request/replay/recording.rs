//! What the first body and its replay share: the source and the buffer.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::{
    buffer::Buffer,
    error::{NotReplayable, ReplayBodyError},
    source::Source,
};
use crate::error::BoxError;

pub(super) struct Recording<B> {
    /// None once the replay has it.
    pub(super) source: Option<Source<B>>,
    /// Or why there is none; also once nobody can ask for it any more.
    pub(super) buffer: Result<Buffer, NotReplayable>,
    /// Whether the first send has to wait.
    pub(super) held: bool,
    /// Who waits for the source's next chunk in the first send.
    pub(super) reader: Option<Waker>,
}

pub(super) fn lock<B>(recording: &Mutex<Recording<B>>) -> MutexGuard<'_, Recording<B>> {
    // The source is all that can panic under the lock, and it remembers that it did.
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes>> Recording<B> {
    pub(super) fn new(source: Source<B>, buffer: Buffer) -> Self {
        Self { source: Some(source), buffer: Ok(buffer), held: false, reader: None }
    }

    pub(super) fn check(&self) -> Result<(), NotReplayable> {
        if self.source.as_ref().is_some_and(Source::has_failed) {
            return Err(NotReplayable::Failed);
        }
        self.buffer.as_ref().map(|_| ()).map_err(|why| *why)
    }

    /// Source and buffer, if the body can be sent again. The first send is left without them.
    pub(super) fn take(&mut self) -> Result<(Source<B>, Buffer), NotReplayable> {
        self.check()?;
        let buffer = std::mem::replace(&mut self.buffer, Err(NotReplayable::TooLarge))?;
        // Nobody else takes the source, and this is done once.
        let source = self.source.take().ok_or(NotReplayable::TooLarge)?;
        Ok((source, buffer))
    }

    /// The source's next frame, and whether it was the last.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> (Poll<Option<Passed>>, bool)
    where
        B::Error: Into<BoxError>,
    {
        let Some(source) = &mut self.source else {
            return (Poll::Ready(Some(Err(ReplayBodyError::superseded()))), false);
        };
        let frame = if self.held { Poll::Pending } else { source.poll_frame(cx) };
        match &frame {
            Poll::Pending => match &mut self.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                None => self.reader = Some(cx.waker().clone()),
            },
            Poll::Ready(Some(Ok(frame))) => {
                let buffer = std::mem::replace(&mut self.buffer, Err(NotReplayable::TooLarge));
                self.buffer = buffer.and_then(|buffer| buffer.with(frame));
            }
            Poll::Ready(_) => {}
        }
        (frame, source.is_end_stream())
    }
}

/// What a body yields.
type Passed = Result<Frame<Bytes>, ReplayBodyError>;
