//! What can go wrong, said once: [`TokenError`] when there is no token to be had, [`Error`] when a request fails.
//!
//! Both say what happened, to which app, and what to do next. Neither ever holds a token, a secret or a request's URL. All of
//! them are listed in `docs/errors.md`.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use crate::secret::AppId;

/// Any error, boxed; what the rest of the tower world speaks.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What kind of failure an [`Error`] or a [`TokenError`] is.
///
/// What to do on each:
///
/// | kind | what it means for the caller | who can mend it |
/// |---|---|---|
/// | [`Token`](Self::Token) | the platform said no; [`errcode`](TokenError::errcode) and the text say why | whoever has the secret, the allow-list, the quota; if [transient](TokenError::is_transient), time |
/// | [`Timeout`](Self::Timeout) | the fetch goes on, the next request may have its token | time |
/// | [`BackedOff`](Self::BackedOff) | nothing was sent; wait for [`retry_after`](TokenError::retry_after) | time, or [`retry_now`](crate::TokenCache::retry_now) after a repair |
/// | [`Inner`](Self::Inner) | the HTTP client failed; whether WeChat got the request, its error says | you, as without this crate |
/// | [`Store`](Self::Store) | the shared store, or the database behind a pool, is away | whoever runs it |
/// | [`Uri`](Self::Uri), [`UnknownApp`](Self::UnknownApp), [`Config`](Self::Config), [`NoRuntime`](Self::NoRuntime), [`Closed`](Self::Closed) | the program asked for what cannot be | you, in the program |
///
/// ```
/// use tower_wechat::{Error, ErrorKind, TokenError};
///
/// /// Whether the same call may work later without anybody's doing.
/// fn is_passing(error: &Error) -> bool {
///     let token = error.downcast_ref::<TokenError>();
///     token.is_some_and(|why| {
///         why.is_transient() || why.kind() == ErrorKind::Timeout
///     })
/// }
/// # drop(is_passing);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The token endpoint refused, or its answer made no sense.
    Token,
    /// A token, or the account in a pool, did not come in the time that the caller, or the mint, was given.
    Timeout,
    /// Nothing was asked: an earlier failure is still fresh, or the budget of refreshes is spent.
    BackedOff,
    /// The token cannot be put into this request's URI.
    Uri,
    /// The request names no account, or one that the pool does not know.
    UnknownApp,
    /// The inner service failed; the layer had no part in it.
    Inner,
    /// A setting makes no sense.
    Config,
    /// The shared store failed, and going on without it would do harm; or a pool's factory failed, which makes accounts from
    /// a database of yours.
    Store,
    /// There is no tokio runtime to fetch a token on, or an account.
    NoRuntime,
    /// The cache was shut down, or the fetch was stopped under way.
    Closed,
}

/// Why there is no token.
///
/// Cheap to clone: everyone who waited for the same fetch gets the same error.
///
/// ```
/// use tower_wechat::{
///     ErrorKind, TokenCache, issuer::StableToken, testing::FakeWeChat,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = FakeWeChat::start().await;
/// let issuer = StableToken::new(FakeWeChat::APP_ID, "not-its-secret")
///     .base_url(&wechat.url())?;
/// let cache = TokenCache::new(issuer);
///
/// let error = cache.token().await.unwrap_err();
/// assert_eq!((error.kind(), error.errcode()), (ErrorKind::Token, Some(40125)));
/// assert!(!error.is_transient(), "somebody must look after the secret");
///
/// let error = cache.token().await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::BackedOff, "too early to ask again");
/// assert!(error.retry_after().is_some());
/// assert_eq!(wechat.token_requests(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenError(Arc<Failure>);

