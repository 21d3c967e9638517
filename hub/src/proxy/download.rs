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
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep, timeout_at};
use tower_wechat::PeekedBody;

use super::{LONGEST_PAUSE, mask::Mask};
use crate::{clock::now, problem::Problem};

/// A shorter answer is read to its end before any of it goes out: so one that breaks off is a clear error, and what WeChat has
/// refused can be told in the log. WeChat's errors are shorter.
const SHORT: usize = 2048;
/// How long one of unknown length is waited for.
const LONGEST_LOOK: Duration = Duration::from_millis(250);

type BoxError = Box<dyn StdError + Send + Sync>;

/// An answer whose start was read.
pub(super) struct Begun {
    pub(super) start: Bytes,
    /// Unless the start is all of it.
    rest: Option<PeekedBody<Incoming>>,
    trailers: Option<HeaderMap>,
}

/// Reads an answer to its end, if it is short.
pub(super) async fn begin(mut body: PeekedBody<Incoming>) -> Result<Begun, Problem> {
    let size = body.size_hint();
    if size.lower() > SHORT as u64 {
        return Ok(Begun { start: Bytes::new(), rest: Some(body), trailers: None });
    }
    let is_short = size.upper().is_some_and(|upper| upper <= SHORT as u64);
    let looked_enough = now() + LONGEST_LOOK;
    let mut start = BytesMut::new();
    let mut trailers = None;
    while start.len() <= SHORT {
        let deadline = if is_short { now() + LONGEST_PAUSE } else { looked_enough };
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) if is_short => return Err(Problem::answer_too_late()),
            Err(_) => break,
            Ok(None) => return Ok(Begun { start: start.freeze(), rest: None, trailers }),
            Ok(Some(frame)) => frame.map_err(|_| Problem::no_answer())?,
        };
        match frame.into_data() {
            Ok(data) => start.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Begun { start: start.freeze(), rest: Some(body), trailers })
}

impl Begun {
    /// Whether all of it is here.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// As the client gets it.
    pub(super) fn hidden_by(self, mut mask: Mask) -> axum::body::Body {
        let Self { start, rest, mut trailers } = self;
        let mut start = mask.pass(start);
        if rest.is_none() && trailers.is_none() {
            let end = mask.end();
            return if end.is_empty() { start.into() } else { Bytes::from([start, end].concat()).into() };
        }
        if rest.is_none() {
            start = [start, mask.end()].concat().into();
        }
        if let Some(trailers) = &mut trailers {
            mask.headers(trailers);
        }
        let start = Some(start).filter(|start| !start.is_empty());
        axum::body::Body::new(Download { start, rest, mask, pause: None, trailers })
    }
}

/// The body of an answer on its way to the client: it ends if nothing comes for too long, and hides what must not be seen.
struct Download {
    start: Option<Bytes>,
    rest: Option<PeekedBody<Incoming>>,
    mask: Mask,
    /// While nothing comes.
    pause: Option<Pin<Box<Sleep>>>,
    /// What comes last.
    trailers: Option<HeaderMap>,
}

impl Download {
    /// What comes next of the rest.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BoxError>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(Ok(None)) };
        if let Poll::Ready(frame) = Pin::new(rest).poll_frame(cx) {
            self.pause = None;
            return Poll::Ready(frame.transpose().map_err(Into::into));
        }
        ready!(self.pause.get_or_insert_with(|| Box::pin(sleep(LONGEST_PAUSE))).as_mut().poll(cx));
        Poll::Ready(Err("the platform's answer did not go on".into()))
    }

    fn size_of_rest(&self) -> SizeHint {
        self.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), PeekedBody::size_hint)
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
        if let Some(start) = this.start.take() {
            return Poll::Ready(Some(Ok(Frame::data(start))));
        }
        loop {
            let frame = ready!(this.poll_rest(cx))?;
            let out = match frame.map(Frame::into_data) {
                Some(Ok(data)) => this.mask.pass(data),
                Some(Err(frame)) => {
                    this.trailers = frame.into_trailers().ok();
                    if let Some(trailers) = &mut this.trailers {
                        this.mask.headers(trailers);
                    }
                    Bytes::new()
                }
                None => {
                    this.rest = None;
                    let end = this.mask.end();
                    if end.is_empty() {
                        return Poll::Ready(
                            this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))),
                        );
                    }
                    end
                }
            };
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let rest_is_over = self.rest.as_ref().is_none_or(PeekedBody::is_end_stream);
        rest_is_over && self.start.is_none() && self.mask.held() == 0 && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.size_of_rest();
        let here = (self.mask.held() + self.start.as_ref().map_or(0, Bytes::len)) as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + here);
        // Trailers need a body of unknown length.
        if let Some(upper) = rest.upper().filter(|_| self.trailers.is_none()) {
            hint.set_upper(upper + here);
        }
        hint
    }
}
