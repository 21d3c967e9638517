//! [`Watched`]: a stream that tells when bytes come, and when none can go.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::phase::Phase;

pin_project! {
    /// A stream that tells the phase of its connection when bytes come, and when none can go.
    pub(super) struct Watched<S> {
        #[pin]
        stream: S,
        phase: Arc<Phase>,
        is_blocked: bool,
    }
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, phase: Arc<Phase>) -> Self {
        Self { stream, phase, is_blocked: false }
    }
}

/// Tells the phase where this is news.
fn tell<T>(written: Poll<T>, is_blocked: &mut bool, phase: &Phase) -> Poll<T> {
    if written.is_pending() != *is_blocked {
        *is_blocked = written.is_pending();
        phase.blocked(*is_blocked);
    }
    written
}

impl<S: AsyncRead> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buf.filled().len();
        ready!(this.stream.poll_read(cx, buf))?;
        if buf.filled().len() > before {
            this.phase.received(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        tell(this.stream.poll_write(cx, bytes), this.is_blocked, this.phase)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        tell(this.stream.poll_flush(cx), this.is_blocked, this.phase)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        tell(this.stream.poll_write_vectored(cx, bytes), this.is_blocked, this.phase)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
