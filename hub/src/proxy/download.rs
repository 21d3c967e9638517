//! [`Download`]: the body of an answer on its way to the client.

use std::{
    error::Error as StdError,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};
use tower_wechat::{PeekedBody, WeChatError};

use super::mask::Mask;

/// Longer answers are no errors.
const LONGEST_ERROR: usize = 2048;

type BoxError = Box<dyn StdError + Send + Sync>;

/// The body of an answer on its way to the client: it ends if nothing comes for too long, hides what must not be seen, and
/// says what it was if it was an error.
pub(super) struct Download {
    body: PeekedBody<Incoming>,
    mask: Mask,
    longest_pause: Duration,
    /// While nothing comes.
    pause: Option<Pin<Box<Sleep>>>,
    /// What comes behind the last of what the mask held back.
    trailers: Option<HeaderMap>,
    /// The answer so far, if it may be an error.
    read: Option<BytesMut>,
    on_error: Option<Box<OnError>>,
}

type OnError = dyn FnOnce(&WeChatError) + Send;

impl Download {
    pub(super) fn new(
        body: PeekedBody<Incoming>,
        mask: Mask,
        longest_pause: Duration,
        on_error: impl FnOnce(&WeChatError) + Send + 'static,
    ) -> Self {
        let may_be_error = body.size_hint().upper().is_none_or(|upper| upper <= LONGEST_ERROR as u64);
        let read = may_be_error.then(BytesMut::new);
        let on_error: Box<OnError> = Box::new(on_error);
        Self { body, mask, longest_pause, pause: None, trailers: None, read, on_error: Some(on_error) }
    }

    fn read(&mut self, data: &Bytes) {
        if let Some(read) = &mut self.read {
            if read.len() + data.len() > LONGEST_ERROR {
                self.read = None;
            } else {
                read.extend_from_slice(data);
            }
        }
    }

    /// Ready where nothing has come for too long.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let longest = self.longest_pause;
        self.pause.get_or_insert_with(|| Box::pin(sleep(longest))).as_mut().poll(cx)
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Some(trailers) = this.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        loop {
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                ready!(this.poll_pause(cx));
                return Poll::Ready(Some(Err("the platform's answer did not go on".into())));
            };
            this.pause = None;
            let Some(frame) = frame.transpose()? else {
                let rest = this.mask.end();
                return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))));
            };
            match frame.into_data() {
                Ok(data) => {
                    this.read(&data);
                    let out = this.mask.pass(data);
                    if !out.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(out))));
                    }
                }
                Err(frame) => {
                    let Ok(mut trailers) = frame.into_trailers() else { continue };
                    this.mask.headers(&mut trailers);
                    let rest = this.mask.end();
                    if rest.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                    this.trailers = Some(trailers);
                    return Poll::Ready(Some(Ok(Frame::data(rest))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.mask.held() == 0 && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, held) = (self.body.size_hint(), self.mask.held() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + held);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + held);
        }
        hint
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let error = self.read.as_ref().and_then(|read| WeChatError::parse(read));
        if let Some((error, on_error)) = error.as_ref().zip(self.on_error.take()) {
            on_error(error);
        }
    }
}
