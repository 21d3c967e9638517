//! What the first body and its [`Replay`] share: the source and the tape.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::{
    ReplayBody, ReplayBodyError,
    source::{Size, Source},
    tape::Tape,
};
use crate::error::BoxError;

/// Sends a body again. Dropped unused, it ends the recording.
pub(crate) struct Replay<B>(Kept<B>);

enum Kept<B> {
    Empty,
    Whole(Bytes),
    /// And the size before the first send.
    Recorded(Arc<Mutex<Recording<B>>>, Size),
}

/// Why a body cannot be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReplayable {
    /// More has been sent than may be recorded.
    TooLarge,
    /// The requests of the layer together have recorded all that they may.
    NoMemory,
    /// The caller's body ended with an error.
    Failed,
}

impl<B> Replay<B> {
    pub(super) fn empty() -> Self {
        Self(Kept::Empty)
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Kept::Whole(bytes))
    }

    pub(super) fn recorded(recording: Arc<Mutex<Recording<B>>>, size: Size) -> Self {
        Self(Kept::Recorded(recording, size))
    }

    /// Lets the first send wait, so that no more is recorded than there is, until the replay is taken or dropped.
    pub(crate) fn hold(&self) {
        if let Kept::Recorded(recording, _) = &self.0 {
            lock(recording).held = true;
        }
    }

    /// Ends the first send, since nobody waits for its answer any more.
    pub(crate) fn abandon(self) {
        if let Kept::Recorded(recording, _) = &self.0 {
            let source = lock(recording).source.take();
            // After the lock, since it may hold much.
            drop(source);
        }
        // Dropped, it wakes the first send, which finds the source gone.
    }
}

impl<B: Body<Data = Bytes>> Replay<B> {
    /// Whether [`take`](Self::take) would work as things stand.
    #[cfg(test)]
    pub(super) fn check(&self) -> Result<(), NotReplayable> {
        let Kept::Recorded(recording, _) = &self.0 else { return Ok(()) };
        lock(recording).check()
    }

    /// Takes the body over from the first send, which is aborted if it is still under way.
    pub(crate) fn take(mut self) -> Result<ReplayBody<B>, NotReplayable> {
        let (recording, size) = match &mut self.0 {
            Kept::Empty => return Ok(ReplayBody::empty()),
            Kept::Whole(bytes) => return Ok(ReplayBody::whole(std::mem::take(bytes))),
            Kept::Recorded(recording, size) => (recording, *size),
        };
        let (source, tape) = lock(recording).take()?;
        Ok(ReplayBody::sole(Some(tape.play()), source, size))
        // Dropped, it wakes the first send, which finds the source gone.
    }
}

impl<B> Drop for Replay<B> {
    fn drop(&mut self) {
        let Kept::Recorded(recording, _) = &self.0 else { return };
        let (tape, reader) = {
            let mut recording = lock(recording);
            recording.held = false;
            let tape = std::mem::replace(&mut recording.tape, Err(NotReplayable::TooLarge));
            // With the source it goes on by itself.
            (tape, recording.reader.take())
        };
        // After the lock, since it may hold much.
        drop(tape);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

pub(super) struct Recording<B> {
    /// None once the replay has it.
    source: Option<Source<B>>,
    /// Or why there is none; also once nobody can ask for it any more.
    tape: Result<Tape, NotReplayable>,
    /// Whether the first send has to wait.
    held: bool,
    /// Who waits for the source's next chunk in the first send.
    reader: Option<Waker>,
}

pub(super) fn lock<B>(recording: &Mutex<Recording<B>>) -> MutexGuard<'_, Recording<B>> {
    // The source is all that can panic under the lock, and it remembers that it did.
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes>> Recording<B> {
    pub(super) fn new(source: Source<B>, tape: Tape) -> Self {
        Self { source: Some(source), tape: Ok(tape), held: false, reader: None }
    }

    fn check(&self) -> Result<(), NotReplayable> {
        if self.source.as_ref().is_some_and(Source::has_failed) {
            return Err(NotReplayable::Failed);
        }
        self.tape.as_ref().map(|_| ()).map_err(|why| *why)
    }

    /// Source and tape, if the body can be sent again. The first send is left without them.
    fn take(&mut self) -> Result<(Source<B>, Tape), NotReplayable> {
        self.check()?;
        let tape = std::mem::replace(&mut self.tape, Err(NotReplayable::TooLarge))?;
        // Nobody else takes the source, and this is done once.
        let source = self.source.take().ok_or(NotReplayable::TooLarge)?;
        Ok((source, tape))
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
                let tape = std::mem::replace(&mut self.tape, Err(NotReplayable::TooLarge));
                self.tape = tape.and_then(|tape| tape.with(frame));
            }
            Poll::Ready(_) => {}
        }
        (frame, source.is_end_stream())
    }
}

/// What a body yields.
type Passed = Result<Frame<Bytes>, ReplayBodyError>;
