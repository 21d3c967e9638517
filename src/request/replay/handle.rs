//! [`Replay`]: the handle that sends a body again.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body::Body;

use super::{
    body::{ReplayBody, is_empty},
    buffer::Buffer,
    error::NotReplayable,
    recording::{Recording, lock},
    source::{Size, Source},
    whole::take_whole,
};
use crate::memory::Memory;

/// A body that can be sent again, and the handle that does it.
///
/// A body in one piece is not limited. Of any other, up to `limit` bytes are kept while they pass; `memory` is the budget of
/// all of them.
pub(crate) fn record<B>(mut body: B, limit: usize, memory: &Arc<Memory>) -> (ReplayBody<B>, Replay<B>)
where
    B: Body<Data = Bytes> + 'static,
{
    if is_empty(&body) {
        return (ReplayBody::empty(), Replay(Kept::Empty));
    }
    if let Some(bytes) = take_whole(&mut body) {
        return (ReplayBody::whole(bytes.clone()), Replay(Kept::Whole(bytes)));
    }
    let size = Size::of(&body);
    let ended = body.is_end_stream();
    let buffer = Buffer::new(size, limit, memory);
    let recording = Arc::new(Mutex::new(Recording::new(Source::new(body), buffer)));
    (ReplayBody::recorded(recording.clone(), size, ended), Replay(Kept::Recorded(recording, size)))
}

/// Sends a body again. Dropped unused, it ends the recording.
pub(crate) struct Replay<B>(pub(super) Kept<B>);

pub(super) enum Kept<B> {
    Empty,
    Whole(Bytes),
    /// And the size before the first send.
    Recorded(Arc<Mutex<Recording<B>>>, Size),
}

impl<B> Replay<B> {
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
        let (source, buffer) = lock(recording).take()?;
        Ok(ReplayBody::sole(Some(Box::new(buffer.into_buffered())), source, size))
        // Dropped, it wakes the first send, which finds the source gone.
    }
}

impl<B> Drop for Replay<B> {
    fn drop(&mut self) {
        let Kept::Recorded(recording, _) = &self.0 else { return };
        let (buffer, reader) = {
            let mut recording = lock(recording);
            recording.held = false;
            let buffer = std::mem::replace(&mut recording.buffer, Err(NotReplayable::TooLarge));
            // With the source it goes on by itself.
            (buffer, recording.reader.take())
        };
        // After the lock, since it may hold much.
        drop(buffer);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}
