//! [`WeChatAuth`].

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    accounts::{Choice, Destination},
    call::Call,
    future::ResponseFuture,
    layer::Settings,
};
use crate::{
    error::{BoxError, Error},
    request::ReplayBody,
    response::PeekedBody,
    secret::AppId,
};

/// Authorises requests to WeChat; made by [`WeChatAuthLayer`](crate::WeChatAuthLayer).
///
/// A service of `http::Request<B>` over any service of `http::Request<ReplayBody<B>>` that is `Clone`. It is ready when
/// the inner one is. Its error is an [`Error`].
#[derive(Clone, Debug)]
pub struct WeChatAuth<S> {
    inner: S,
    settings: Arc<Settings>,
    choice: Choice,
}

impl<S> WeChatAuth<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings, choice: Choice::ByRequest }
    }

    /// The same service for one account of its [`TokenPool`](crate::TokenPool), whatever extension a request has. Over a
    /// single [`TokenCache`](crate::TokenCache) it changes nothing.
    #[must_use]
    pub fn for_app(&self, app: AppId) -> Self
    where
        S: Clone,
    {
        Self { choice: Choice::App(app), ..self.clone() }
    }

    /// The same service without the layer's work: requests go out untouched.
    #[must_use]
    pub fn without_auth(&self) -> Self
    where
        S: Clone,
    {
        Self { choice: Choice::Skip, ..self.clone() }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The same service over what becomes of its inner one.
    #[cfg(feature = "reqwest")]
    pub(crate) fn map_inner<T>(self, change: impl FnOnce(S) -> T) -> WeChatAuth<T> {
        WeChatAuth { inner: change(self.inner), settings: self.settings, choice: self.choice }
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
        self.inner.poll_ready(cx).map_err(Error::inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let cache = match self.settings.destination(&self.choice, &request) {
            Destination::Elsewhere => {
                return ResponseFuture::untouched(self.inner.call(request.map(ReplayBody::untouched)));
            }
            Destination::Nowhere(error) => {
                // Readiness may be a permit, and nothing will be sent with it: a clone has none.
                self.inner = self.inner.clone();
                return ResponseFuture::failed(error);
            }
            Destination::Account(cache) => cache,
        };
        // The instance that was polled ready is the one to call; its clone is not ready and stays behind.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let settings = self.settings.clone();
        if let Some(token) = cache.ready() {
            Call::new(ready, request, cache, settings).send(token)
        } else {
            // Readiness may be a permit that the token's own fetch needs: it is given back while we wait.
            drop(ready);
            ResponseFuture::waiting(Call::new(self.inner.clone(), request, cache, settings))
        }
    }
}
