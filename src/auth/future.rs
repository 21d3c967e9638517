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
use tower_service::Service;

use super::{
    call::{Call, Sent},
    outcome::{AuthOutcome, NotReplayed},
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
        /// Not a request of ours.
        Untouched { #[pin] future: F },
        /// There is no token yet.
        Waiting { token: Token, call: Option<Box<Call<S, B>>> },
        /// There is, and the inner service must be ready again.
        Readying { call: Option<Box<Call<S, B>>>, token: Option<AccessToken> },
        /// On its way.
        Sent { #[pin] future: F, sent: Option<Box<Sent<S, B>>> },
        /// The answer's start is being looked at.
        Peeking { peek: Peek<R>, head: Option<Parts>, sent: Option<Box<Sent<S, B>>> },
        /// It was a rejection; a better token is on its way.
        Refreshing { token: Token, sent: Option<Box<Sent<S, B>>>, first: Option<First<R>> },
        /// There is one, and the inner service must be ready again.
        Again { inner: S, request: Option<Request<ReplayBody<B>>>, first: Option<First<R>> },
        /// On its way for the second time.
        Replayed { #[pin] future: F, outcome: AuthOutcome },
        /// It could not be sent.
        Failed { error: Option<Error> },
    }
}

/// WeChat's first answer, in case there will be no second.
struct First<R: Body> {
    response: Response<PeekedBody<R>>,
    outcome: AuthOutcome,
    cache: TokenCache,
}

/// By the contract of `Future`, nobody polls one that is ready; and each state is left once.
const ONCE: &str = "polled after it was ready";

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
    R: Body,
{
    pub(super) fn untouched(future: S::Future) -> Self {
        Self { state: State::Untouched { future } }
    }

    pub(crate) fn failed(error: Error) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    pub(super) fn waiting(call: Call<S, B>) -> Self {
        let cache = call.cache().clone();
        let token = Box::pin(async move { cache.token().await });
        Self { state: State::Waiting { token, call: Some(Box::new(call)) } }
    }

    pub(super) fn sent(future: S::Future, sent: Sent<S, B>) -> Self {
        Self { state: State::Sent { future, sent: Some(Box::new(sent)) } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
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
                StateProj::Untouched { future } => {
                    let response = ready!(future.poll(cx)).map_err(Error::inner)?;
                    return Poll::Ready(Ok(response.map(PeekedBody::untouched)));
                }
                StateProj::Waiting { token, call } => {
                    let token = ready!(token.as_mut().poll(cx))?;
                    State::Readying { call: call.take(), token: Some(token) }
                }
                StateProj::Readying { call, token } => {
                    let inner = call.as_mut().expect(ONCE).inner();
                    ready!(inner.poll_ready(cx)).map_err(Error::inner)?;
                    call.take().expect(ONCE).send(token.take().expect(ONCE)).state
                }
                StateProj::Sent { future, sent } => {
                    let response = ready!(future.poll(cx)).map_err(Error::inner)?;
                    let sent = sent.take().expect(ONCE);
                    let limit = sent.account.settings.inspect_limit;
                    let elsewhere = response.extensions().get::<FromElsewhere>().is_some();
                    if elsewhere || !may_be_rejection(sent.method(), &response, limit) {
                        return Poll::Ready(Ok(accepted(response.map(PeekedBody::untouched))));
                    }
                    let (head, body) = response.into_parts();
                    let peek = Peek::new(body, limit, sent.account.rejection_codes());
                    State::Peeking { peek, head: Some(head), sent: Some(sent) }
                }
                StateProj::Peeking { peek, head, sent } => {
                    let verdict = ready!(Pin::new(peek).poll(cx));
                    let (head, sent) = (head.take().expect(ONCE), sent.take().expect(ONCE));
                    match verdict {
                        Verdict::Passed(body) => {
                            return Poll::Ready(Ok(accepted(Response::from_parts(head, body))));
                        }
                        Verdict::Rejected { errcode, body, whole } => {
                            let first = First::new(Response::from_parts(head, body), errcode, &sent);
                            if let Some(why) = obstacle(&sent, whole) {
                                first.cache.refresh_for_others(&sent.token);
                                return Poll::Ready(Ok(first.not_replayed(why)));
                            }
                            let token = better_token(first.cache.clone(), sent.token.clone());
                            State::Refreshing { token, sent: Some(sent), first: Some(first) }
                        }
                    }
                }
                StateProj::Refreshing { token, sent, first } => {
                    let token = ready!(token.as_mut().poll(cx));
                    let (sent, first) = (sent.take().expect(ONCE), first.take().expect(ONCE));
                    let token = match token {
                        Ok(token) => token,
                        Err(error) => return Poll::Ready(Ok(first.not_refreshed(error))),
                    };
                    match sent.again(&token) {
                        Ok((inner, request)) => {
                            State::Again { inner, request: Some(request), first: Some(first) }
                        }
                        Err(why) => return Poll::Ready(Ok(first.not_replayed(why))),
                    }
                }
                StateProj::Again { inner, request, first } => {
                    let ready = ready!(inner.poll_ready(cx));
                    let (request, first) = (request.take().expect(ONCE), first.take().expect(ONCE));
                    if ready.is_err() {
                        return Poll::Ready(Ok(first.not_replayed(NotReplayed::ServiceNotReady)));
                    }
                    first.cache.report(Event::Replayed);
                    State::Replayed { future: inner.call(request), outcome: first.outcome.and_replayed() }
                }
                StateProj::Replayed { future, outcome } => {
                    let mut response = ready!(future.poll(cx)).map_err(Error::inner)?;
                    response.extensions_mut().insert(outcome.clone());
                    return Poll::Ready(Ok(response.map(PeekedBody::untouched)));
                }
                StateProj::Failed { error } => return Poll::Ready(Err(error.take().expect(ONCE))),
            };
            state.set(next);
        }
    }
}

/// What stands in the way of a replay, as far as can be told before there is a better token.
fn obstacle<S, B>(sent: &Sent<S, B>, whole: bool) -> Option<NotReplayed>
where
    B: Body<Data = Bytes>,
{
    if whole { sent.check().err() } else { Some(NotReplayed::AnswerIncomplete) }
}

fn better_token(cache: TokenCache, rejected: AccessToken) -> Token {
    Box::pin(async move { cache.refresh(&rejected).await })
}

/// An answer that did not reject the token.
fn accepted<R: Body>(mut response: Response<PeekedBody<R>>) -> Response<PeekedBody<R>> {
    response.extensions_mut().insert(AuthOutcome::default());
    response
}

impl<R: Body> First<R> {
    fn new<S, B>(response: Response<PeekedBody<R>>, errcode: i64, sent: &Sent<S, B>) -> Self {
        let cache = sent.account.cache.clone();
        cache.report(Event::Rejected { errcode, age: sent.token.age() });
        Self { response, outcome: AuthOutcome::rejected_with(errcode), cache }
    }

    fn not_replayed(self, why: NotReplayed) -> Response<PeekedBody<R>> {
        self.handed_on(why, None)
    }

    fn not_refreshed(self, error: TokenError) -> Response<PeekedBody<R>> {
        let why = match error.kind() {
            ErrorKind::BackedOff => NotReplayed::BackedOff,
            _ => NotReplayed::RefreshFailed,
        };
        self.handed_on(why, Some(error))
    }

    fn handed_on(mut self, why: NotReplayed, error: Option<TokenError>) -> Response<PeekedBody<R>> {
        self.cache.report(Event::NotReplayed { why: why.as_str() });
        self.response.extensions_mut().insert(self.outcome.and_not_replayed(why, error));
        self.response
    }
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
