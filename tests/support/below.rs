//! A service to put under the layer, which needs no network.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::Service;

/// Notes the URI of each request, and answers with the same text every time.
#[derive(Clone, Debug)]
pub struct Below {
    uris: Arc<Mutex<Vec<String>>>,
    answer: &'static str,
}

impl Below {
    pub fn new(answer: &'static str) -> Self {
        Self { uris: Arc::default(), answer }
    }

    /// The URIs so far, which are forgotten with this.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.uris.lock().unwrap())
    }
}

impl<B> Service<Request<B>> for Below {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.uris.lock().unwrap().push(request.uri().to_string());
        ready(Ok(Response::new(Full::from(self.answer))))
    }
}