#[derive(Clone)]
struct Failure {
    kind: ErrorKind,
    message: Cow<'static, str>,
    app: Option<AppId>,
    errcode: Option<i64>,
    rid: Option<Box<str>>,
    hint: Option<Box<str>>,
    transient: bool,
    of_this_host: bool,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TokenError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Failure {
            kind,
            message: message.into(),
            app: None,
            errcode: None,
            rid: None,
            hint: None,
            transient: false,
            of_this_host: false,
            retry_after: None,
            source: None,
        }))
    }

    /// A failure that may be gone at the next try: the network, a busy platform.
    ///
    /// For writers of an [`Issuer`](crate::issuer::Issuer). The message is shown to people: keep secrets and URLs out.
    ///
    /// ```
    /// use tower_wechat::{ErrorKind, TokenError};
    ///
    /// let error = TokenError::transient("the token server is restarting");
    /// assert_eq!(error.kind(), ErrorKind::Token);
    /// assert!(error.is_transient());
    /// ```
    #[must_use]
    pub fn transient(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Token, message).with(|failure| failure.transient = true)
    }

    /// A failure that stays until somebody changes something: a wrong secret, an address that is not allowed.
    ///
    /// For writers of an [`Issuer`](crate::issuer::Issuer). The message is shown to people: keep secrets and URLs out.
    ///
    /// ```
    /// use tower_wechat::TokenError;
    ///
    /// let error = TokenError::permanent("the token server does not know this app");
    /// assert!(!error.is_transient());
    /// let shown = error.to_string();
    /// assert_eq!(
    ///     shown,
    ///     "no access_token: the token server does not know this app",
    /// );
    /// ```
    #[must_use]
    pub fn permanent(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Token, message)
    }

    /// Adds the platform's own code.
    ///
    /// ```
    /// use tower_wechat::TokenError;
    ///
    /// let error = TokenError::permanent("the secret is wrong").with_errcode(40125);
    /// assert_eq!(error.errcode(), Some(40125));
    /// ```
    #[must_use]
    pub fn with_errcode(self, errcode: i64) -> Self {
        self.with(|failure| failure.errcode = Some(errcode))
    }

    /// Adds the platform's request id (`rid`), which its support asks for.
    ///
    /// ```
    /// use tower_wechat::TokenError;
    ///
    /// let error = TokenError::permanent("the secret is wrong")
    ///     .with_errcode(40125)
    ///     .with_rid("654df33c-64386a2f-29857782");
    /// assert_eq!(error.rid(), Some("654df33c-64386a2f-29857782"));
    /// ```
    #[must_use]
    pub fn with_rid(self, rid: impl Into<String>) -> Self {
        let rid = rid.into().into_boxed_str();
        self.with(|failure| failure.rid = Some(rid))
    }

    /// Adds WeCom's mark of the request (`hint: [..]`), which its support asks for.
    ///
    /// ```
    /// use tower_wechat::TokenError;
    ///
    /// let error = TokenError::permanent("the secret is wrong")
    ///     .with_errcode(40001)
    ///     .with_hint("1692099979531331300516404");
    /// assert_eq!(error.hint(), Some("1692099979531331300516404"));
    /// ```
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        let hint = hint.into().into_boxed_str();
        self.with(|failure| failure.hint = Some(hint))
    }

    /// Says that this host has failed and not the account; see [`is_of_this_host`](Self::is_of_this_host).
    ///
    /// ```
    /// use tower_wechat::TokenError;
    ///
    /// let error = TokenError::permanent("this host may not ask").of_this_host();
    /// assert!(error.is_of_this_host());
    /// ```
    #[must_use]
    pub fn of_this_host(self) -> Self {
        self.with(|failure| failure.of_this_host = true)
    }

    /// Adds how long to leave the token endpoint alone.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_wechat::TokenError;
    ///
    /// let error = TokenError::transient("the token server asks for patience")
    ///     .with_retry_after(Duration::from_secs(30));
    /// assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        self.with(|failure| failure.retry_after = Some(wait))
    }

    /// Adds the error underneath, which must not show a token, a secret or a URL either.
    ///
    /// ```
    /// use std::error::Error;
    /// use tower_wechat::TokenError;
    ///
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// let error = TokenError::transient("no connection").with_source(refused);
    /// assert_eq!(error.source().unwrap().to_string(), "connection refused");
    /// ```
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = Arc::from(source.into());
        self.with(|failure| failure.source = Some(source))
    }

    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        self.with(|failure| failure.kind = kind)
    }

    pub(crate) fn with_message(self, message: impl Into<Cow<'static, str>>) -> Self {
        self.with(|failure| failure.message = message.into())
    }

    pub(crate) fn with_transient(self, transient: bool) -> Self {
        self.with(|failure| failure.transient = transient)
    }

    /// Names the app, unless a name is there already.
    pub(crate) fn for_app(self, app: &AppId) -> Self {
        if self.0.app.is_some() {
            return self;
        }
        self.with(|failure| failure.app = Some(app.clone()))
    }

    fn with(mut self, change: impl FnOnce(&mut Failure)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The code that the token endpoint answered with, if it did.
    #[must_use]
    pub fn errcode(&self) -> Option<i64> {
        self.0.errcode
    }

    /// The platform's id of the failed request, for its support.
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_wechat::{Platform, TokenError};
    ///
    /// let answer = br#"{"errcode":40013,
    ///     "errmsg":"invalid appid rid: 654df33c-64386a2f-29857782"}"#;
    /// let platform = Platform::wechat();
    /// let error = TokenError::from_answer(StatusCode::OK, answer, &platform).unwrap();
    /// assert_eq!(error.rid(), Some("654df33c-64386a2f-29857782"));
    /// ```
    #[must_use]
    pub fn rid(&self) -> Option<&str> {
        self.0.rid.as_deref()
    }

    /// WeCom's mark of the failed request, for its support; WeChat gives one, too, now and then.
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_wechat::{Platform, TokenError};
    ///
    /// let answer = br#"{"errcode":40013,
    ///     "errmsg":"invalid corpid, hint: [1692099979531331300516404]"}"#;
    /// let platform = Platform::wecom();
    /// let error = TokenError::from_answer(StatusCode::OK, answer, &platform).unwrap();
    /// assert_eq!(error.hint(), Some("1692099979531331300516404"));
    /// ```
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether this host has failed and not the account, so that another host may succeed at the same moment. A cache does
    /// not share such a failure with the hosts that use the same store.
    ///
    /// So it is where the platform does not let this host's address in (40164, 60020, 61004, 895xx), where no connection
    /// came about (no address for the name, refused, unreachable, TLS, a proxy), and where nothing could be asked. Time-outs
    /// belong to nobody, and neither does a connection that broke after the request had gone out.
    ///
    /// Issuers of your own say it with [`of_this_host`](Self::of_this_host).
    ///
    /// ```
    /// use tower_wechat::TokenError;
    ///
    /// let failure = TokenError::transient("the token server's name has no address");
    /// assert!(!failure.is_of_this_host());
    /// assert!(failure.of_this_host().is_of_this_host());
    /// ```
    #[must_use]
    pub fn is_of_this_host(&self) -> bool {
        self.0.of_this_host
    }

    /// Whether a later try may succeed without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// How long the token endpoint will be left alone, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What happened, without the app, code and advice that `Display` adds.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = &*self.0;
        match &failure.app {
            Some(app) => write!(f, "no access_token for app {}: {}", app.shown(), failure.message)?,
            None => write!(f, "no access_token: {}", failure.message)?,
        }
        if let Some(errcode) = failure.errcode {
            write!(f, " (errcode {errcode}")?;
            if let Some(rid) = &failure.rid {
                write!(f, ", rid {rid}")?;
            }
            if let Some(hint) = &failure.hint {
                write!(f, ", hint {hint}")?;
            }
            f.write_str(")")?;
        }
        if let Some(wait) = failure.retry_after {
            write!(f, "; the token endpoint is left alone for {:.1} s", wait.as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("app", &self.0.app)
            .field("errcode", &self.0.errcode)
            .field("rid", &self.0.rid)
            .field("hint", &self.0.hint)
            .field("transient", &self.0.transient)
            .field("of_this_host", &self.0.of_this_host)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for TokenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Why a request failed: there is no token for it, it cannot carry one, or the inner service failed.
///
/// One pointer wide. [`downcast_ref`](Self::downcast_ref) finds the [`TokenError`] or the inner service's own error.
///
/// WeChat's own errors (`errcode` in an answer with status 200) are answers and not this:
/// [`WeChatError::parse`](crate::WeChatError::parse) reads them.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower_wechat::{
///     ErrorKind, TokenCache, TokenError, WeChatAuth, issuer::StableToken,
///     testing::FakeWeChat,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = FakeWeChat::start().await;
/// let issuer = StableToken::new(FakeWeChat::APP_ID, "not-its-secret")
///     .base_url(&wechat.url())?;
/// let http = Client::builder(TokioExecutor::new()).build_http();
/// let client = WeChatAuth::new(http, TokenCache::new(issuer));
///
/// let url = wechat.url() + "/cgi-bin/user/get";
/// let request = http::Request::get(url).body(Empty::<Bytes>::new())?;
/// let error = client.send(request).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Token);
/// let why = error.downcast_ref::<TokenError>().ok_or("no token error")?;
/// assert_eq!(why.errcode(), Some(40125));
/// assert!(error.into_inner().is::<TokenError>());
/// # Ok(())
/// # }
/// ```
pub struct Error(Box<Repr>);

enum Repr {
    Token(TokenError),
    Inner(BoxError),
    Own(ErrorKind, Cow<'static, str>),
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Repr::Own(kind, message.into())))
    }

    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// The inner service's error; where that is another layer of ours, its error as it is.
    pub(crate) fn inner(error: impl Into<BoxError>) -> Self {
        let error = error.into().downcast::<MayBeCarriedOut>().map_or_else(|error| error, |marked| marked.0);
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self(Box::new(Repr::Inner(error))),
        }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &*self.0 {
            Repr::Token(error) => error.kind(),
            // A layer in between may have wrapped the error of another layer of ours.
            Repr::Inner(error) => find::<Self>(&**error)
                .map(Self::kind)
                .or_else(|| find::<TokenError>(&**error).map(TokenError::kind))
                .unwrap_or(ErrorKind::Inner),
            Repr::Own(kind, _) => *kind,
        }
    }

    /// The [`TokenError`], or the inner service's own error, if it is a `T` or was caused by one.
    #[must_use]
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        match &*self.0 {
            Repr::Token(error) => find(error),
            Repr::Inner(error) => find(&**error),
            Repr::Own(..) => None,
        }
    }

    /// The inner service's own error, or the [`TokenError`]; where there is neither, this error.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        match *self.0 {
            Repr::Token(error) => error.into(),
            Repr::Inner(error) => error,
            own @ Repr::Own(..) => Self(Box::new(own)).into(),
        }
    }
}

