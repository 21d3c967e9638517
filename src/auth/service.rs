//! [`WeChatAuth`].

use std::{
    fmt,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::time::Instant;
use tower_service::Service;

use super::{
    arriving::Arriving,
    attempt::{Sender, Unsent},
    future::ResponseFuture,
    route::{Choice, Route},
    settings::{Accounts, Settings},
    template::Template,
};
use crate::{
    cache::TokenPool,
    error::{BoxError, Error},
    request::ReplayBody,
    response::PeekedBody,
    secret::AppId,
};

/// Authorises requests to WeChat; made by [`WeChatAuthLayer`](crate::WeChatAuthLayer), or by [`new`](Self::new).
///
/// A service of `http::Request<B>` over any service of `http::Request<ReplayBody<B>>` that is `Clone`. It is ready when
/// the inner one is. Its error is an [`Error`].
///
/// Over a `reqwest::Client`, with the feature `reqwest`, it is a service of reqwest's own requests, too:
/// [`execute`](Self::execute).
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{BodyExt, Full};
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower_wechat::{TokenCache, WeChatAuth};
/// # use tower_wechat::{issuer::StableToken, testing::FakeWeChat};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = FakeWeChat::start().await;
/// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
/// #     .base_url(&wechat.url())?;
/// let http = Client::builder(TokioExecutor::new()).build_http();
/// let client = WeChatAuth::new(http, TokenCache::new(issuer));
///
/// let text = r#"{"touser":"OPENID","msgtype":"text","text":{"content":"你好"}}"#;
/// let url = wechat.url() + "/cgi-bin/message/custom/send";
/// let request = http::Request::post(url).body(Full::<Bytes>::from(text))?;
/// let answer = client.send(request).await?.into_body().collect().await?;
/// assert!(answer.to_bytes().starts_with(br#"{"errcode":0,"errmsg":"ok""#));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WeChatAuth<S> {
    inner: S,
    template: Template<S>,
    settings: Arc<Settings>,
    choice: Choice,
}

impl<S> WeChatAuth<S> {
    /// The middleware over `inner`, with the default settings of a [`WeChatAuthLayer`](crate::WeChatAuthLayer).
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::Empty;
    /// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// use tower_wechat::{
    ///     TokenCache, WeChatAuth, issuer::StableToken, testing::FakeWeChat,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    ///     .base_url(&wechat.url())?; // leave it out for the real WeChat
    /// let http = Client::builder(TokioExecutor::new()).build_http();
    /// let client = WeChatAuth::new(http, TokenCache::new(issuer));
    ///
    /// let url = wechat.url() + "/cgi-bin/user/get";
    /// let request = http::Request::get(url).body(Empty::<Bytes>::new())?;
    /// let response = client.send(request).await?;
    /// assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(inner: S, accounts: impl Into<Accounts>) -> Self {
        Self::with_settings(inner, Arc::new(Settings::new(accounts.into())))
    }

    pub(super) fn with_settings(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, template: Template::new(), settings, choice: Choice::ByRequest }
    }

    /// The inner service.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, WeChatAuth, issuer::StableToken};
    /// # let cache = TokenCache::new(StableToken::new("wx0123456789abcdef", "secret"));
    /// let client = WeChatAuth::new("any service", cache);
    /// assert_eq!(*client.get_ref(), "any service");
    /// ```
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service. What is changed here holds for replays, too.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, WeChatAuth, issuer::StableToken};
    /// # let cache = TokenCache::new(StableToken::new("wx0123456789abcdef", "secret"));
    /// let mut client = WeChatAuth::new("any service", cache);
    /// *client.get_mut() = "another one";
    /// assert_eq!(*client.get_ref(), "another one");
    /// ```
    pub fn get_mut(&mut self) -> &mut S {
        self.template = Template::new();
        &mut self.inner
    }

    /// The inner service.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, WeChatAuth, issuer::StableToken};
    /// # let cache = TokenCache::new(StableToken::new("wx0123456789abcdef", "secret"));
    /// let client = WeChatAuth::new("any service", cache);
    /// assert_eq!(client.into_inner(), "any service");
    /// ```
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Sends a request: waits until the inner service is ready, and calls it. A clone is used, as by tower's `oneshot`, so
    /// `&self` is enough and the future is `'static`. If something does not fit, the compiler names that here, where
    /// `oneshot` says no more than that its trait bounds are not satisfied.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use http_body_util::Empty;
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # use tower_wechat::{TokenCache, WeChatAuth, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// # let http = Client::builder(TokioExecutor::new()).build_http();
    /// # let client = WeChatAuth::new(http, TokenCache::new(issuer));
    /// let url = wechat.url() + "/cgi-bin/user/get"; // https://api.weixin.qq.com/…
    /// let request = http::Request::get(url).body(Empty::<Bytes>::new())?;
    /// let response = client.send(request).await?;
    /// assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// There is no token to be had (a [`TokenError`](crate::TokenError)), it does not fit into the URI, the account is not
    /// known or cannot be made, or the inner service failed. WeChat's own errors are answers.
    ///
    /// # Panics
    ///
    /// If it has to wait for its account, for a token, for a slow answer or for a second one on a tokio runtime that was
    /// built without its timer (`enable_time`).
    pub fn send<B, R>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<PeekedBody<R>>, Error>> + use<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
        R: Body,
    {
        let mut service = self.clone();
        async move {
            poll_fn(|cx| Service::<Request<B>>::poll_ready(&mut service, cx)).await?;
            service.call(request).await
        }
    }

    pub(crate) fn poll_inner<Q>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>
    where
        S: Service<Q, Error: Into<BoxError>>,
    {
        self.inner.poll_ready(cx).map_err(Error::inner)
    }

    /// The same service over what becomes of its inner one.
    #[cfg(feature = "reqwest")]
    pub(crate) fn map_inner<T>(self, change: impl FnOnce(S) -> T) -> WeChatAuth<T> {
        WeChatAuth {
            inner: change(self.inner),
            template: Template::new(),
            settings: self.settings,
            choice: self.choice,
        }
    }
}

