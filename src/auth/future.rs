//! [`ResponseFuture`]: the way of a request after `call`, as a state machine.

use std::{
    fmt,
    future::Future,
    ops::ControlFlow::{self, Break, Continue},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, timeout_at};
use tower_service::Service;

use super::{
    arriving::{Arriving, Passing, in_time, poll_service},
    attempt::{Attempt, Resend, Unsent},
    outcome::NotReplayed,
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

type Account = Pin<Box<dyn Future<Output = Result<TokenCache, Error>> + Send>>;

type Token = Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send>>;

/// How often a request that found its token dead by the time the inner service was ready waits for another one. After that
/// it goes out with what there is, and WeChat's answer decides.
const WAITS: u8 = 3;

pin_project! {
    /// The response future of [`WeChatAuth`](crate::WeChatAuth).
    ///
    /// It is `Send + 'static` where the inner service's future is. Dropping it drops the request; a fetch that it waits for goes
    /// on for others. Name it where a service of your own has [`WeChatAuth`](crate::WeChatAuth) inside:
    ///
    /// ```
    /// use http::{Request, Response};
    /// use tower::Service;
    /// use tower_wechat::{PeekedBody, ReplayBody, ResponseFuture, WeChatAuth};
    /// # use bytes::Bytes;
    /// # use http_body::Body;
    /// # use http_body_util::Full;
    ///
    /// /// Calls of one kind, over any tower client.
    /// struct Messages<S>(WeChatAuth<S>);
    ///
    /// impl<S, R> Messages<S>
    /// where
    ///     S: Service<Request<ReplayBody<Full<Bytes>>>, Response = Response<R>>
    ///         + Clone + Send,
    ///     S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    ///     R: Body,
    /// {
    ///     fn send(
    ///         &mut self,
    ///         message: Request<Full<Bytes>>,
    ///     ) -> ResponseFuture<S, Full<Bytes>, R> {
    ///         self.0.call(message)
    ///     }
    /// }
    /// ```
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
        /// The account is being made. The request waits for it, without holding the inner service.
        AwaitingAccount { account: Account, arriving: Option<Box<Arriving<S, B>>> },
        /// It is there, and the request is none of its own. It waits for the inner service, to go out as it is.
        AwaitingPassage { passing: Option<Box<Passing<S, B>>> },
        /// There is no good token. The request waits for one, without holding the inner service.
        AwaitingToken { token: Token, waiting: Option<Box<Waiting<S, B>>> },
        /// There is one. The request waits for the inner service.
        AwaitingService { waiting: Option<Box<Waiting<S, B>>> },
        /// The request is on its way.
        Sent { #[pin] future: F, attempt: Option<Attempt<S, B>> },
        /// The answer has come, and its start is looked at.
        Peeking { peek: Peek<R>, head: Option<Parts>, attempt: Looked<S, B> },
        /// The answer rejected the token. The request waits for a later one.
        Refreshing { token: Token, resending: Option<Box<Resending<S, B, R>>> },
        /// There is one. The request waits for the inner service once more.
        AwaitingServiceAgain { resending: Option<Box<Resending<S, B, R>>> },
        /// It is on its way for the second time.
        Resent { #[pin] future: F, rejection: Option<Box<Rejection<R>>> },
        /// The second answer has come. Whether it rejects the token, too, is for the account's budget to know.
        PeekingAgain { peek: Peek<R>, head: Option<Parts>, rejection: Option<Box<Rejection<R>>> },
    }
}

/// A request that was not sent yet, and how often it may still wait for a token.
struct Waiting<S, B> {
    unsent: Unsent<S, B>,
    /// Not ready while there is no token.
    service: S,
    /// Once it has come.
    token: Option<AccessToken>,
    /// When the request's own time-out has passed, once it waits for the service.
    deadline: Option<Pin<Box<Sleep>>>,
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
    /// Once there is a token.
    service: Option<S>,
    rejection: Box<Rejection<R>>,
}

type Output<R> = Result<Response<PeekedBody<R>>, Error>;

/// What comes of a state: the next one, or the end.
type Step<S, B, R, F> = ControlFlow<Output<R>, State<S, B, R, F>>;

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

    /// A request that waits for its account, and then for what else it needs.
    pub(super) fn arriving(
        account: impl Future<Output = Result<TokenCache, Error>> + Send + 'static,
        arriving: Arriving<S, B>,
    ) -> Self {
        let (account, arriving) = (Box::pin(account), Some(Box::new(arriving)));
        Self { state: State::AwaitingAccount { account, arriving } }
    }

    /// A request that waits for a token, and then for this instance of the service.
    pub(super) fn waiting(unsent: Unsent<S, B>, service: S) -> Self {
        Self { state: Waiting::new(unsent, service).into_state() }
    }

    pub(super) fn sent(future: S::Future, attempt: Attempt<S, B>) -> Self {
        Self { state: State::Sent { future, attempt: Some(attempt) } }
    }
}

impl<S, B> Waiting<S, B> {
    fn new(unsent: Unsent<S, B>, service: S) -> Box<Self> {
        Box::new(Self { unsent, service, token: None, deadline: None, waits: WAITS })
    }

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
    type Output = Output<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output<R>> {
        let mut state = self.project().state;
        loop {
            let step = match state.as_mut().project() {
                StateProj::PassedThrough { future } => {
                    let response = ready!(future.poll(cx)).map_err(Error::inner)?;
                    return Poll::Ready(Ok(response.map(PeekedBody::untouched)));
                }
                StateProj::Failed { error } => return Poll::Ready(Err(error.take().expect(ONCE))),
                StateProj::AwaitingAccount { account, arriving } => {
                    let cache = ready!(account.as_mut().poll(cx))?;
                    arrived(*arriving.take().expect(ONCE), cache, cx)
                }
                StateProj::AwaitingPassage { passing } => {
                    ready!(passing.as_mut().expect(ONCE).poll_service(cx))?;
                    Continue(State::PassedThrough { future: passing.take().expect(ONCE).send() })
                }
                StateProj::AwaitingToken { token, waiting } => {
                    let token = ready!(token.as_mut().poll(cx))?;
                    waiting.take().expect(ONCE).with(token, cx)
                }
                StateProj::AwaitingService { waiting } => {
                    let Waiting { service, deadline, .. } = &mut **waiting.as_mut().expect(ONCE);
                    ready!(poll_service(service, deadline, cx))?;
                    waiting.take().expect(ONCE).send()
                }
                StateProj::Sent { future, attempt } => {
                    let response = ready!(future.poll(cx)).map_err(Error::inner)?;
                    answered(response, attempt, cx)
                }
                StateProj::Peeking { peek, head, attempt } => {
                    let verdict = ready!(poll_verdict(peek, attempt.0.as_ref().expect(ONCE), cx));
                    judged(verdict, head.take().expect(ONCE), &mut attempt.0.take())
                }
                StateProj::Refreshing { token, resending } => {
                    let token = token.as_mut().poll(cx);
                    let token = ready!(resending.as_mut().expect(ONCE).rejection.in_time(token, cx));
                    resending.take().expect(ONCE).with(token)
                }
                StateProj::AwaitingServiceAgain { resending } => {
                    let Resending { service, rejection, .. } = &mut **resending.as_mut().expect(ONCE);
                    let ready = service.as_mut().expect(ONCE).poll_ready(cx);
                    let ready = ready!(rejection.in_time(ready, cx));
                    resending.take().expect(ONCE).send(ready.map(|ready| ready.is_ok()))
                }
                StateProj::Resent { future, rejection } => {
                    let answer = future.poll(cx);
                    let answer = ready!(rejection.as_mut().expect(ONCE).answer_in_time(answer, cx));
                    answered_again(answer, rejection.take().expect(ONCE), cx)
                }
                StateProj::PeekingAgain { peek, head, rejection } => {
                    let verdict = ready!(rejection.as_ref().expect(ONCE).poll_verdict(peek, cx));
                    let rejection = rejection.take().expect(ONCE);
                    return Poll::Ready(Ok(rejection.judged(verdict, head.take().expect(ONCE))));
                }
            };
            match step {
                Continue(next) => state.set(next),
                Break(output) => return Poll::Ready(output),
            }
        }
    }
}

/// The account is there.
fn arrived<S, B, R>(
    arriving: Arriving<S, B>,
    cache: TokenCache,
    cx: &mut Context<'_>,
) -> Step<S, B, R, S::Future>
where
    S: Service<Request<ReplayBody<B>>> + Clone,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    R: Body,
{
    match arriving.with(cache) {
        Ok((unsent, service)) => {
            let token = unsent.sender.cache.ready();
            let waiting = Waiting::new(unsent, service);
            match token {
                Some(token) => waiting.with(token, cx),
                None => Continue(waiting.into_state()),
            }
        }
        Err(passing) => Continue(State::AwaitingPassage { passing: Some(passing) }),
    }
}

impl<S, B> Waiting<S, B> {
    /// There is a token. Most services are ready at once.
    fn with<R>(mut self: Box<Self>, token: AccessToken, cx: &mut Context<'_>) -> Step<S, B, R, S::Future>
    where
        S: Service<Request<ReplayBody<B>>> + Clone,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + 'static,
        R: Body,
    {
        match self.service.poll_ready(cx) {
            Poll::Ready(Ok(())) => self.send_with(token),
            Poll::Ready(Err(error)) => Break(Err(Error::inner(error))),
            Poll::Pending => {
                self.token = Some(token);
                self.deadline = in_time(self.unsent.sender.deadline);
                Continue(State::AwaitingService { waiting: Some(self) })
            }
        }
    }

    /// The inner service is ready. That may have taken long: the newest token counts, unless it is known to be dead.
    fn send<R>(mut self: Box<Self>) -> Step<S, B, R, S::Future>
    where
        S: Service<Request<ReplayBody<B>>> + Clone,
        B: Body<Data = Bytes> + 'static,
        R: Body,
    {
        let token = match self.unsent.sender.cache.ready() {
            Some(newest) => newest,
            None if self.waits > 0 => {
                // Its readiness may be a permit that the token's own fetch needs.
                self.service = self.unsent.sender.service.instance();
                return Continue(self.into_state());
            }
            None => self.token.take().expect(ONCE),
        };
        self.send_with(token)
    }

    fn send_with<R>(self, token: AccessToken) -> Step<S, B, R, S::Future>
    where
        S: Service<Request<ReplayBody<B>>>,
        B: Body<Data = Bytes> + 'static,
        R: Body,
    {
        let Self { unsent, mut service, .. } = self;
        match unsent.authorize(token) {
            Ok((request, attempt)) => {
                Continue(State::Sent { future: service.call(request), attempt: Some(attempt) })
            }
            Err(error) => Break(Err(error)),
        }
    }
}

/// The answer has come. If its start is here and decides, that is all.
fn answered<S, B, R, F>(
    response: Response<R>,
    attempt: &mut Option<Attempt<S, B>>,
    cx: &mut Context<'_>,
) -> Step<S, B, R, F>
where
    B: Body<Data = Bytes>,
    R: Body,
{
    let sent = attempt.as_ref().expect(ONCE);
    let elsewhere = response.extensions().get::<FromElsewhere>().is_some();
    let limit = sent.sender.settings.inspect_limit;
    if elsewhere || !may_be_rejection(sent.method(), &response, limit) {
        return Break(Ok(response.map(PeekedBody::untouched)));
    }
    let (head, body) = response.into_parts();
    let mut peek = Peek::new(body, limit);
    match poll_verdict(&mut peek, sent, cx) {
        Poll::Ready(verdict) => judged(verdict, head, attempt),
        Poll::Pending => Continue(State::Peeking { peek, head: Some(head), attempt: Looked(attempt.take()) }),
    }
}

fn poll_verdict<S, B, R: Body>(
    peek: &mut Peek<R>,
    attempt: &Attempt<S, B>,
    cx: &mut Context<'_>,
) -> Poll<Verdict<R>> {
    let verdict = peek.poll(cx, &attempt.sender.settings.look(&attempt.sender.cache));
    if verdict.is_pending() && peek.has_found_rejection() {
        // What goes out now would only have to be recorded.
        attempt.hold();
    }
    verdict
}

/// The second answer has come, or there is none. If its start is here and decides, that is all.
fn answered_again<S, B, R, F, E>(
    second: Option<Result<Response<R>, E>>,
    rejection: Box<Rejection<R>>,
    cx: &mut Context<'_>,
) -> Step<S, B, R, F>
where
    R: Body,
    E: Into<BoxError>,
{
    let second = match second.map(|second| second.map_err(Into::into)) {
        Some(Ok(second)) => second,
        Some(Err(error)) => return Break(rejection.failed_again(error)),
        None => return Break(Ok(rejection.not_replayed(NotReplayed::TimedOut))),
    };
    if !rejection.may_be_another(&second) {
        return Break(Ok(rejection.not_looked_at(second)));
    }
    let (head, body) = second.into_parts();
    let mut peek = rejection.peek(body);
    match rejection.poll_verdict(&mut peek, cx) {
        Poll::Ready(verdict) => Break(Ok(rejection.judged(verdict, head))),
        Poll::Pending => Continue(State::PeekingAgain { peek, head: Some(head), rejection: Some(rejection) }),
    }
}

/// It is clear whether the answer rejects the token.
fn judged<S, B, R, F>(
    verdict: Verdict<R>,
    head: Parts,
    attempt: &mut Option<Attempt<S, B>>,
) -> Step<S, B, R, F>
where
    B: Body<Data = Bytes>,
    R: Body,
{
    let (errcode, body, whole) = match verdict {
        Verdict::Passed { body, accepted } => {
            if accepted {
                let Attempt { sender, token, .. } = attempt.as_ref().expect(ONCE);
                sender.cache.note_accepted(token);
            }
            return Break(Ok(Response::from_parts(head, body)));
        }
        Verdict::Rejected { errcode, body, whole } => (errcode, body, whole),
    };
    let attempt = attempt.take().expect(ONCE);
    let rejection = Box::new(Rejection::new(Response::from_parts(head, body), errcode, &attempt));
    let (cache, rejected) = (attempt.sender.cache.clone(), attempt.token.clone());
    match if whole { attempt.take_over() } else { Err(NotReplayed::AnswerIncomplete) } {
        Ok(resend) => Continue(Box::new(Resending { resend, service: None, rejection }).into_state()),
        Err(why) => {
            cache.refresh_for_others(&rejected);
            Break(Ok(rejection.not_replayed(why)))
        }
    }
}

impl<S, B, R: Body> Resending<S, B, R> {
    /// The refresh has ended, or there was no more time for it.
    fn with<F>(mut self: Box<Self>, token: Option<Result<AccessToken, TokenError>>) -> Step<S, B, R, F>
    where
        S: Clone,
    {
        match token {
            Some(Ok(_)) => {
                self.service = Some(self.resend.sender.service.instance());
                Continue(State::AwaitingServiceAgain { resending: Some(self) })
            }
            Some(Err(error)) => Break(Ok(self.rejection.not_refreshed(error))),
            None => Break(Ok(self.rejection.not_replayed(NotReplayed::TimedOut))),
        }
    }

    /// The inner service is ready, or is not, or there was no more time for it. That may have taken long, too: the newest
    /// token counts, and if that has been rejected meanwhile, there is time for another.
    fn send(mut self: Box<Self>, ready: Option<bool>) -> Step<S, B, R, S::Future>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        let why = match ready {
            Some(true) => {
                let Some(token) = self.resend.sender.cache.ready_after(&self.resend.rejected) else {
                    self.service = None;
                    return Continue(self.into_state());
                };
                let Self { resend, service, mut rejection } = *self;
                let cache = resend.sender.cache.clone();
                match resend.authorize(&token) {
                    Ok((request, cloned)) => {
                        rejection.replayed_with(token, cloned);
                        cache.report(Event::Replayed);
                        let future = service.expect(ONCE).call(request);
                        return Continue(State::Resent { future, rejection: Some(rejection) });
                    }
                    Err(why) => return Break(Ok(rejection.not_replayed(why))),
                }
            }
            Some(false) => NotReplayed::ServiceNotReady,
            None => NotReplayed::TimedOut,
        };
        Break(Ok(self.rejection.not_replayed(why)))
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