/// The first `T` among an error and its causes.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    causes(error).find_map(|error| {
        // What was wrapped may be an `Error` itself, whose token error is no cause but its own self.
        let within = error.downcast_ref::<Error>().and_then(|error| match &*error.0 {
            Repr::Token(error) => <dyn StdError>::downcast_ref(error),
            _ => None,
        });
        error.downcast_ref().or(within)
    })
}

/// The error and its causes.
pub(crate) fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Marks an error of a request that may have been carried out, whatever the error says: it was redirected, or tried more
/// than once.
#[derive(Debug)]
pub(crate) struct MayBeCarriedOut(pub(crate) BoxError);

impl fmt::Display for MayBeCarriedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for MayBeCarriedOut {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        Self(Box::new(Repr::Token(error)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Repr::Token(error) => fmt::Display::fmt(error, f),
            Repr::Inner(error) => {
                f.write_str("the HTTP client below the WeChat layer failed")?;
                causes(&**error).try_for_each(|cause| write!(f, ": {cause}"))
            }
            Repr::Own(_, message) => f.write_str(message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Repr::Token(error) => f.debug_tuple("Error").field(error).finish(),
            Repr::Inner(error) => f.debug_tuple("Error").field(&ErrorKind::Inner).field(error).finish(),
            Repr::Own(kind, message) => f.debug_tuple("Error").field(kind).field(message).finish(),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Repr::Token(error) => error.source(),
            Repr::Inner(error) => Some(&**error),
            Repr::Own(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<TokenError>(), size_of::<usize>());
    }

    #[test]
    fn the_inner_error_comes_back_as_it_was() {
        let error = Error::inner(std::io::Error::other("broken pipe"));
        assert_eq!(error.kind(), ErrorKind::Inner);
        assert!(error.downcast_ref::<std::io::Error>().is_some());
        assert!(error.downcast_ref::<TokenError>().is_none());
        assert_eq!(error.to_string(), "the HTTP client below the WeChat layer failed: broken pipe");
        assert_eq!(error.into_inner().to_string(), "broken pipe");
    }

    #[test]
    fn the_error_of_another_layer_below_is_seen_through_whatever_wraps_it() {
        #[derive(Debug)]
        struct Wrapped(Error);
        impl fmt::Display for Wrapped {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("wrapped")
            }
        }
        impl StdError for Wrapped {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let below = || Error::from(TokenError::permanent("wrong secret").with_errcode(40125));
        for above in
            [Error::inner(below()), Error::inner(Wrapped(below())), Error::inner(Error::inner(below()))]
        {
            assert_eq!(above.kind(), ErrorKind::Token);
            assert_eq!(above.downcast_ref::<TokenError>().unwrap().errcode(), Some(40125));
        }
        assert_eq!(Error::inner(Error::new(ErrorKind::UnknownApp, "who?")).kind(), ErrorKind::UnknownApp);
    }

    #[test]
    fn a_token_error_says_what_happened_to_whom() {
        let error = TokenError::permanent("WeChat refused the app secret; check it")
            .with_errcode(40125)
            .with_rid("654df33c-64386a2f-29857782")
            .with_retry_after(Duration::from_secs(5))
            .for_app(&"wx0123".into());
        let hinted = TokenError::permanent("no").with_errcode(40001).with_hint("1692099979531331300516404");
        assert_eq!(hinted.to_string(), "no access_token: no (errcode 40001, hint 1692099979531331300516404)");
        let text = Error::from(error.clone()).to_string();
        assert_eq!(
            text,
            "no access_token for app wx0123: WeChat refused the app secret; check it (errcode 40125, rid \
             654df33c-64386a2f-29857782); the token endpoint is left alone for 5.0 s"
        );
        assert_eq!(Error::from(error).downcast_ref::<TokenError>().unwrap().errcode(), Some(40125));
    }
}
