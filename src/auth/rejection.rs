//! WeChat's first answer, which rejected the token: kept in case there will be no second.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
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
};
use crate::{
    cache::TokenCache,
    error::{ErrorKind, TokenError},
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
        Self { response, errcode, cache: sender.cache.clone(), deadline }
    }

    /// Ready when there is no more time for a second answer.
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.deadline.as_mut().map_or(Poll::Pending, |deadline| deadline.as_mut().poll(cx))
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

    fn handed_on(mut self, why: NotReplayed, error: Option<TokenError>) -> Response<PeekedBody<R>> {
        self.cache.report(Event::NotReplayed { why: why.as_str() });
        self.response.extensions_mut().insert(AuthOutcome::not_replayed_because(self.errcode, why, error));
        self.response
    }

    /// The second answer, in place of this one.
    pub(super) fn replaced_by(self, mut second: Response<R>) -> Response<PeekedBody<R>> {
        second.extensions_mut().insert(AuthOutcome::replayed_after(self.errcode));
        second.map(PeekedBody::untouched)
    }
}

fn deadline(timeout: std::time::Duration, own: Option<Instant>) -> Option<Pin<Box<Sleep>>> {
    Handle::try_current().ok()?;
    let by_timeout = sleep(timeout);
    Some(Box::pin(match own {
        Some(own) if own < by_timeout.deadline() => sleep_until(own),
        _ => by_timeout,
    }))
}
