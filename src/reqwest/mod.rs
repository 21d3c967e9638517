//! The layer over a [`reqwest::Client`], in reqwest's own requests and responses.
//!
//! ```
//! use tower::Layer;
//! use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken, testing::FakeWeChat};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # // reqwest comes without a TLS provider in this package.
//! # let _ = rustls::crypto::ring::default_provider().install_default();
//! // A WeChat on this machine; leave `base_url` out for the real one.
//! let wechat = FakeWeChat::start().await;
//! let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
//!
//! let http = reqwest::Client::builder().referer(false).build()?;
//! let client = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(http.clone());
//!
//! let request = http.get(wechat.url() + "/cgi-bin/get_api_domain_ip").build()?;
//! let response = client.execute(request).await?;
//! assert_eq!(response.url().query(), None); // the token is not shown
//! let answer: serde_json::Value = response.json().await?;
//! assert_eq!(answer["errcode"], 0);
//! # Ok(())
//! # }
//! ```
//!
//! It is also a tower service of [`reqwest::Request`], over any other such service, and with the feature
//! `reqwest-middleware` a [`WeChatAuthLayer`](crate::WeChatAuthLayer) is a `reqwest_middleware::Middleware`.
//!
//! # Switch the `Referer` off
//!
//! When reqwest follows a redirect, it tells the next host the whole URL that it came from, **the token in it**. Nothing
//! above a client can change that. Build it with `ClientBuilder::referer(false)`, or, since WeChat's APIs have no use for
//! redirects, with `ClientBuilder::redirect(Policy::none())`.
//!
//! # What is as ever, and what is not
//!
//! - A body in one piece stays one, on both sends: reqwest announces its length, and can send it again by itself after a
//!   lost connection or a redirect. A stream is recorded on its way and sent again if it was not longer than
//!   [`replay_limit`](crate::WeChatAuthLayer::replay_limit). WeChat answers HTTP 412 to streams of unknown length
//!   (as users report: <https://blog.tomsean.cn/2025/p9CG0HIe>), so give multipart streams theirs
//!   (`Part::stream_with_length`).
//! - A request's own timeout is for both sends together. The wait for a token has its own limit,
//!   [`wait_timeout`](crate::TokenCacheBuilder::wait_timeout). A timeout of the client's is for each send.
//! - [`Response::url`](reqwest::Response::url) and every error show the URL without the token. A response that came by a
//!   redirect has the URL that it came from, also without. (A `Location` header is handed on as it came.)
//! - [`AuthOutcome`](crate::AuthOutcome) is among the response's extensions. A [`reqwest::Request`] has none of its own to
//!   put an [`AppId`](crate::AppId) or a [`SkipAuth`](crate::SkipAuth) into, so that
//!   [`for_app`](crate::WeChatAuth::for_app) and [`without_auth`](crate::WeChatAuth::without_auth) take their place; one
//!   that was made from an [`http::Request`] keeps those it had.

mod client;
mod disguise;
#[cfg(feature = "reqwest-middleware")]
mod middleware;

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use reqwest::{Body, Request, Response};
use tower_service::Service;

use self::client::{Client, ClientError, take_apart};
use crate::{
    auth::{self, WeChatAuth},
    error::Error,
    response::PeekedBody,
};

impl<S> Service<Request> for WeChatAuth<S>
where
    S: Service<Request, Response = Response, Error = reqwest::Error> + Clone + Send,
{
    type Response = Response;
    type Error = Error;
    type Future = ResponseFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_ready(cx).map_err(Error::inner)
    }

    fn call(&mut self, request: Request) -> ResponseFuture<S> {
        // The instance that was polled ready is the one to call; its clone is not ready and stays behind.
        let clone = self.clone();
        let ready = mem::replace(self, clone);
        ResponseFuture { inner: send(ready, request) }
    }
}

impl WeChatAuth<reqwest::Client> {
    /// Sends a request, as [`reqwest::Client::execute`] does, with a token if it goes to WeChat.
    ///
    /// # Errors
    ///
    /// Where there is no token to be had, or the client fails: a [`reqwest::Error`], which
    /// [`downcast_ref`](Error::downcast_ref) finds. WeChat's own errors are answers.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        // reqwest's client is always ready.
        self.clone().call(request).await
    }
}

/// Sends a request through a ready service.
fn send<S>(auth: WeChatAuth<S>, request: Request) -> Sending<S>
where
    S: Service<Request, Response = Response, Error: ClientError> + Clone + Send,
{
    match take_apart(request) {
        Ok((original, request)) => auth.map_inner(|inner| Client::new(inner, original)).call(request),
        Err(error) => auth::ResponseFuture::failed(Error::inner(error)),
    }
}

type Sending<S> = auth::ResponseFuture<Client<S>, Body, Body>;

fn into_reqwest(response: http::Response<PeekedBody<Body>>) -> Response {
    response.map(Body::wrap).into()
}

pin_project! {
    /// The response future of [`WeChatAuth`](crate::WeChatAuth) over a reqwest client.
    pub struct ResponseFuture<S>
    where
        S: Service<Request, Response = Response, Error = reqwest::Error>,
    {
        #[pin]
        inner: Sending<S>,
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Request, Response = Response, Error = reqwest::Error>,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.project().inner.poll(cx)).map(into_reqwest))
    }
}

impl<S> fmt::Debug for ResponseFuture<S>
where
    S: Service<Request, Response = Response, Error = reqwest::Error>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
