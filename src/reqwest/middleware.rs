//! The layer as a `reqwest_middleware::Middleware`.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tower_layer::Layer;
use tower_service::Service;

use super::{into_reqwest, send};
use crate::{
    auth::{SkipAuth, WeChatAuthLayer},
    secret::AppId,
};

/// For a `reqwest_middleware` client; needs the feature `reqwest-middleware`.
///
/// An [`AppId`] or a [`SkipAuth`] goes with the request's own `with_extension`. A middleware that is added after this one
/// sees the token, so tracing belongs before it. Without a token the error is a `reqwest_middleware::Error::Middleware`
/// with an [`Error`](crate::Error) in it; an error of the rest of the client comes as it was, without the token.
#[async_trait]
impl Middleware for WeChatAuthLayer {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let shared = Arc::new(Mutex::new(extensions.clone()));
        let mut auth = self.layer(Rest { next, extensions: shared.clone() });
        if extensions.get::<SkipAuth>().is_some() {
            auth = auth.without_auth();
        } else if let Some(app) = extensions.get::<AppId>() {
            auth = auth.for_app(app.clone());
        }
        let answer = send(auth, request).await;
        *extensions = mem::take(&mut lock(&shared));
        answer.map(into_reqwest).map_err(into_middleware)
    }
}

/// The rest of the middlewares and the client, as a service.
#[derive(Clone)]
struct Rest<'a> {
    next: Next<'a>,
    /// What the middlewares tell one another, from one send to the next.
    extensions: Arc<Mutex<Extensions>>,
}

impl<'a> Service<Request> for Rest<'a> {
    type Response = Response;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self { next, extensions } = self.clone();
        Box::pin(async move {
            let mut own = lock(&extensions).clone();
            let response = next.run(request, &mut own).await;
            *lock(&extensions) = own;
            response
        })
    }
}

fn lock(extensions: &Mutex<Extensions>) -> MutexGuard<'_, Extensions> {
    // Nothing under this lock can panic half-way.
    extensions.lock().unwrap_or_else(PoisonError::into_inner)
}

fn into_middleware(error: crate::Error) -> Error {
    if error.downcast_ref::<Error>().is_none() {
        return Error::middleware(error);
    }
    match error.into_inner().downcast() {
        Ok(error) => *error,
        Err(error) => Error::middleware(crate::Error::inner(error)),
    }
}
