//! [`Client`]: a reqwest client as the layer's core sees it, a service of `http` requests.

use std::{
    error::Error as StdError,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{Uri, response::Builder};
use http_body::Body as _;
use pin_project_lite::pin_project;
use reqwest::{Body, Request, Response, ResponseBuilderExt, Url};
use tower_service::Service;

use super::disguise::Disguise;
use crate::{
    clock::{Clock, Moment},
    error::BoxError,
    request::ReplayBody,
    response::FromElsewhere,
};

/// A reqwest client for one request.
#[derive(Clone)]
pub(crate) struct Client<S> {
    inner: S,
    request: Arc<Original>,
}

/// The request as the caller made it.
pub(super) struct Original {
    url: Url,
    uri: Uri,
    /// Its body, if that is in one piece. Only reqwest's own such body can be sent again by reqwest itself.
    bytes: Option<Bytes>,
    since: Moment,
}

/// An error of a client, which may show the URL that was sent.
pub(crate) trait ClientError: StdError + Send + Sync + 'static {
    fn url(&self) -> Option<&Url>;
    fn with_url(self, url: Url) -> Self;
}

impl<S> Client<S> {
    pub(super) fn new(inner: S, request: Original) -> Self {
        let request = Arc::new(request);
        Self { inner, request }
    }
}

/// Takes a request apart: what a [`Client`] keeps of it, and what the core is to send.
pub(super) fn take_apart(request: Request) -> Result<(Original, http::Request<Body>), reqwest::Error> {
    let url = request.url().clone();
    let mut request = http::Request::<Body>::try_from(request)?;
    let original = Original {
        url,
        uri: request.uri().clone(),
        bytes: take_bytes(request.body_mut()),
        since: Clock::default().now(),
    };
    Ok((original, request))
}

/// The bytes of a body that has them all, which is then empty.
fn take_bytes(body: &mut Body) -> Option<Bytes> {
    body.as_bytes()?;
    // Such a body is never pending, and yields its one `Bytes` without a copy.
    let frame = Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop()));
    *body = Body::default();
    match frame {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => Some(Bytes::new()),
    }
}

impl<S> Service<http::Request<ReplayBody<Body>>> for Client<S>
where
    S: Service<Request, Response = Response, Error: ClientError>,
{
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Exchange<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<ReplayBody<Body>>) -> Self::Future {
        let original = &*self.request;
        let authorized = *request.uri() != original.uri;
        let request = request.map(|body| match &original.bytes {
            Some(bytes) => Body::from(bytes.clone()),
            None => Body::wrap(body),
        });
        let mut request = match Request::try_from(request) {
            Ok(request) => request,
            Err(error) => {
                let error = Some(error.without_url());
                return Exchange::Failed { error };
            }
        };
        let disguise = authorized.then(|| Disguise::new(original.url.clone(), request.url().clone()));
        if authorized && let Some(timeout) = request.timeout_mut() {
            let now = Clock::default().now();
            let passed = now.monotonic.saturating_duration_since(original.since.monotonic);
            *timeout = timeout.saturating_sub(passed);
        }
        Exchange::Sent { future: self.inner.call(request), disguise }
    }
}

pin_project! {
    /// One send.
    #[project = ExchangeProj]
    pub(crate) enum Exchange<F> {
        Sent { #[pin] future: F, disguise: Option<Disguise> },
        Failed { error: Option<reqwest::Error> },
    }
}

impl<F, E> Future for Exchange<F>
where
    F: Future<Output = Result<Response, E>>,
    E: ClientError,
{
    type Output = Result<http::Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, disguise) = match self.project() {
            ExchangeProj::Sent { future, disguise } => (future, disguise),
            // By the contract of `Future`, nobody polls one that is ready.
            ExchangeProj::Failed { error } => {
                return Poll::Ready(Err(error.take().expect("polled after it was ready").into()));
            }
        };
        let response = ready!(future.poll(cx));
        Poll::Ready(match (response, disguise) {
            (Ok(response), Some(disguise)) => {
                let elsewhere = !disguise.is_same_origin(response.url());
                let url = disguise.url(response.url());
                let mut response = into_http(response, url);
                if elsewhere {
                    response.extensions_mut().insert(FromElsewhere);
                }
                Ok(response)
            }
            (Ok(response), None) => {
                let url = response.url().clone();
                Ok(into_http(response, url))
            }
            (Err(error), Some(disguise)) => Err(disguise.error(error)),
            (Err(error), None) => Err(error.into()),
        })
    }
}

/// The response with its URL as the extension that reqwest makes a URL of again.
fn into_http(response: Response, url: Url) -> http::Response<Body> {
    let mut response = http::Response::<Body>::from(response);
    if let Some(extension) = Builder::new().url(url).extensions_mut() {
        response.extensions_mut().extend(mem::take(extension));
    }
    response
}

impl ClientError for reqwest::Error {
    fn url(&self) -> Option<&Url> {
        self.url()
    }

    fn with_url(self, url: Url) -> Self {
        self.with_url(url)
    }
}
