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
use memchr::memchr2;
use pin_project_lite::pin_project;
use reqwest::{Body, Request, Response, ResponseBuilderExt, Url};
use tower_service::Service;

use super::{
    original::{Original, now},
    redact::{Redactor, names_url, withheld},
};
use crate::{
    error::{BoxError, MayBeCarriedOut},
    request::ReplayBody,
    response::FromElsewhere,
};

/// A reqwest client for one request.
#[derive(Clone)]
pub(crate) struct Client<S> {
    inner: S,
    request: Arc<Original>,
}

impl<S> Client<S> {
    pub(super) fn new(inner: S, request: Original) -> Self {
        Self { inner, request: Arc::new(request) }
    }
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
        let mut url = original.url.clone();
        let redactor = (uri != original.uri).then(|| {
            add_token(&mut url, uri.query().unwrap_or_default());
            Redactor::new(self.request.clone(), url.clone())
        });
        let mut request = match into_reqwest(request, url) {
            Ok(request) => request,
            Err(error) => return Exchange::Failed { error: Some(error.without_url()) },
        };
        if let Some(deadline) = original.deadline {
            // What is left of it, for both sends together.
            *request.timeout_mut() = Some(deadline.checked_duration_since(now()).unwrap_or(Duration::ZERO));
        }
        Exchange::Sent { future: self.inner.call(request), redactor }
    }
}

/// The request with this URL in place of its own.
fn into_reqwest(request: http::Request<ReplayBody<Body>>, url: Url) -> reqwest::Result<Request> {
    let (head, body) = request.into_parts();
    let body = match body.as_whole() {
        // Only reqwest's own such body can be sent again by reqwest itself.
        Some(bytes) => Body::from(bytes.clone()),
        None => Body::wrap(body),
    };
    if head.extensions.is_empty() {
        let mut request = Request::new(head.method, url);
        *request.headers_mut() = head.headers;
        *request.version_mut() = head.version;
        *request.body_mut() = Some(body);
        return Ok(request);
    }
    // There is no other way to put extensions into one.
    let mut request = Request::try_from(http::Request::from_parts(head, body))?;
    *request.url_mut() = url;
    Ok(request)
}

/// Puts the token, the last pair of `query`, into the URL, whose own query is all that goes before.
fn add_token(url: &mut Url, query: &str) {
    url.set_fragment(None);
    let before = url.query().unwrap_or_default();
    let pair = query.get(before.len()..).unwrap_or_default();
    let pair = pair.strip_prefix('&').unwrap_or(pair);
    match pair.split_once('=') {
        // Appended as it is: to set a query, the URL looks at each byte of it three times.
        Some((name, token)) if !before.ends_with('&') && are_plain(name, token) => {
            url.query_pairs_mut().append_pair(name, token);
        }
        _ => url.set_query(Some(query)),
    }
}

/// Whether the token, which is percent-encoded, and the name of its parameter are the same in a form.
fn are_plain(name: &str, token: &str) -> bool {
    // All else that a token has is plain: letters, digits, `-`, `.` and `_`.
    memchr2(b'%', b'~', token.as_bytes()).is_none()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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
            (Err(error), Some(redactor)) if redactor.is_of_one_send(&*error) => Err(redactor.error(error)),
            (Err(error), Some(redactor)) => Err(MayBeCarriedOut(redactor.error(error)).into()),
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
