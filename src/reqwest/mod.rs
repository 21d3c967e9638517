//! The layer over a [`reqwest::Client`], in reqwest's own requests and responses.

mod client;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
mod original;
mod redact;

use std::{
    fmt,
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use reqwest::{Body, Request, Response};
use tower_service::Service;

use self::{
    client::Client,
    original::take_apart,
    redact::{names_url, withheld},
};
use crate::{
    auth::{self, WeChatAuth},
    error::{BoxError, Error},
    response::{PeekedBody, Plain},
};

impl<S> Service<Request> for WeChatAuth<S>
where
    S: Service<Request, Response = Response, Error: Into<BoxError>> + Clone + Send,
{
    type Response = Response;
    type Error = Error;
    type Future = ReqwestFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_inner(cx).map_err(|error| if names_url(&error) { withheld() } else { error })
    }

    fn call(&mut self, request: Request) -> ReqwestFuture<S> {
        // The instance that was polled ready is the one to call; its clone is not ready and stays behind.
        let clone = self.clone();
        let ready = mem::replace(self, clone);
        ReqwestFuture { inner: send(ready, request) }
    }
}

impl<S> WeChatAuth<S>
where
    S: Service<Request, Response = Response, Error: Into<BoxError>> + Clone + Send,
{
    /// Sends a request, as [`reqwest::Client::execute`] does, with a token if it goes to WeChat. A clone is used, once it is
    /// ready.
    ///
    /// ```
    /// # use tower::Layer;
    /// # use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let _ = rustls::crypto::ring::default_provider().install_default();
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// # let cache = TokenCache::new(issuer);
    /// let http = reqwest::Client::builder().referer(false).build()?;
    /// let client = WeChatAuthLayer::new(cache).layer(http.clone());
    ///
    /// let url = wechat.url() + "/cgi-bin/user/get"; // https://api.weixin.qq.com/…
    /// let response = client.execute(http.get(url).build()?).await?;
    /// let answer: serde_json::Value = response.json().await?;
    /// assert!(answer["data"]["openid"].is_array());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Where there is no token to be had, or the client fails: a [`reqwest::Error`], which
    /// [`downcast_ref`](Error::downcast_ref) finds. WeChat's own errors are answers.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        let mut service = self.clone();
        poll_fn(|cx| Service::<Request>::poll_ready(&mut service, cx)).await?;
        service.call(request).await
    }
}

/// Sends a request through a ready service.
fn send<S>(auth: WeChatAuth<S>, request: Request) -> Sending<S>
where
    S: Service<Request, Response = Response, Error: Into<BoxError>> + Clone + Send,
{
    match take_apart(request) {
        Ok((original, request)) => {
            let deadline = original.deadline;
            auth.map_inner(|inner| Client::new(inner, original)).call_until(request, deadline)
        }
        Err(error) => auth::ResponseFuture::failed(error),
    }
}

type Sending<S> = auth::ResponseFuture<Client<S>, Body, Body>;

fn into_reqwest(response: http::Response<PeekedBody<Body>>) -> Response {
    let plain = response.map(|body| match body.into_plain() {
        Plain::Body(body) => body,
        Plain::Data(bytes) => bytes.into(),
        Plain::Peeked(body) => Body::wrap(body),
    });
    plain.into()
}

pin_project! {
    /// The response future of [`WeChatAuth`](crate::WeChatAuth) over a reqwest client.
    ///
    /// Name it where a service of your own has one inside:
    ///
    /// ```
    /// use tower::Service;
    /// use tower_wechat::{ReqwestFuture, WeChatAuth};
    ///
    /// struct Messages(WeChatAuth<reqwest::Client>);
    ///
    /// impl Messages {
    ///     fn send(
    ///         &mut self,
    ///         message: reqwest::Request,
    ///     ) -> ReqwestFuture<reqwest::Client> {
    ///         self.0.call(message)
    ///     }
    /// }
    /// ```
    pub struct ReqwestFuture<S>
    where
        S: Service<Request, Response = Response, Error: Into<BoxError>>,
    {
        #[pin]
        inner: Sending<S>,
    }
}

impl<S> Future for ReqwestFuture<S>
where
    S: Service<Request, Response = Response, Error: Into<BoxError>> + Clone,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.project().inner.poll(cx)).map(into_reqwest))
    }
}

impl<S> fmt::Debug for ReqwestFuture<S>
where
    S: Service<Request, Response = Response, Error: Into<BoxError>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestFuture").finish_non_exhaustive()
    }
}
