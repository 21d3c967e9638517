//! [`FakeBody`]: answers that stream, chunk by chunk, and may be cut off.

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How much of a download is made at a time.
const MEDIA_CHUNK: usize = 64 * 1024;

/// How much of a slow answer is sent at a time.
const SLOW_CHUNK: usize = 16;

/// The body of every answer. Each chunk is flushed to the socket on its own.
pub(crate) struct FakeBody {
    source: Source,
    /// How many bytes may still go out before the connection breaks off.
    until_cut: Option<u64>,
    slow: Option<Slow>,
    flushed: bool,
}

/// The pause before each piece, and what is left of the present one.
struct Slow {
    pause: Duration,
    timer: Pin<Box<Sleep>>,
}

enum Source {
    Chunks(VecDeque<Bytes>),
    Media { next: u64, end: u64 },
}

/// The answer was to be cut off here.
#[derive(Debug)]
pub(crate) struct CutOff;

/// The byte at this offset of every download that [`FakeWeChat`](crate::FakeWeChat) serves, so that a test can tell
/// whether what it got is whole and in order.
///
/// ```
/// use fake_wechat::media_byte;
///
/// assert_eq!([media_byte(0), media_byte(250), media_byte(251)], [0, 250, 0]);
/// ```
#[must_use]
pub fn media_byte(offset: u64) -> u8 {
    // Below 251, a prime: no power-of-two shift of the download looks like the download.
    #[allow(clippy::cast_possible_truncation)]
    {
        (offset % 251) as u8
    }
}

impl FakeBody {
    pub(crate) fn chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let chunks = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        Self::new(Source::Chunks(chunks))
    }

    pub(crate) fn media(range: Range<u64>) -> Self {
        Self::new(Source::Media { next: range.start, end: range.end })
    }

    fn new(source: Source) -> Self {
        Self { source, until_cut: None, slow: None, flushed: true }
    }

    /// Announces the whole, sends half of it and breaks off.
    pub(crate) fn cut_in_half(mut self) -> Self {
        self.until_cut = Some(self.left() / 2);
        self
    }

    /// Sends a few bytes at a time, with this pause before each.
    pub(crate) fn slowed(mut self, pause: Duration) -> Self {
        self.slow = Some(Slow { pause, timer: Box::pin(sleep(pause)) });
        self
    }

    fn left(&self) -> u64 {
        match &self.source {
            Source::Chunks(chunks) => chunks.iter().map(|chunk| chunk.len() as u64).sum(),
            Source::Media { next, end } => end - next,
        }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        let most = self.slow.as_ref().map(|_| SLOW_CHUNK);
        match &mut self.source {
            Source::Chunks(chunks) => {
                let mut chunk = chunks.pop_front()?;
                if let Some(most) = most.filter(|most| *most < chunk.len()) {
                    chunks.push_front(chunk.split_off(most));
                }
                Some(chunk)
            }
            Source::Media { next, end } => {
                let upto = next.saturating_add(most.unwrap_or(MEDIA_CHUNK) as u64).min(*end);
                let chunk: Bytes = (*next..upto).map(media_byte).collect();
                *next = upto;
                (!chunk.is_empty()).then_some(chunk)
            }
        }
    }
}

impl Body for FakeBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if !self.flushed {
            // The server writes out what it has while the body has nothing for it.
            self.flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(slow) = &mut self.slow {
            ready!(slow.timer.as_mut().poll(cx));
            slow.timer = Box::pin(sleep(slow.pause));
        }
        self.flushed = false;
        if self.until_cut == Some(0) {
            return Poll::Ready(Some(Err(CutOff)));
        }
        let Some(mut chunk) = self.next_chunk() else {
            return Poll::Ready(None);
        };
        if let Some(left) = &mut self.until_cut {
            chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= chunk.len() as u64;
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.until_cut.is_none() && self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was cut off on purpose")
    }
}

impl std::error::Error for CutOff {}
