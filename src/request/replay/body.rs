//! [`ReplayBody`], on its first way and on its second.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{
    buffer::Buffered,
    error::ReplayBodyError,
    recording::{Recording, lock},
    source::{Size, Source},
    whole::take_whole,
};
use crate::error::BoxError;

/// The body that the inner service sends: the caller's own body, which can be sent once more if WeChat rejects the token.
///
/// It passes on the caller's chunks and trailers as they come, and has the size that the caller's body has, on both sends:
/// WeChat answers HTTP 412 to bodies without a `content-length` (as users report:
/// <https://blog.tomsean.cn/2025/p9CG0HIe>), so give it bodies of known size. Its errors
/// are the caller's, or say that the replay has taken its place. It is `Send`, `Sync` and `Unpin` for every body that
/// is `Send`.
///
/// Where a client's type names the body that it sends, that is a `ReplayBody` of yours:
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_util::{
///     client::legacy::{Client, connect::HttpConnector},
///     rt::TokioExecutor,
/// };
/// use tower_wechat::{ReplayBody, TokenCache, WeChatAuth, issuer::StableToken};
///
/// struct Bot {
///     client: WeChatAuth<Client<HttpConnector, ReplayBody<Full<Bytes>>>>,
/// }
///
/// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret");
/// let http = Client::builder(TokioExecutor::new()).build_http();
/// let bot = Bot { client: WeChatAuth::new(http, TokenCache::new(issuer)) };
/// # drop(bot.client);
/// ```
pub struct ReplayBody<B> {
    pub(super) reader: Reader<B>,
    /// What is left to send.
    size: Size,
    ended: bool,
    /// Where it is noted that the body was cloned, if somebody wants to know.
    cloned: Option<Cloned>,
}

/// Whether a body was cloned, so that what became of one send says nothing of another.
#[derive(Clone, Default)]
pub(crate) struct Cloned(Arc<AtomicBool>);

impl Cloned {
    pub(crate) fn was_cloned(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

pub(super) enum Reader<B> {
    Empty,
    /// All of it, in one piece.
    Whole(Bytes),
    /// It was whole, and has been read.
    Spent,
    /// Plays what was recorded, if anything was, then reads the source. The mutex is never locked; it makes the body
    /// `Sync`.
    Sole(Option<Box<Buffered>>, Mutex<Source<B>>),
    /// Reads the source until a replay takes it away.
    Recorded(Arc<Mutex<Recording<B>>>),
}

impl<B: Body<Data = Bytes> + 'static> ReplayBody<B> {
    /// A body that is sent once.
    pub(crate) fn once(mut body: B) -> Self {
        if is_empty(&body) {
            return Self::empty();
        }
        if let Some(bytes) = take_whole(&mut body) {
            return Self::whole(bytes);
        }
        let size = Size::of(&body);
        Self::sole(None, Source::new(body), size)
    }
}

impl<B> ReplayBody<B> {
    pub(super) fn empty() -> Self {
        Self { reader: Reader::Empty, size: Size::ZERO, ended: true, cloned: None }
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        let size = Size::exact(bytes.len());
        Self { reader: Reader::Whole(bytes), size, ended: false, cloned: None }
    }

    /// Another body of the same content, if this one has all of it in one piece, or is empty, and has not been read. So a
    /// `Retry` of tower's below the layer can send a request again; a stream is for one attempt.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use tower_wechat::ReplayBody;
    ///
    /// /// Sends what was refused by a busy server once more; goes below the layer.
    /// #[derive(Clone)]
    /// struct OnceMore;
    ///
    /// type Body = ReplayBody<Full<Bytes>>;
    ///
    /// impl<R: Clone, E: Clone> tower::retry::Policy<Request<Body>, Response<R>, E>
    ///     for OnceMore
    /// {
    ///     type Future = std::future::Ready<()>;
    ///
    ///     fn retry(
    ///         &mut self,
    ///         _: &mut Request<Body>,
    ///         result: &mut Result<Response<R>, E>,
    ///     ) -> Option<Self::Future> {
    ///         let is_busy = |response: &Response<R>| response.status() == 503;
    ///         result.as_ref().is_ok_and(is_busy).then(|| std::future::ready(()))
    ///     }
    ///
    ///     fn clone_request(
    ///         &mut self,
    ///         request: &Request<Body>,
    ///     ) -> Option<Request<Body>> {
    ///         let mut clone = Request::new(request.body().try_clone()?);
    ///         *clone.method_mut() = request.method().clone();
    ///         *clone.uri_mut() = request.uri().clone();
    ///         *clone.headers_mut() = request.headers().clone();
    ///         Some(clone)
    ///     }
    /// }
    /// # drop(OnceMore);
    /// ```
    #[must_use]
    pub fn try_clone(&self) -> Option<Self> {
        let clone = match &self.reader {
            Reader::Empty => Self::empty(),
            Reader::Whole(bytes) => Self::whole(bytes.clone()),
            Reader::Spent | Reader::Sole(..) | Reader::Recorded(_) => return None,
        };
        if let Some(cloned) = &self.cloned {
            cloned.0.store(true, Ordering::Release);
        }
        Some(Self { cloned: self.cloned.clone(), ..clone })
    }

    /// Notes from now on whether this body is cloned.
    pub(crate) fn watch(&mut self) -> Cloned {
        self.cloned.get_or_insert_default().clone()
    }

    /// The bytes, where all of them are here in one piece.
    #[cfg(feature = "reqwest")]
    pub(crate) fn as_whole(&self) -> Option<&Bytes> {
        match &self.reader {
            Reader::Whole(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<B: Body<Data = Bytes>> ReplayBody<B> {
    /// Reads the recording's source until a replay takes it away.
    pub(super) fn recorded(recording: Arc<Mutex<Recording<B>>>, size: Size, ended: bool) -> Self {
        Self { reader: Reader::Recorded(recording), size, ended, cloned: None }
    }

    pub(super) fn sole(buffered: Option<Box<Buffered>>, source: Source<B>, size: Size) -> Self {
        let ended = buffered.as_ref().is_none_or(|buffered| buffered.is_over()) && source.is_end_stream();
        let reader = Reader::Sole(buffered, Mutex::new(source));
        Self { reader, size, ended, cloned: None }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = ReplayBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReplayBodyError>>> {
        let this = self.get_mut();
        let (frame, ended) = match &mut this.reader {
            Reader::Empty | Reader::Spent => return Poll::Ready(None),
            Reader::Whole(bytes) => {
                let frame = Frame::data(std::mem::take(bytes));
                *this = Self { reader: Reader::Spent, ..Self::empty() };
                return Poll::Ready(Some(Ok(frame)));
            }
            Reader::Sole(buffered, source) => {
                let source = source.get_mut().unwrap_or_else(PoisonError::into_inner);
                let frame = if let Some(frame) = buffered.as_mut().and_then(|buffered| buffered.next()) {
                    Poll::Ready(Some(Ok(frame)))
                } else {
                    *buffered = None;
                    source.poll_frame(cx)
                };
                (frame, buffered.as_ref().is_none_or(|buffered| buffered.is_over()) && source.is_end_stream())
            }
            Reader::Recorded(recording) => lock(recording).poll_frame(cx),
        };
        this.ended = ended;
        let frame = ready!(frame);
        match &frame {
            Some(Ok(frame)) => this.size.pass(frame),
            Some(Err(_)) => {}
            None => this.size = Size::ZERO,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.size.hint()
    }
}

pub(super) fn is_empty(body: &impl Body) -> bool {
    body.is_end_stream() && body.size_hint().exact() == Some(0)
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody")
            .field("left", &self.size.hint())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
