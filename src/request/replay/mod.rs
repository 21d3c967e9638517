//! [`ReplayBody`]: a request body that can be sent a second time, and was not buffered for it.
//!
//! Nothing is read ahead. While the first body is sent, a reference to each chunk that passes goes onto a tape. When
//! WeChat rejects the token, [`Replay::take`] moves the tape and the caller's own body, the source, out of the first
//! body into a second one, which plays the tape and then reads on where the first stopped. So the source has one
//! owner at any time and nothing can be sent twice or lost, even if WeChat answered before it had read the upload: a
//! first body that is still being sent ends with an error, and the connection under it is given up.
//!
//! Both bodies announce the source's size as it was at the start, so that both requests get the same
//! `content-length`.

mod error;
mod recording;
mod source;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

pub use self::error::ReplayBodyError;
pub(crate) use self::recording::{NotReplayable, Replay};
use self::{
    recording::{Recording, lock},
    source::{Size, Source},
};
use crate::error::BoxError;

/// The body that the inner service sends: the caller's own body, which can be sent once more if WeChat rejects the token.
///
/// It passes on the caller's chunks and trailers as they come, and has the size that the caller's body has, on both sends:
/// WeChat answers HTTP 412 to bodies without a `content-length` (as users report:
/// <https://blog.tomsean.cn/2025/p9CG0HIe>), so give it bodies of known size. Its errors
/// are the caller's, or say that the replay has taken its place. It is `Send`, `Sync` and `Unpin` for every body that
/// is `Send`.
pub struct ReplayBody<B> {
    reader: Reader<B>,
    /// What is left to send.
    size: Size,
    ended: bool,
}

enum Reader<B> {
    Empty,
    /// Plays the tape, then reads the source. The mutex is never locked; it makes the body `Sync`.
    Sole(VecDeque<Frame<Bytes>>, Mutex<Source<B>>),
    /// Reads the source until a replay takes it away.
    Recorded(Arc<Mutex<Recording<B>>>),
}

impl<B: Body<Data = Bytes>> ReplayBody<B> {
    /// A body that is sent once.
    pub(crate) fn untouched(body: B) -> Self {
        if is_empty(&body) {
            return Self::empty();
        }
        let size = Size::of(&body);
        Self::sole(VecDeque::new(), Source::new(body), size)
    }

    /// A body that is recorded while it is sent, and the handle that sends it again.
    ///
    /// A body of several chunks is recorded up to `limit` bytes; one chunk that is the whole body is not limited.
    pub(crate) fn recorded(body: B, limit: usize) -> (Self, Replay<B>) {
        if is_empty(&body) {
            return (Self::empty(), Replay::empty());
        }
        let size = Size::of(&body);
        let ended = body.is_end_stream();
        let recording = Arc::new(Mutex::new(Recording::new(Source::new(body), size, limit)));
        let replay = Replay::new(recording.clone(), size);
        let reader = Reader::Recorded(recording);
        (Self { reader, size, ended }, replay)
    }

    fn empty() -> Self {
        Self { reader: Reader::Empty, size: Size::ZERO, ended: true }
    }

    fn sole(tape: VecDeque<Frame<Bytes>>, source: Source<B>, size: Size) -> Self {
        let ended = tape.is_empty() && source.is_end_stream();
        let reader = Reader::Sole(tape, Mutex::new(source));
        Self { reader, size, ended }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = ReplayBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReplayBodyError>>> {
        let this = self.get_mut();
        let (frame, ended) = match &mut this.reader {
            Reader::Empty => return Poll::Ready(None),
            Reader::Sole(tape, source) => {
                let source = source.get_mut().unwrap_or_else(PoisonError::into_inner);
                let frame = match tape.pop_front() {
                    Some(frame) => Poll::Ready(Some(Ok(frame))),
                    None => source.poll_frame(cx),
                };
                (frame, tape.is_empty() && source.is_end_stream())
            }
            Reader::Recorded(recording) => lock(recording).poll_frame(cx),
        };
        this.ended = ended;
        let frame = ready!(frame);
        match &frame {
            Some(Ok(frame)) => this.size.pass(frame),
            Some(Err(_)) => {}
            None => this.size = Size::ZERO,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.size.hint()
    }
}

fn is_empty(body: &impl Body) -> bool {
    body.is_end_stream() && body.size_hint().exact() == Some(0)
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody")
            .field("left", &self.size.hint())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
