//! WeChat's first answer, which rejected the token: kept in case there will be no second.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Method, Response, response::Parts};
use http_body::Body;
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{
    attempt::Attempt,
    outcome::{AuthOutcome, NotReplayed},
    refused::was_refused,
    settings::Settings,
};
use crate::{
    cache::TokenCache,
    error::{BoxError, Error, ErrorKind, TokenError},
    request::Cloned,
    response::{FromElsewhere, Peek, PeekedBody, Verdict, may_be_rejection},
    telemetry::Event,
    token::AccessToken,
};

/// The answer, and how long a second one is waited for.
pub(super) struct Rejection<R: Body> {
    response: Response<PeekedBody<R>>,
    errcode: i64,
    cache: TokenCache,
    /// None outside a runtime, where nothing measures time.
    deadline: Option<Pin<Box<Sleep>>>,
    /// The request's.
    method: Method,
    settings: Arc<Settings>,
    second: Option<Second>,
}

/// The second send.
struct Second {
    token: AccessToken,
    /// Whether it was cloned on its way.
    cloned: Cloned,
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
        Self {
            response,
            errcode,
            cache: sender.cache.clone(),
            deadline,
            method: attempt.method().clone(),
            settings: sender.settings.clone(),
            second: None,
        }
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

    /// The second request is on its way, with this token; whoever clones it is told of here.
    pub(super) fn replayed_with(&mut self, token: AccessToken, cloned: Cloned) {
        self.second = Some(Second { token, cloned });
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
        self.second.as_ref().is_some_and(|second| second.cloned.was_cloned())
    }

    fn handed_on(mut self, why: NotReplayed, error: Option<TokenError>) -> Response<PeekedBody<R>> {
        self.cache.report(Event::NotReplayed { why: why.as_str() });
        self.response.extensions_mut().insert(AuthOutcome::not_replayed_because(self.errcode, why, error));
        self.response
    }

    /// The second send failed: the first answer, if nothing of the second request can have been carried out.
    pub(super) fn failed_again(self, error: BoxError) -> Result<Response<PeekedBody<R>>, Error> {
        // Where it was cloned there may have been other sends, of which the error says nothing.
        if !self.was_cloned() && was_refused(&*error) {
            return Ok(self.not_replayed(NotReplayed::Refused));
        }
        Err(Error::inner(error))
    }

    // === the second answer ===

    /// Whether the second answer may be a rejection, too.
    pub(super) fn may_be_another(&self, second: &Response<R>) -> bool {
        let elsewhere = second.extensions().get::<FromElsewhere>().is_some();
        !elsewhere && may_be_rejection(&self.method, second, self.settings.inspect_limit)
    }

    pub(super) fn peek(&self, body: R) -> Peek<R> {
        Peek::new(body, self.settings.inspect_limit)
    }

    pub(super) fn poll_verdict(&self, peek: &mut Peek<R>, cx: &mut Context<'_>) -> Poll<Verdict<R>> {
        peek.poll(cx, &self.settings.look(&self.cache))
    }

    /// The second answer, once it is clear whether it rejects the token, too.
    pub(super) fn judged(self, verdict: Verdict<R>, head: Parts) -> Response<PeekedBody<R>> {
        let (accepted, body) = match verdict {
            Verdict::Rejected { body, .. } => (Some(false), body),
            Verdict::Passed { body, accepted } => (accepted.then_some(true), body),
        };
        if let (Some(second), Some(accepted)) = (&self.second, accepted) {
            self.cache.note_replay(&second.token, accepted);
        }
        self.replayed(Response::from_parts(head, body))
    }

    /// The second answer, which is none that could reject the token: a picture, a long list, an answer from elsewhere.
    pub(super) fn not_looked_at(self, second: Response<R>) -> Response<PeekedBody<R>> {
        let elsewhere = second.extensions().get::<FromElsewhere>().is_some();
        if let Some(sent) = &self.second
            && second.status().is_success()
            && !elsewhere
        {
            self.cache.note_replay(&sent.token, true);
        }
        self.replayed(second.map(PeekedBody::untouched))
    }

    /// The second answer, in place of this one.
    fn replayed(self, mut second: Response<PeekedBody<R>>) -> Response<PeekedBody<R>> {
        second.extensions_mut().insert(AuthOutcome::replayed_after(self.errcode));
        second
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
