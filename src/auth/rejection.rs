//! WeChat's first answer, which rejected the token: kept in case there will be no second.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Response;
use http_body::Body;
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{
    attempt::Attempt,
    outcome::{AuthOutcome, NotReplayed},
    refused::was_refused,
};
use crate::{
    cache::TokenCache,
    error::{BoxError, Error, ErrorKind, TokenError},
    request::Cloned,
    response::PeekedBody,
    telemetry::Event,
};

/// The answer, and how long a second one is waited for.
pub(super) struct Rejection<R: Body> {
    response: Response<PeekedBody<R>>,
    errcode: i64,
    cache: TokenCache,
    /// None outside a runtime, where nothing measures time.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Whether the second request was cloned on its way.
    cloned: Option<Cloned>,
}

impl<R: Body> Rejection<R> {
    pub(super) fn new<S, B>(
        response: Response<PeekedBody<R>>,
        errcode: i64,
        attempt: &Attempt<S, B>,
    ) -> Self {
        let sender = &attempt.sender;
        let rid = response.body().rid();
        let first = sender.cache.note_rejection(&attempt.token);
        let age = attempt.token.age();
        sender.cache.report(Event::Rejected { errcode, rid: rid.as_deref(), age, first });
        let deadline = deadline(sender.settings.replay_timeout, sender.deadline);
        Self { response, errcode, cache: sender.cache.clone(), deadline, cloned: None }
    }

    /// What a poll on the way to a second answer came to; none if it is not ready and there is no more time.
    pub(super) fn in_time<T>(&mut self, polled: Poll<T>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match (polled, &mut self.deadline) {
            (Poll::Ready(ready), _) => Poll::Ready(Some(ready)),
            (Poll::Pending, Some(deadline)) => deadline.as_mut().poll(cx).map(|()| None),
            (Poll::Pending, None) => Poll::Pending,
        }
    }

    /// The second answer, or none if there is no more time. An error that comes with the end of that time is no answer: the
    /// inner service may measure the same time.
    pub(super) fn answer_in_time<T, E>(
        &mut self,
        polled: Poll<Result<T, E>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, E>>> {
        if let (Poll::Ready(Err(_)), Some(deadline)) = (&polled, &mut self.deadline)
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        self.in_time(polled, cx)
    }

    /// The second request is on its way; whoever clones it is told of here.
    pub(super) fn replayed_as(&mut self, cloned: Cloned) {
        self.cloned = Some(cloned);
    }

    /// The first answer, since the request was not sent again, or had no second answer.
    pub(super) fn not_replayed(self, why: NotReplayed) -> Response<PeekedBody<R>> {
        self.handed_on(why, None)
    }

    /// The first answer, since there is no better token.
    pub(super) fn not_refreshed(self, error: TokenError) -> Response<PeekedBody<R>> {
        let why = match error.kind() {
            ErrorKind::BackedOff => NotReplayed::BackedOff,
            _ => NotReplayed::RefreshFailed,
        };
        self.handed_on(why, Some(error))
    }

    fn was_cloned(&self) -> bool {
        self.cloned.as_ref().is_some_and(Cloned::was_cloned)
    }

    fn handed_on(mut self, why: NotReplayed, error: Option<TokenError>) -> Response<PeekedBody<R>> {
        self.cache.report(Event::NotReplayed { why: why.as_str() });
        self.response.extensions_mut().insert(AuthOutcome::not_replayed_because(self.errcode, why, error));
        self.response
    }

    /// The second answer, in place of this one, if there is one; the first if nothing of the second request can have been
    /// carried out, or there was no more time.
    pub(super) fn answered<E: Into<BoxError>>(
        self,
        second: Option<Result<Response<R>, E>>,
    ) -> Result<Response<PeekedBody<R>>, Error> {
        match second.map(|second| second.map_err(Into::into)) {
            Some(Ok(mut second)) => {
                second.extensions_mut().insert(AuthOutcome::replayed_after(self.errcode));
                Ok(second.map(PeekedBody::untouched))
            }
            // Where it was cloned there may have been other sends, of which the error says nothing.
            Some(Err(error)) if !self.was_cloned() && was_refused(&*error) => {
                Ok(self.not_replayed(NotReplayed::Refused))
            }
            Some(Err(error)) => Err(Error::inner(error)),
            None => Ok(self.not_replayed(NotReplayed::TimedOut)),
        }
    }
}

fn deadline(timeout: Duration, own: Option<Instant>) -> Option<Pin<Box<Sleep>>> {
    Handle::try_current().ok()?;
    let by_timeout = sleep(timeout);
    Some(Box::pin(match own {
        Some(own) if own < by_timeout.deadline() => sleep_until(own),
        _ => by_timeout,
    }))
}
