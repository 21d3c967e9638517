//! What the first body and its [`Replay`] share: the source and the tape.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::{
    ReplayBody, ReplayBodyError,
    source::{Size, Source},
};
use crate::error::BoxError;

/// Sends a recorded body again. Dropped unused, it ends the recording.
pub(crate) struct Replay<B> {
    /// None for an empty body.
    recording: Option<Arc<Mutex<Recording<B>>>>,
    /// As it was before the first send.
    size: Size,
}

/// Why a body cannot be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReplayable {
    /// More has been sent than may be recorded.
    TooLarge,
    /// The caller's body ended with an error.
    Failed,
}

impl<B> Replay<B> {
    pub(super) fn empty() -> Self {
        Self { recording: None, size: Size::ZERO }
    }

    pub(super) fn new(recording: Arc<Mutex<Recording<B>>>, size: Size) -> Self {
        let recording = Some(recording);
        Self { recording, size }
    }
}

impl<B: Body<Data = Bytes>> Replay<B> {
    /// Takes the body over from the first send, which is aborted if it is still under way.
    pub(crate) fn take(self) -> Result<ReplayBody<B>, NotReplayable> {
        let Some(recording) = &self.recording else {
            return Ok(ReplayBody::empty());
        };
        let mut recording = lock(recording);
        recording.check()?;
        let (Some(source), Some(tape)) = (recording.source.take(), recording.tape.take()) else {
            // `check` has seen the tape, and only this function, which runs once, takes the source.
            return Err(NotReplayable::TooLarge);
        };
        let reader = recording.reader.take();
        drop(recording);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(ReplayBody::sole(tape.frames, source, self.size))
    }

    /// Whether [`take`](Self::take) would work as things stand.
    pub(crate) fn check(&self) -> Result<(), NotReplayable> {
        self.recording.as_ref().map_or(Ok(()), |recording| lock(recording).check())
    }
}

impl<B> Drop for Replay<B> {
    fn drop(&mut self) {
        if let Some(recording) = &self.recording {
            let tape = lock(recording).tape.take();
            // After the lock, since it may hold much.
            drop(tape);
        }
    }
}

pub(super) struct Recording<B> {
    /// None once the replay has it.
    source: Option<Source<B>>,
    /// None once it got too long, or nobody can ask for it any more.
    tape: Option<Tape>,
    /// Who waits for the source's next chunk in the first send.
    reader: Option<Waker>,
}

pub(super) fn lock<B>(recording: &Mutex<Recording<B>>) -> MutexGuard<'_, Recording<B>> {
    // The source is all that can panic under the lock, and it remembers that it did.
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes>> Recording<B> {
    pub(super) fn new(source: Source<B>, size: Size, limit: usize) -> Self {
        Self {
            source: Some(source),
            tape: Some(Tape { frames: VecDeque::new(), bytes: 0, least: size.lower, limit: limit as u64 }),
            reader: None,
        }
    }

    fn check(&self) -> Result<(), NotReplayable> {
        if self.source.as_ref().is_some_and(Source::has_failed) {
            return Err(NotReplayable::Failed);
        }
        self.tape.as_ref().map(|_| ()).ok_or(NotReplayable::TooLarge)
    }

    /// The source's next frame, and whether it was the last.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> (Poll<Option<Passed>>, bool)
    where
        B::Error: Into<BoxError>,
    {
        let Some(source) = &mut self.source else {
            return (Poll::Ready(Some(Err(ReplayBodyError::superseded()))), false);
        };
        let frame = source.poll_frame(cx);
        match &frame {
            Poll::Pending => match &mut self.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                None => self.reader = Some(cx.waker().clone()),
            },
            Poll::Ready(Some(Ok(frame))) => self.tape = self.tape.take().and_then(|tape| tape.with(frame)),
            Poll::Ready(_) => {}
        }
        (frame, source.is_end_stream())
    }
}

/// What a body yields.
type Passed = Result<Frame<Bytes>, ReplayBodyError>;

/// The frames that have passed, in order, without empty ones.
struct Tape {
    frames: VecDeque<Frame<Bytes>>,
    bytes: u64,
    /// How long the whole body is at least.
    least: u64,
    limit: u64,
}

impl Tape {
    /// The tape with one more frame, or none if that makes it too long.
    fn with(mut self, frame: &Frame<Bytes>) -> Option<Self> {
        if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
            let first = self.bytes == 0;
            self.bytes += data.len() as u64;
            // A chunk that may be the whole body is the caller's memory, whether it is kept here or not.
            let whole = first && self.least <= self.bytes;
            if self.bytes > self.limit && !whole {
                return None;
            }
            self.frames.push_back(Frame::data(data.clone()));
        } else if let Some(trailers) = frame.trailers_ref() {
            self.frames.push_back(Frame::trailers(trailers.clone()));
        }
        Some(self)
    }
}
