//! [`ResponseFuture`]: the way of a request after `call`, as a state machine.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::{
    attempt::{Attempt, Resend, Unsent},
    outcome::NotReplayed,
    refused::was_refused,
    rejection::Rejection,
};
use crate::{
    cache::TokenCache,
    error::{BoxError, Error, ErrorKind, TokenError},
    request::ReplayBody,
    response::{FromElsewhere, Peek, PeekedBody, Verdict, may_be_rejection},
    telemetry::Event,
    token::AccessToken,
};

type Token = Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send>>;

/// How often a request that found its token dead by the time the inner service was ready waits for another one. After that
/// it goes out with what there is, and WeChat's answer decides.
const WAITS: u8 = 3;

pin_project! {
    /// The response future of [`WeChatAuth`](crate::WeChatAuth).
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
        R: Body,
    {
        #[pin]
        state: State<S, B, R, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, R, F>
    where
        R: Body,
    {
        /// The request is none of ours: the inner future is all there is.
        PassedThrough { #[pin] future: F },
        /// It could not be sent.
        Failed { error: Option<Error> },
        /// There is no good token. The request waits for one, without holding the inner service.
        AwaitingToken { token: Token, waiting: Option<Box<Waiting<S, B>>> },
        /// There is one. The request waits for the inner service.
        AwaitingService { service: Box<S>, token: Option<AccessToken>, waiting: Option<Box<Waiting<S, B>>> },
        /// The request is on its way.
        Sent { #[pin] future: F, attempt: Option<Attempt<S, B>> },
        /// The answer has come, and its start is looked at.
        Peeking { peek: Peek<R>, head: Option<Parts>, attempt: Looked<S, B> },
        /// The answer rejected the token. The request waits for a later one.
        Refreshing { token: Token, resending: Option<Box<Resending<S, B, R>>> },
        /// There is one. The request waits for the inner service once more.
        AwaitingServiceAgain { service: Box<S>, resending: Option<Box<Resending<S, B, R>>> },
        /// It is on its way for the second time.
        Resent { #[pin] future: F, rejection: Option<Box<Rejection<R>>> },
    }
}

/// A request that was not sent yet, and how often it may still wait for a token.
struct Waiting<S, B> {
    unsent: Unsent<S, B>,
    waits: u8,
}

/// A request whose answer is looked at. A caller who gives up meanwhile has seen no answer, and so the upload ends, as it
/// does if the answer has not begun; by itself, hyper's HTTP/2 would go on with it.
struct Looked<S, B>(Option<Attempt<S, B>>);

impl<S, B> Drop for Looked<S, B> {
    fn drop(&mut self) {
        if let Some(attempt) = self.0.take() {
            attempt.abandon();
        }
    }
}

/// A rejected request that is to be sent again, and the answer in case that does not work.
struct Resending<S, B, R: Body> {
    resend: Resend<S, B>,
    rejection: Box<Rejection<R>>,
}

/// By the contract of `Future`, nobody polls one that is ready; and each state is left once.
const ONCE: &str = "polled after it was ready";

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
    R: Body,
{
    pub(super) fn passed_through(future: S::Future) -> Self {
        Self { state: State::PassedThrough { future } }
    }

    pub(crate) fn failed(error: Error) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    pub(super) fn waiting(unsent: Unsent<S, B>) -> Self {
        Self { state: Box::new(Waiting { unsent, waits: WAITS }).into_state() }
    }

    pub(super) fn sent(future: S::Future, attempt: Attempt<S, B>) -> Self {
        Self { state: State::Sent { future, attempt: Some(attempt) } }
    }
}

impl<S, B> Waiting<S, B> {
    fn into_state<R: Body, F>(mut self: Box<Self>) -> State<S, B, R, F> {
        self.waits = self.waits.saturating_sub(1);
        let sender = &self.unsent.sender;
        let token = token(sender.cache.clone(), sender.deadline);
        State::AwaitingToken { token, waiting: Some(self) }
    }
}

impl<S, B, R: Body> Resending<S, B, R> {
    fn into_state<F>(self: Box<Self>) -> State<S, B, R, F> {
        let token = later_token(self.resend.sender.cache.clone(), self.resend.rejected.clone());
        State::Refreshing { token, resending: Some(self) }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body,
{
    type Output = Result<Response<PeekedBody<R>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::PassedThrough { future } => {
                    let response = ready!(future.poll(cx)).map_err(Error::inner)?;
                    return Poll::Ready(Ok(response.map(PeekedBody::untouched)));
                }
                StateProj::Failed { error } => return Poll::Ready(Err(error.take().expect(ONCE))),
                StateProj::AwaitingToken { token, waiting } => {
                    let token = ready!(token.as_mut().poll(cx))?;
                    let waiting = waiting.take().expect(ONCE);
                    let service = Box::new(waiting.unsent.sender.service.instance());
                    State::AwaitingService { service, token: Some(token), waiting: Some(waiting) }
                }
                StateProj::AwaitingService { service, token, waiting } => {
                    ready!(service.poll_ready(cx)).map_err(Error::inner)?;
                    let (held, waiting) = (token.take().expect(ONCE), waiting.take().expect(ONCE));
                    // That may have taken long: the newest token counts, unless it is known to be dead by now.
                    let token = match waiting.unsent.sender.cache.ready() {
                        Some(newest) => newest,
                        None if waiting.waits > 0 => {
                            state.set(waiting.into_state());
                            continue;
                        }
                        None => held,
                    };
                    let (request, attempt) = waiting.unsent.authorize(token)?;
                    State::Sent { future: service.call(request), attempt: Some(attempt) }
                }
                StateProj::Sent { future, attempt } => {
                    let response = ready!(future.poll(cx)).map_err(Error::inner)?;
                    let attempt = attempt.take().expect(ONCE);
                    let elsewhere = response.extensions().get::<FromElsewhere>().is_some();
                    let limit = attempt.sender.settings.inspect_limit;
                    if elsewhere || !may_be_rejection(attempt.method(), &response, limit) {
                        return Poll::Ready(Ok(response.map(PeekedBody::untouched)));
                    }
                    let (head, body) = response.into_parts();
                    State::Peeking {
                        peek: Peek::new(body, limit),
                        head: Some(head),
                        attempt: Looked(Some(attempt)),
                    }
                }
                StateProj::Peeking { peek, head, attempt } => {
                    let sent = attempt.0.as_ref().expect(ONCE);
                    let look = sent.sender.settings.look(&sent.sender.cache);
                    let Poll::Ready(verdict) = peek.poll(cx, &look) else {
                        if peek.has_found_rejection() {
                            sent.hold();
                        }
                        return Poll::Pending;
                    };
                    let (head, attempt) = (head.take().expect(ONCE), attempt.0.take().expect(ONCE));
                    match verdict {
                        Verdict::Passed(body) => {
                            return Poll::Ready(Ok(Response::from_parts(head, body)));
                        }
                        Verdict::Rejected { errcode, body, whole } => {
                            let response = Response::from_parts(head, body);
                            let rejection = Box::new(Rejection::new(response, errcode, &attempt));
                            let (cache, token) = (attempt.sender.cache.clone(), attempt.token.clone());
                            let taken =
                                if whole { attempt.take_over() } else { Err(NotReplayed::AnswerIncomplete) };
                            match taken {
                                Ok(resend) => Box::new(Resending { resend, rejection }).into_state(),
                                Err(why) => {
                                    cache.refresh_for_others(&token);
                                    return Poll::Ready(Ok(rejection.not_replayed(why)));
                                }
                            }
                        }
                    }
                }
                StateProj::Refreshing { token, resending } => {
                    let token = match token.as_mut().poll(cx) {
                        Poll::Ready(token) => token,
                        Poll::Pending => {
                            ready!(resending.as_mut().expect(ONCE).rejection.poll_deadline(cx));
                            let rejection = resending.take().expect(ONCE).rejection;
                            return Poll::Ready(Ok(rejection.not_replayed(NotReplayed::TimedOut)));
                        }
                    };
                    let resending = resending.take().expect(ONCE);
                    if let Err(error) = token {
                        return Poll::Ready(Ok(resending.rejection.not_refreshed(error)));
                    }
                    let service = Box::new(resending.resend.sender.service.instance());
                    State::AwaitingServiceAgain { service, resending: Some(resending) }
                }
                StateProj::AwaitingServiceAgain { service, resending } => {
                    let ready = match service.poll_ready(cx) {
                        Poll::Ready(ready) => ready,
                        Poll::Pending => {
                            ready!(resending.as_mut().expect(ONCE).rejection.poll_deadline(cx));
                            let rejection = resending.take().expect(ONCE).rejection;
                            return Poll::Ready(Ok(rejection.not_replayed(NotReplayed::TimedOut)));
                        }
                    };
                    let resending = resending.take().expect(ONCE);
                    if ready.is_err() {
                        return Poll::Ready(Ok(resending
                            .rejection
                            .not_replayed(NotReplayed::ServiceNotReady)));
                    }
                    let Resending { resend, rejection } = *resending;
                    let cache = resend.sender.cache.clone();
                    // That may have taken long, too. If the token has been rejected meanwhile, there is time for another.
                    let Some(token) = cache.ready_after(&resend.rejected) else {
                        state.set(Box::new(Resending { resend, rejection }).into_state());
                        continue;
                    };
                    match resend.authorize(&token) {
                        Ok(request) => {
                            cache.report(Event::Replayed);
                            State::Resent { future: service.call(request), rejection: Some(rejection) }
                        }
                        Err(why) => return Poll::Ready(Ok(rejection.not_replayed(why))),
                    }
                }
                StateProj::Resent { future, rejection } => {
                    let answer = match future.poll(cx) {
                        Poll::Ready(answer) => answer,
                        Poll::Pending => {
                            ready!(rejection.as_mut().expect(ONCE).poll_deadline(cx));
                            let rejection = rejection.take().expect(ONCE);
                            return Poll::Ready(Ok(rejection.not_replayed(NotReplayed::TimedOut)));
                        }
                    };
                    let rejection = rejection.take().expect(ONCE);
                    return Poll::Ready(match answer.map_err(Into::into) {
                        Ok(second) => Ok(rejection.replaced_by(second)),
                        Err(error) if was_refused(&*error) => {
                            Ok(rejection.not_replayed(NotReplayed::Refused))
                        }
                        Err(error) => Err(Error::inner(error)),
                    });
                }
            };
            state.set(next);
        }
    }
}

/// A token for a request that has none, before the request's own time-out has passed.
fn token(cache: TokenCache, deadline: Option<Instant>) -> Token {
    Box::pin(async move {
        let Some(deadline) = deadline else {
            return cache.token().await;
        };
        timeout_at(deadline, cache.token()).await.unwrap_or_else(|_| {
            let text = "none came before the request's own time-out had passed; the fetch goes on for the next caller";
            Err(TokenError::new(ErrorKind::Timeout, text).with_transient(true).for_app(cache.account().app()))
        })
    })
}

/// A token in place of one that was rejected.
fn later_token(cache: TokenCache, rejected: AccessToken) -> Token {
    Box::pin(async move { cache.refresh(&rejected).await })
}

impl<S, B, R> fmt::Debug for ResponseFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
    R: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
