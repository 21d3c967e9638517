//! Looks at the start of an answer without holding it back.
//!
//! [`may_be_rejection`] tells from the head alone whether a look can matter. [`Peek`] then takes frames until the first
//! byte that decides: a picture goes on at its first frame, most JSON does too. One that does not decide soon goes on
//! undecided. Only once the answer is known to be a rejection does it wait for the rest, a few hundred bytes that the
//! caller gets to see if a replay fails. [`PeekedBody`] is the answer as if nobody had looked.

mod body;
mod head;

use std::{
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Buf;
use http_body::Body;
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep},
};

pub use self::body::PeekedBody;
#[cfg(feature = "reqwest")]
pub(crate) use self::body::Plain;
use self::body::{Peeked, Place, Taken};
pub(crate) use self::head::may_be_rejection;
use super::errcode::{ErrcodeScanner, Found};
use crate::memory::{Charge, Memory};

/// How long the rest of a rejection is waited for; it nearly always came with the start.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// The code of a platform that is busy: it may have looked at the token or not.
const BUSY: i64 = -1;

/// What keeping a frame takes beside its data, roughly, in bytes. A small frame may keep alive all of the buffer that it was
/// read into: with hyper and HTTP/1.1 that is 8 KiB for each frame that came by itself.
const FRAME: usize = 8192 + 128;

/// Pieces of one frame that are looked at; hyper's frames have one.
const PIECES: usize = 16;

/// For how long to look at an answer, and for what.
pub(crate) struct Look<'a> {
    /// From the head of the answer to the byte that decides.
    pub(crate) timeout: Duration,
    /// The codes that mean "the token was rejected".
    pub(crate) codes: &'a [i64],
    /// The budget for frames that are kept, where it takes more than one to decide.
    pub(crate) memory: &'a Arc<Memory>,
}

/// What a look at an answer found, and the answer as if nobody had looked.
pub(crate) enum Verdict<R: Body> {
    /// Not a rejection, as far as anybody can tell.
    Passed {
        body: PeekedBody<R>,
        /// Whether it says that the token was accepted: WeChat did what was asked, or refused it for another reason.
        accepted: bool,
    },
    /// WeChat rejected the token.
    Rejected {
        errcode: i64,
        body: PeekedBody<R>,
        /// Whether all of the answer is here, so that what carried it is free.
        whole: bool,
    },
}

/// Looks at an answer until there is a [`Verdict`].
pub(crate) struct Peek<R: Body> {
    /// Taken when the verdict is given.
    peeked: Option<Pin<Box<Peeked<R>>>>,
    progress: Progress,
}

struct Progress {
    scanner: ErrcodeScanner,
    /// Bytes that may still be looked at.
    room: usize,
    /// The code that is a rejection, once found.
    rejection: Option<i64>,
    /// Whether the token was accepted, as far as the answer tells.
    accepted: bool,
    /// When the answer is waited for no longer, once it has been waited for.
    deadline: Option<Pin<Box<Sleep>>>,
    /// For what is kept beyond the first frame.
    charge: Option<Charge>,
}

impl<R: Body> Peek<R> {
    /// For an answer of which up to `limit` bytes are to be looked at.
    pub(crate) fn new(body: R, limit: usize) -> Self {
        Self {
            peeked: Some(Box::pin(Peeked::new(body))),
            progress: Progress {
                scanner: ErrcodeScanner::new(),
                room: limit,
                rejection: None,
                accepted: false,
                deadline: None,
                charge: None,
            },
        }
    }

    /// Whether the answer is known to be a rejection, and only the rest of it is missing.
    pub(crate) fn has_found_rejection(&self) -> bool {
        self.progress.rejection.is_some()
    }

    /// Nobody asks again after the verdict.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, look: &Look<'_>) -> Poll<Verdict<R>> {
        let mut peeked = self.peeked.take().expect("polled after the verdict");
        let Poll::Ready(whole) = self.progress.poll(peeked.as_mut(), cx, look) else {
            self.peeked = Some(peeked);
            return Poll::Pending;
        };
        if whole {
            peeked.as_mut().release();
        }
        let body = PeekedBody::from(peeked);
        Poll::Ready(match self.progress.rejection {
            Some(errcode) => Verdict::Rejected { errcode, body, whole },
            None => Verdict::Passed { body, accepted: self.progress.accepted },
        })
    }
}