impl<S: Clone> WeChatAuth<S> {
    /// The same service for one account of its [`TokenPool`](crate::TokenPool), whatever extension a request has. Over a
    /// single [`TokenCache`](crate::TokenCache) it changes nothing.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use http_body_util::Empty;
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # use tower_wechat::{TokenCache, TokenPool, WeChatAuth, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// # let pool = TokenPool::new();
    /// # pool.insert(FakeWeChat::APP_ID.into(), TokenCache::new(issuer));
    /// # let http = Client::builder(TokioExecutor::new()).build_http();
    /// # let request = http::Request::get(wechat.url() + "/cgi-bin/user/get").body(Empty::<Bytes>::new())?;
    /// let client = WeChatAuth::new(http, pool);
    /// let news = client.for_app("wx0123456789abcdef".into());
    /// news.send(request).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn for_app(&self, app: AppId) -> Self {
        Self { choice: Choice::App(app), ..self.clone() }
    }

    /// The same service without the layer's work: requests go out untouched.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use http_body_util::Empty;
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # use tower_wechat::{TokenCache, WeChatAuth, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// # let http = Client::builder(TokioExecutor::new()).build_http();
    /// # let client = WeChatAuth::new(http, TokenCache::new(issuer));
    /// # let request = http::Request::get(wechat.url() + "/cgi-bin/user/get").body(Empty::<Bytes>::new())?;
    /// client.without_auth().send(request).await?;
    /// assert_eq!(wechat.mints(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn without_auth(&self) -> Self {
        Self { choice: Choice::Skip, ..self.clone() }
    }

    /// An instance that is not ready takes the place of one whose readiness, which may be a permit, is of no use.
    fn give_readiness_up(&mut self) {
        self.inner = self.inner.clone();
    }

    /// As `call`; a request that has to wait for its account, a token, or a second answer does so until `deadline`.
    pub(crate) fn call_until<B, R>(
        &mut self,
        request: Request<B>,
        deadline: Option<Instant>,
    ) -> ResponseFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        B: Body<Data = Bytes> + Send + 'static,
        R: Body,
    {
        let cache = match self.settings.route(&self.choice, &request) {
            Route::PassThrough => {
                return ResponseFuture::passed_through(self.inner.call(request.map(ReplayBody::once)));
            }
            Route::Refuse(error) => {
                self.give_readiness_up();
                return ResponseFuture::failed(error);
            }
            Route::Await(account) => return self.await_account(*account, request, deadline),
            Route::Authorize(cache) => cache,
        };
        let token = cache.ready();
        let service = self.template.of(&self.inner);
        let sender = Sender { service, cache, settings: self.settings.clone(), deadline };
        let unsent = Unsent { sender, request };
        let Some(token) = token else {
            // The token's own fetch may need the same permit.
            self.give_readiness_up();
            return ResponseFuture::waiting(unsent, self.inner.clone());
        };
        match unsent.authorize(token) {
            Ok((request, attempt)) => ResponseFuture::sent(self.inner.call(request), attempt),
            Err(error) => {
                self.give_readiness_up();
                ResponseFuture::failed(error)
            }
        }
    }

    /// The request waits for its account first. Out of the way of those that need not.
    #[cold]
    fn await_account<B, R>(
        &mut self,
        (pool, app): (TokenPool, AppId),
        request: Request<B>,
        deadline: Option<Instant>,
    ) -> ResponseFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        R: Body,
    {
        let template = self.template.of(&self.inner);
        // Where the factory asks a service for the account, it may need the same permit.
        self.give_readiness_up();
        let (service, settings) = (self.inner.clone(), self.settings.clone());
        let arriving = Arriving { request, service, template, settings, deadline };
        ResponseFuture::arriving(pool.account_by(app, deadline), arriving)
    }
}

impl<S, B, R> Service<Request<B>> for WeChatAuth<S>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone + Send,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body,
{
    type Response = Response<PeekedBody<R>>;
    type Error = Error;
    type Future = ResponseFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_inner(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.call_until(request, None)
    }
}

impl<S: fmt::Debug> fmt::Debug for WeChatAuth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeChatAuth")
            .field("inner", &self.inner)
            .field("settings", &self.settings)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}
