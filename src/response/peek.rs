//! Looks at the start of an answer without holding it back.
//!
//! [`may_be_rejection`] tells from the head alone whether a look can matter. [`Peek`] then takes frames until the first
//! byte that decides: a picture goes on at its first frame, most JSON does too. Only once the answer is known to be a
//! rejection does it wait for the rest, a few hundred bytes that the caller gets to see if a replay fails.
//! [`PeekedBody`] is the answer as if nobody had looked.

mod body;

use std::{
    future::Future,
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Buf;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, header};
use http_body::Body;
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep},
};

use self::body::Peeked;
pub use self::body::PeekedBody;
use super::errcode::{ErrcodeScanner, Found};

/// How long the rest of a rejection is waited for; it nearly always came with the start.
const PATIENCE: Duration = Duration::from_secs(1);

/// Pieces of one frame that are looked at; hyper's frames have one.
const PIECES: usize = 16;

/// Whether this answer can hide a rejection, so that looking at up to `limit` bytes of it may matter.
///
/// The content type is not asked: WeChat sends errors as `text/plain` and `text/html` too, or without any.
pub(crate) fn may_be_rejection<R: Body>(method: &Method, response: &Response<R>, limit: usize) -> bool {
    let (status, headers, body) = (response.status(), response.headers(), response.body());
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    limit > 0
        && !matches!(*method, Method::HEAD | Method::CONNECT)
        && status.is_success()
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT)
        && !body.is_end_stream()
        && body.size_hint().lower() <= limit
        && content_length(headers).is_none_or(|length| length <= limit)
        && all(headers, &header::CONTENT_ENCODING, |coding| coding.eq_ignore_ascii_case(b"identity"))
        && all(headers, &header::CONTENT_DISPOSITION, |kind| !kind.eq_ignore_ascii_case(b"attachment"))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether this holds for every value of a header, without its parameters.
fn all(headers: &HeaderMap, name: &HeaderName, holds: impl Fn(&[u8]) -> bool) -> bool {
    // As bytes, since a file name among the parameters need not be ASCII.
    headers.get_all(name).iter().all(|value| {
        let mut parts = value.as_bytes().split(|&byte| byte == b';');
        holds(parts.next().unwrap_or_default().trim_ascii())
    })
}

/// What a look at an answer found, and the answer as if nobody had looked.
pub(crate) enum Verdict<R: Body> {
    /// Not a rejection, as far as anybody can tell.
    Passed(PeekedBody<R>),
    /// WeChat rejected the token.
    Rejected {
        errcode: i64,
        body: PeekedBody<R>,
        /// Whether all of the answer is here, so that what carried it is free.
        whole: bool,
    },
}

/// Looks at an answer and becomes a [`Verdict`].
pub(crate) struct Peek<R: Body> {
    /// Taken when the verdict is given.
    peeked: Option<Pin<Box<Peeked<R>>>>,
    progress: Progress,
}

struct Progress {
    scanner: ErrcodeScanner,
    codes: Arc<[i64]>,
    /// Bytes that may still be looked at.
    room: usize,
    /// The code that is a rejection, once found.
    rejection: Option<i64>,
    patience: Option<Pin<Box<Sleep>>>,
}

impl<R: Body> Peek<R> {
    /// Looks for one of the `codes` in the first `limit` bytes.
    pub(crate) fn new(body: R, limit: usize, codes: Arc<[i64]>) -> Self {
        Self {
            peeked: Some(Box::pin(Peeked::new(body))),
            progress: Progress {
                scanner: ErrcodeScanner::new(),
                codes,
                room: limit,
                rejection: None,
                patience: None,
            },
        }
    }
}

impl<R: Body> Future for Peek<R> {
    type Output = Verdict<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict<R>> {
        // By the contract of `Future` nobody polls again after the verdict.
        let mut peeked = self.peeked.take().expect("polled after the verdict");
        let Poll::Ready(whole) = self.progress.poll(peeked.as_mut(), cx) else {
            self.peeked = Some(peeked);
            return Poll::Pending;
        };
        if whole {
            peeked.as_mut().release();
        }
        let body = PeekedBody::from(peeked);
        Poll::Ready(match self.progress.rejection {
            Some(errcode) => Verdict::Rejected { errcode, body, whole },
            None => Verdict::Passed(body),
        })
    }
}

impl Progress {
    /// Whether the end was seen, once there is no more to do.
    fn poll<R: Body>(&mut self, mut body: Pin<&mut Peeked<R>>, cx: &mut Context<'_>) -> Poll<bool> {
        if self.rejection.is_none() {
            match ready!(self.poll_verdict(body.as_mut(), cx)) {
                Found::Code(code) if self.codes.contains(&code) => {
                    self.rejection = Some(code);
                    // To see that nothing comes after the last byte of a room that was just enough.
                    self.room = self.room.saturating_add(1);
                }
                _ => return Poll::Ready(false),
            }
        }
        self.poll_rest(body, cx)
    }

    fn poll_verdict<R: Body>(&mut self, mut body: Pin<&mut Peeked<R>>, cx: &mut Context<'_>) -> Poll<Found> {
        while self.room > 0 {
            let Some(Ok(frame)) = ready!(body.as_mut().poll_more(cx)) else {
                break;
            };
            let Some(data) = frame.data_ref() else {
                break;
            };
            let found = scan(&mut self.scanner, data, self.room);
            self.spend(data);
            if let Some(found) = found {
                return Poll::Ready(found);
            }
        }
        Poll::Ready(self.scanner.finish())
    }

    fn poll_rest<R: Body>(&mut self, mut body: Pin<&mut Peeked<R>>, cx: &mut Context<'_>) -> Poll<bool> {
        while self.room > 0 {
            let frame = match body.as_mut().poll_more(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Pending => {
                    ready!(self.poll_patience(cx));
                    return Poll::Ready(false);
                }
            };
            match frame.data_ref() {
                Some(data) => self.spend(data),
                None => return Poll::Ready(true),
            }
        }
        Poll::Ready(body.is_at_end())
    }

    /// Takes a frame from the room that is left. An empty one counts too, or a body of nothing else would never end.
    fn spend(&mut self, data: &impl Buf) {
        self.room = self.room.saturating_sub(data.remaining().max(1));
    }

    /// Ready when patience has run out: at once where there is no runtime to measure it.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.patience.is_none() && Handle::try_current().is_err() {
            return Poll::Ready(());
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        patience.as_mut().poll(cx)
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