impl Progress {
    /// Whether the end was seen, once there is no more to do.
    fn poll<R: Body>(
        &mut self,
        mut body: Pin<&mut Peeked<R>>,
        cx: &mut Context<'_>,
        look: &Look<'_>,
    ) -> Poll<bool> {
        if self.rejection.is_none() {
            match ready!(self.poll_found(body.as_mut(), cx, look)) {
                Some(Found::Code(code)) if look.codes.contains(&code) => {
                    self.rejection = Some(code);
                    self.deadline = None;
                    // To see that nothing comes after the last byte of a room that was just enough.
                    self.room = self.room.saturating_add(1);
                }
                found => {
                    self.accepted = found.is_some_and(|found| found != Found::Code(BUSY));
                    return Poll::Ready(false);
                }
            }
        }
        self.poll_rest(body, cx, look)
    }

    /// What the answer says; nothing if it does not come.
    fn poll_found<R: Body>(
        &mut self,
        mut body: Pin<&mut Peeked<R>>,
        cx: &mut Context<'_>,
        look: &Look<'_>,
    ) -> Poll<Option<Found>> {
        while self.room > 0 {
            let Poll::Ready(next) = body.as_mut().poll_more(cx) else {
                ready!(self.poll_timeout(cx, look.timeout, Poll::Pending));
                return Poll::Ready(None);
            };
            let (frame, place) = match next {
                Some(Taken { frame: Ok(frame), place }) => (frame, place),
                Some(_) => return Poll::Ready(None),
                None => break,
            };
            let Some(data) = frame.data_ref() else {
                break;
            };
            let (length, room) = (data.remaining(), self.room);
            let found = if place == Place::Only && length <= room && data.chunk().len() == length {
                Some(self.scanner.push_whole(data.chunk()))
            } else {
                scan(&mut self.scanner, data, room)
            };
            if let Some(found) = found {
                self.spend(length);
                return Poll::Ready(Some(found));
            }
            if !self.keep(length, place, look) {
                break;
            }
        }
        Poll::Ready(Some(self.scanner.finish()))
    }

    fn poll_rest<R: Body>(
        &mut self,
        mut body: Pin<&mut Peeked<R>>,
        cx: &mut Context<'_>,
        look: &Look<'_>,
    ) -> Poll<bool> {
        while self.room > 0 {
            let (frame, place) = match body.as_mut().poll_more(cx) {
                Poll::Ready(Some(Taken { frame: Ok(frame), place })) => (frame, place),
                Poll::Ready(Some(_)) => return Poll::Ready(false),
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Pending => {
                    ready!(self.poll_timeout(cx, REST_TIMEOUT, Poll::Ready(())));
                    return Poll::Ready(false);
                }
            };
            let Some(data) = frame.data_ref() else {
                return Poll::Ready(true);
            };
            if !self.keep(data.remaining(), place, look) {
                return Poll::Ready(false);
            }
        }
        Poll::Ready(body.is_at_end())
    }

    /// Takes a frame from the room that is left. An empty one counts too, or a body of nothing else would never end.
    fn spend(&mut self, length: usize) {
        self.room = self.room.saturating_sub(length.max(1));
    }

    /// Whether a frame may be kept while the next is waited for. The first is on its way to the caller anyway.
    fn keep(&mut self, length: usize, place: Place, look: &Look<'_>) -> bool {
        self.spend(length);
        place != Place::Later
            || self.charge.get_or_insert_with(|| Charge::none(look.memory)).grow(FRAME.saturating_add(length))
    }

    /// Ready when the time is up; `otherwise` without a runtime to measure it.
    fn poll_timeout(&mut self, cx: &mut Context<'_>, timeout: Duration, otherwise: Poll<()>) -> Poll<()> {
        // The shortest sleep takes a millisecond.
        if timeout.is_zero() {
            return Poll::Ready(());
        }
        if self.deadline.is_none() && Handle::try_current().is_err() {
            return otherwise;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
        deadline.as_mut().poll(cx)
    }
}

/// Scans up to `room` bytes of a frame where they lie. One in too many pieces is given up.
fn scan(scanner: &mut ErrcodeScanner, data: &impl Buf, room: usize) -> Option<Found> {
    let mut pieces = [IoSlice::new(&[]); PIECES];
    let filled = data.chunks_vectored(&mut pieces);
    let mut left = data.remaining().min(room);
    for piece in pieces.iter().take(filled) {
        let piece = &piece[..piece.len().min(left)];
        left -= piece.len();
        if let Some(found) = scanner.push(piece) {
            return Some(found);
        }
    }
    (left > 0).then_some(Found::None)
}

#[cfg(test)]
mod tests;
