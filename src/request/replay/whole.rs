//! Recognises bodies that have all their bytes in one piece, which can be sent again at no cost.

use std::{
    any::Any,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;

/// The bytes of a body that has them all in one piece, which is then empty.
pub(super) fn take_whole<B: 'static>(body: &mut B) -> Option<Bytes> {
    let body: &mut dyn Any = body;
    if let Some(full) = body.downcast_mut::<Full<Bytes>>() {
        return only_chunk(full);
    }
    if let Some(text) = body.downcast_mut::<String>() {
        return Some(std::mem::take(text).into());
    }
    #[cfg(feature = "reqwest")]
    if let Some(body) = body.downcast_mut::<reqwest::Body>() {
        body.as_bytes()?;
        return only_chunk(body);
    }
    None
}

/// The one chunk of a body that is never pending.
fn only_chunk(body: &mut (impl Body<Data = Bytes> + Unpin)) -> Option<Bytes> {
    match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => None,
    }
}
