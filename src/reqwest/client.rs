//! [`Client`]: a reqwest client as the layer's core sees it, a service of `http` requests.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Uri, response::Builder};
use pin_project_lite::pin_project;
use reqwest::{Body, Request, Response, ResponseBuilderExt, Url};
use tokio::time::Instant;
use tower_service::Service;

use super::redact::{Redactor, names_url, withheld};
use crate::{
    clock::Clock,
    error::{BoxError, Error},
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
    /// When its own time-out has passed, if it has one.
    pub(super) deadline: Option<Instant>,
}

impl<S> Client<S> {
    pub(super) fn new(inner: S, request: Original) -> Self {
        Self { inner, request: Arc::new(request) }
    }
}

/// Takes a request apart: what a [`Client`] keeps of it, and what the core is to send.
pub(super) fn take_apart(request: Request) -> Result<(Original, http::Request<Body>), Error> {
    let url = request.url().clone();
    let timeout = request.timeout().copied();
    let request = http::Request::<Body>::try_from(request).map_err(Error::inner)?;
    let deadline = timeout.and_then(|timeout| now().checked_add(timeout));
    Ok((Original { url, uri: request.uri().clone(), deadline }, request))
}

fn now() -> Instant {
    Instant::from_std(Clock::default().now().monotonic)
}

impl<S> Service<http::Request<ReplayBody<Body>>> for Client<S>
where
    S: Service<Request, Response = Response, Error: Into<BoxError>>,
{
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Exchange<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(|error| {
            let error = error.into();
            if names_url(&*error) { withheld().into() } else { error }
        })
    }

    fn call(&mut self, mut request: http::Request<ReplayBody<Body>>) -> Self::Future {
        let original = &*self.request;
        let uri = mem::replace(request.uri_mut(), Uri::from_static("http://h/"));
        let request = request.map(|body| match body.as_whole() {
            // Only reqwest's own such body can be sent again by reqwest itself.
            Some(bytes) => Body::from(bytes.clone()),
            None => Body::wrap(body),
        });
        // The conversion keeps extensions, which cannot be set by any other way, and parses the shortest of URLs.
        let mut request = match Request::try_from(request) {
            Ok(request) => request,
            Err(error) => return Exchange::Failed { error: Some(error.without_url()) },
        };
        let mut url = original.url.clone();
        let redactor = (uri != original.uri).then(|| {
            url.set_query(uri.query());
            url.set_fragment(None);
            Redactor::new(original.url.clone(), url.clone())
        });
        *request.url_mut() = url;
        if let Some(deadline) = original.deadline {
            // What is left of it, for both sends together.
            *request.timeout_mut() = Some(deadline.checked_duration_since(now()).unwrap_or(Duration::ZERO));
        }
        Exchange::Sent { future: self.inner.call(request), redactor }
    }
}

pin_project! {
    /// One send.
    #[project = ExchangeProj]
    pub(crate) enum Exchange<F> {
        Sent { #[pin] future: F, redactor: Option<Redactor> },
        Failed { error: Option<reqwest::Error> },
    }
}

impl<F, E> Future for Exchange<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<http::Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, redactor) = match self.project() {
            ExchangeProj::Sent { future, redactor } => (future, redactor),
            // By the contract of `Future`, nobody polls one that is ready.
            ExchangeProj::Failed { error } => {
                return Poll::Ready(Err(error.take().expect("polled after it was ready").into()));
            }
        };
        let response = ready!(future.poll(cx)).map_err(Into::into);
        Poll::Ready(match (response, redactor.take()) {
            (Ok(response), Some(redactor)) => {
                let elsewhere = !redactor.is_same_origin(response.url());
                let url = redactor.url(response.url());
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
            (Err(error), Some(redactor)) => Err(redactor.error(error)),
            (Err(error), None) => Err(error),
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
