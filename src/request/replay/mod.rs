//! [`ReplayBody`]: a request body that can be sent a second time, and was not buffered for it.
//!
//! A body in one piece is kept by reference. Of any other nothing is read ahead: while the first body is sent, what passes
//! is copied onto a [`Tape`](tape::Tape). When WeChat rejects the token, [`Replay::take`] moves the tape and the caller's own
//! body, the source, out of the first body into a second one, which plays the tape and then reads on where the first
//! stopped. So the source has one owner at any time and nothing can be sent twice or lost, even if WeChat answered before
//! it had read the upload: a first body that is still being sent ends with an error, and the connection under it is given
//! up.
//!
//! Both bodies announce the source's size as it was at the start, so that both requests get the same
//! `content-length`.

mod error;
mod recording;
mod source;
mod tape;
#[cfg(test)]
mod tests;
mod whole;

use std::{
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
    tape::{Played, Tape},
    whole::take_whole,
};
use crate::{error::BoxError, memory::Memory};

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
    /// All of it, in one piece.
    Whole(Bytes),
    /// It was whole, and has been read.
    Spent,
    /// Plays what was recorded, if anything was, then reads the source. The mutex is never locked; it makes the body
    /// `Sync`.
    Sole(Option<Played>, Mutex<Source<B>>),
    /// Reads the source until a replay takes it away.
    Recorded(Arc<Mutex<Recording<B>>>),
}

impl<B: Body<Data = Bytes> + 'static> ReplayBody<B> {
    /// A body that is sent once.
    pub(crate) fn once(mut body: B) -> Self {
        if is_empty(&body) {
            return Self::empty();
        }
        if let Some(bytes) = take_whole(&mut body) {
            return Self::whole(bytes);
        }
        let size = Size::of(&body);
        Self::sole(None, Source::new(body), size)
    }

    /// A body that can be sent again, and the handle that does it.
    ///
    /// A body in one piece is not limited. Of any other, up to `limit` bytes are kept while they pass, out of `memory`.
    pub(crate) fn recorded(mut body: B, limit: usize, memory: &Arc<Memory>) -> (Self, Replay<B>) {
        if is_empty(&body) {
            return (Self::empty(), Replay::empty());
        }
        if let Some(bytes) = take_whole(&mut body) {
            return (Self::whole(bytes.clone()), Replay::whole(bytes));
        }
        let size = Size::of(&body);
        let ended = body.is_end_stream();
        let tape = Tape::new(size.lower, limit, memory);
        let recording = Arc::new(Mutex::new(Recording::new(Source::new(body), tape)));
        let replay = Replay::recorded(recording.clone(), size);
        let reader = Reader::Recorded(recording);
        (Self { reader, size, ended }, replay)
    }
}

impl<B> ReplayBody<B> {
    fn empty() -> Self {
        Self { reader: Reader::Empty, size: Size::ZERO, ended: true }
    }

    fn whole(bytes: Bytes) -> Self {
        let size = Size::exact(bytes.len());
        Self { reader: Reader::Whole(bytes), size, ended: false }
    }

    /// Another body of the same content, if this one has all of it in one piece, or is empty, and has not been read. So a
    /// `Retry` of tower's below the layer can send a request again; a stream is for one attempt.
    #[must_use]
    pub fn try_clone(&self) -> Option<Self> {
        match &self.reader {
            Reader::Empty => Some(Self::empty()),
            Reader::Whole(bytes) => Some(Self::whole(bytes.clone())),
            Reader::Spent | Reader::Sole(..) | Reader::Recorded(_) => None,
        }
    }

    /// The bytes, where all of them are here in one piece.
    #[cfg(feature = "reqwest")]
    pub(crate) fn as_whole(&self) -> Option<&Bytes> {
        match &self.reader {
            Reader::Whole(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<B: Body<Data = Bytes>> ReplayBody<B> {
    fn sole(played: Option<Played>, source: Source<B>, size: Size) -> Self {
        let ended = played.as_ref().is_none_or(Played::is_over) && source.is_end_stream();
        let reader = Reader::Sole(played, Mutex::new(source));
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
            Reader::Empty | Reader::Spent => return Poll::Ready(None),
            Reader::Whole(bytes) => {
                let frame = Frame::data(std::mem::take(bytes));
                *this = Self { reader: Reader::Spent, ..Self::empty() };
                return Poll::Ready(Some(Ok(frame)));
            }
            Reader::Sole(played, source) => {
                let source = source.get_mut().unwrap_or_else(PoisonError::into_inner);
                let frame = match played.as_mut().and_then(Played::next) {
                    Some(frame) => Poll::Ready(Some(Ok(frame))),
                    None => {
                        *played = None;
                        source.poll_frame(cx)
                    }
                };
                (frame, played.as_ref().is_none_or(Played::is_over) && source.is_end_stream())
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
