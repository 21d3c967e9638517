//! [`PeekedBody`]: an answer that was looked at, or not, as if nobody had.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::rid::rid;

pin_project! {
    /// The body of an answer that came through the layer: the inner client's own, frame by frame.
    ///
    /// What the layer looked at is yielded again first, neither copied nor changed: data, trailers and errors, each in
    /// its place. An exact size hint stays exact.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::BodyExt;
    /// use tower_wechat::PeekedBody;
    ///
    /// /// Collects an answer, or streams it: it is a body like any other.
    /// async fn read<R>(body: PeekedBody<R>) -> Result<Bytes, R::Error>
    /// where
    ///     R: http_body::Body<Data = Bytes>,
    /// {
    ///     Ok(body.collect().await?.to_bytes())
    /// }
    /// # drop(read::<http_body_util::Full<Bytes>>);
    /// ```
    pub struct PeekedBody<R: Body> {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<R: Body> {
        Untouched { #[pin] body: R },
        // In a box, so that `R` need not be `Unpin` to be looked at.
        Peeked { peeked: Pin<Box<Peeked<R>>> },
    }
}

/// An answer's body, taken apart.
#[cfg(feature = "reqwest")]
pub(crate) enum Plain<R: Body> {
    /// Nobody looked at it.
    Body(R),
    /// All of it, in one piece.
    Data(R::Data),
    Peeked(PeekedBody<R>),
}

type Item<R> = Result<Frame<<R as Body>::Data>, <R as Body>::Error>;

/// A frame that was taken.
pub(super) struct Taken<'p, R: Body> {
    pub(super) frame: &'p Item<R>,
    pub(super) place: Place,
}

/// Where a frame stands in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is all there is.
    Only,
    First,
    Later,
}

pin_project! {
    /// A body and what was taken from its start. One frame, the usual case, costs no allocation of its own.
    pub(super) struct Peeked<R: Body> {
        first: Option<Item<R>>,
        more: VecDeque<Item<R>>,
        // Gone once it has ended: a client may count on that, as for a permit that lives in the body.
        #[pin]
        body: Option<R>,
    }
}

/// As much of an answer as its request id is looked for in, in bytes.
const START: usize = 1024;

impl<R: Body> PeekedBody<R> {
    /// A body that nobody looked at.
    pub(crate) fn untouched(body: R) -> Self {
        Self { kind: Kind::Untouched { body } }
    }

    /// What is in here, where that is simple.
    #[cfg(feature = "reqwest")]
    pub(crate) fn into_plain(mut self) -> Plain<R> {
        let Kind::Peeked { peeked } = &mut self.kind else {
            return match self.kind {
                Kind::Untouched { body } => Plain::Body(body),
                Kind::Peeked { .. } => Plain::Peeked(self),
            };
        };
        let all_here = peeked.more.is_empty() && peeked.is_at_end();
        match peeked.as_mut().project().first {
            Some(Ok(frame)) if all_here && frame.is_data() => {}
            _ => return Plain::Peeked(self),
        }
        let frame = peeked.as_mut().project().first.take();
        match frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()) {
            Some(data) => Plain::Data(data),
            None => Plain::Peeked(self),
        }
    }

    /// The platform's id of the request, as far as it stands in what was looked at.
    pub(crate) fn rid(&self) -> Option<String> {
        match &self.kind {
            Kind::Untouched { .. } => None,
            Kind::Peeked { peeked } => rid(&String::from_utf8_lossy(&peeked.start(START))).map(str::to_owned),
        }
    }
}

impl<R: Body> From<Pin<Box<Peeked<R>>>> for PeekedBody<R> {
    fn from(peeked: Pin<Box<Peeked<R>>>) -> Self {
        Self { kind: Kind::Peeked { peeked } }
    }
}

impl<R: Body> Peeked<R> {
    pub(super) fn new(body: R) -> Self {
        Self { first: None, more: VecDeque::new(), body: Some(body) }
    }

    /// Takes one more frame, keeps it and shows it.
    pub(super) fn poll_more(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Taken<'_, R>>> {
        let mut this = self.project();
        let Some(mut body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(frame) = ready!(body.as_mut().poll_frame(cx)) else {
            this.body.set(None);
            return Poll::Ready(None);
        };
        if this.first.is_none() {
            let place = if body.is_end_stream() { Place::Only } else { Place::First };
            return Poll::Ready(Some(Taken { frame: this.first.insert(frame), place }));
        }
        this.more.push_back(frame);
        Poll::Ready(this.more.back().map(|frame| Taken { frame, place: Place::Later }))
    }

    /// The start of the data that was taken, as text.
    pub(super) fn start(&self, most: usize) -> Vec<u8> {
        let mut start = Vec::new();
        for data in self.taken().flatten().filter_map(Frame::data_ref) {
            let chunk = data.chunk();
            start.extend_from_slice(&chunk[..chunk.len().min(most - start.len())]);
        }
        start
    }

    /// Whether nothing comes after what was taken.
    pub(super) fn is_at_end(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    /// Lets go of the body; what was taken from it stays.
    pub(super) fn release(self: Pin<&mut Self>) {
        self.project().body.set(None);
    }

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<R>>> {
        let this = self.project();
        match this.first.take().or_else(|| this.more.pop_front()) {
            Some(item) => Poll::Ready(Some(item)),
            // A body need not bear being asked again after its end.
            None => match this.body.as_pin_mut() {
                Some(body) => body.poll_frame(cx),
                None => Poll::Ready(None),
            },
        }
    }

    fn taken(&self) -> impl Iterator<Item = &Item<R>> {
        self.first.iter().chain(&self.more)
    }

    fn size_hint(&self) -> SizeHint {
        let taken = self.taken().flatten().filter_map(Frame::data_ref).fold(0, |sum: u64, data| {
            sum.saturating_add(u64::try_from(data.remaining()).unwrap_or(u64::MAX))
        });
        let mut hint = match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        };
        let upper = hint.upper().and_then(|upper| upper.checked_add(taken));
        let lower = hint.lower().saturating_add(taken);
        hint = SizeHint::new();
        hint.set_lower(lower);
        if let Some(upper) = upper {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<R: Body> Body for PeekedBody<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<R>>> {
        match self.project().kind.project() {
            KindProj::Untouched { body } => body.poll_frame(cx),
            KindProj::Peeked { peeked } => peeked.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Untouched { body } => body.is_end_stream(),
            Kind::Peeked { peeked } => peeked.taken().next().is_none() && peeked.is_at_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Untouched { body } => body.size_hint(),
            Kind::Peeked { peeked } => peeked.size_hint(),
        }
    }
}

impl<R: Body> fmt::Debug for PeekedBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeekedBody").finish_non_exhaustive()
    }
}
