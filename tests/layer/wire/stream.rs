//! Request bodies that stream.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A stream of so many bytes, all told apart by where they are.
pub struct Stream {
    length: usize,
    chunk: usize,
    at: usize,
    announced: bool,
    trailers: bool,
    pause: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    stalls_at: Option<usize>,
    pulled: Arc<AtomicUsize>,
}

/// What a stream of this length holds.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(byte).collect()
}

fn byte(at: usize) -> u8 {
    u8::try_from((at + at / 251) % 253).unwrap()
}

/// The trailers of a stream that has some.
pub fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("x-checksum".parse().unwrap(), HeaderValue::from_static("abc"))])
}

impl Stream {
    /// Of known length.
    pub fn new(length: usize) -> Self {
        Self {
            length,
            chunk: 16 * 1024,
            at: 0,
            announced: true,
            trailers: false,
            pause: None,
            sleep: None,
            stalls_at: None,
            pulled: Arc::default(),
        }
    }

    /// With trailers, and so of unknown length.
    pub fn with_trailers(self) -> Self {
        Self { announced: false, trailers: true, ..self }
    }

    pub fn unannounced(self) -> Self {
        Self { announced: false, ..self }
    }

    /// With a pause before each chunk of this size.
    pub fn slow(self, chunk: usize, pause: Duration) -> Self {
        Self { chunk, pause: Some(pause), ..self }
    }

    /// Yields nothing more after so many bytes.
    pub fn stalls_after(self, bytes: usize) -> Self {
        Self { stalls_at: Some(bytes), ..self }
    }

    /// How many bytes have been taken out of it.
    pub fn pulled(&self) -> Arc<AtomicUsize> {
        self.pulled.clone()
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.at == self.length {
            let last = std::mem::take(&mut self.trailers);
            return Poll::Ready(last.then(|| Ok(Frame::trailers(trailers()))));
        }
        if self.stalls_at.is_some_and(|at| self.at >= at) {
            return Poll::Pending;
        }
        if let Some(pause) = self.pause {
            let sleeping = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
            ready!(sleeping.as_mut().poll(cx));
            self.sleep = None;
        }
        let end = self.length.min(self.at + self.chunk);
        let data: Bytes = (self.at..end).map(byte).collect();
        self.at = end;
        self.pulled.store(end, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.length && !self.trailers
    }

    fn size_hint(&self) -> SizeHint {
        if self.announced { SizeHint::with_exact((self.length - self.at) as u64) } else { SizeHint::new() }
    }
}
