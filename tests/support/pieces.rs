//! A body in pieces, of known length.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Not all there at once, as a file's would be. It never waits.
#[derive(Clone, Debug)]
pub struct Pieces(VecDeque<Bytes>);

impl Pieces {
    pub fn of(pieces: &[&'static str]) -> Self {
        Self(pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}
