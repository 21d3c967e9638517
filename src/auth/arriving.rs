//! [`Arriving`]: a request whose account is being made.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::{
    attempt::{Sender, Unsent},
    settings::Settings,
    template::Template,
};
use crate::{
    cache::TokenCache,
    error::{BoxError, Error, ErrorKind},
    request::ReplayBody,
};

/// A request with what it takes to send it with a token, and the service that it waits for.
pub(super) type Arrived<S, B> = (Unsent<S, B>, S);

/// A request of which it is not known yet whether it gets a token: that is for its account's platform to say.
pub(super) struct Arriving<S, B> {
    pub(super) request: Request<B>,
    /// Not ready while there is no account.
    pub(super) service: S,
    pub(super) template: Template<S>,
    pub(super) settings: Arc<Settings>,
    pub(super) deadline: Option<Instant>,
}

impl<S, B> Arriving<S, B> {
    /// The account is there. An error is a request that goes out without its token.
    pub(super) fn with(self, cache: TokenCache) -> Result<Arrived<S, B>, Box<Passing<S, B>>> {
        let Self { request, service, template, settings, deadline } = self;
        if settings.is_for(&cache, request.uri()) {
            let sender = Sender { service: template, cache, settings, deadline };
            Ok((Unsent { sender, request }, service))
        } else {
            Err(Box::new(Passing { request, service, deadline: in_time(deadline) }))
        }
    }
}

/// A request that goes out as it is, once the inner service is ready.
pub(super) struct Passing<S, B> {
    request: Request<B>,
    service: S,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S, B> Passing<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
{
    pub(super) fn poll_service(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        poll_service(&mut self.service, &mut self.deadline, cx)
    }

    pub(super) fn send(mut self) -> S::Future {
        self.service.call(self.request.map(ReplayBody::once))
    }
}

/// The end of the request's own time-out, if it has one.
pub(super) fn in_time(deadline: Option<Instant>) -> Option<Pin<Box<Sleep>>> {
    deadline.map(|deadline| Box::pin(sleep_until(deadline)))
}

/// Whether the service is ready, before the request's own time-out has passed.
pub(super) fn poll_service<S, Q>(
    service: &mut S,
    deadline: &mut Option<Pin<Box<Sleep>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>>
where
    S: Service<Q, Error: Into<BoxError>>,
{
    match (service.poll_ready(cx), deadline) {
        (Poll::Ready(ready), _) => Poll::Ready(ready.map_err(Error::inner)),
        (Poll::Pending, Some(deadline)) => deadline.as_mut().poll(cx).map(|()| {
            let text = "the inner service was not ready before the request's own time-out had passed";
            Err(Error::new(ErrorKind::Timeout, text))
        }),
        (Poll::Pending, None) => Poll::Pending,
    }
}
