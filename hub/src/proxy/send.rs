//! Sends a call to the platform, and hands its answer on.

use std::{error::Error as StdError, future::Future, sync::Arc};

use axum::{body::Body, extract::Request, response::Response};
use http::{Method, StatusCode, Version, header::CONTENT_LENGTH};
use hyper_util::client::legacy;
use tokio::select;
use tower_wechat::{TokenError, WeChatError};

use super::{
    LONGEST_PAUSE,
    caller::Caller,
    download::{self, Begun},
    headers,
    mask::Mask,
    outcome::{Calls, Outcome},
    upload::{Progress, Upload},
};
use crate::{
    client::Right,
    problem::{DONE, Problem},
    recent::Needle,
    table::Table,
    telemetry::{self, Event, emit},
    upstream::Answer,
};

/// Sends a call with the token of its app.
pub(super) async fn authorized(
    table: &Table,
    caller: Caller,
    request: Request,
    query: &str,
) -> Result<Response, Problem> {
    let call = Call::new(caller, &request);
    let (request, progress) = call.outgoing(request, query)?;
    // The token that the call goes out with is to be hidden, though there may be others when the answer comes.
    let hidden = call.hidden();
    let answer = in_time(&progress, table.upstream.send(&call.caller.id, request)).await;
    call.hand_on(answer, hidden).await
}

/// Sends a call as it is.
pub(super) async fn bare(
    table: &Table,
    caller: Caller,
    request: Request,
    query: &str,
) -> Result<Response, Problem> {
    let call = Call::new(caller, &request);
    let (request, progress) = call.outgoing(request, query)?;
    let answer = in_time(&progress, table.upstream.send_bare(request)).await;
    call.hand_on(answer, Vec::new()).await
}

/// The answer, unless the call stands still for too long.
async fn in_time(
    progress: &Progress,
    answer: impl Future<Output = Result<Answer, tower_wechat::Error>>,
) -> Result<Answer, Problem> {
    select! {
        biased;
        answer = answer => answer.map_err(|error| failed(&error)),
        waits_for_client = progress.stalled(LONGEST_PAUSE) => {
            Err(if waits_for_client { Problem::too_slow() } else { Problem::answer_too_late() })
        }
    }
}

fn failed(error: &tower_wechat::Error) -> Problem {
    if let Some(error) = error.downcast_ref::<TokenError>() {
        return Problem::no_token_for_call(error);
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect) {
            return Problem::unreachable();
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user) {
            return Problem::bad_request("the body broke off, or is no sound chunked one");
        }
        cause = error.source();
    }
    emit(Event::NoAnswer { error });
    if error.kind() == tower_wechat::ErrorKind::Uri { Problem::too_long() } else { Problem::no_answer() }
}

/// A call, and who makes it.
struct Call {
    caller: Caller,
    method: Method,
    path: String,
}

impl Call {
    fn new(caller: Caller, request: &Request) -> Self {
        Self { caller, method: request.method().clone(), path: request.uri().path().to_owned() }
    }

    /// The request as the platform gets it.
    fn outgoing(
        &self,
        request: Request,
        query: &str,
    ) -> Result<(http::Request<Upload>, Arc<Progress>), Problem> {
        let progress = Arc::<Progress>::default();
        let (mut head, body) = request.into_parts();
        head.uri =
            self.caller.app.base.with(&self.path, query).ok_or_else(|| self.refused(Problem::too_long()))?;
        head.version = Version::HTTP_11;
        head.extensions.clear();
        headers::to_platform(&mut head.headers, &self.path);
        Ok((http::Request::from_parts(head, Upload::new(body, progress.clone())), progress))
    }

    /// What the caller must not see: the app's secret, and its tokens unless it may have them.
    fn hidden(&self) -> Vec<Needle> {
        let app = &self.caller.app;
        let tokens = if self.may_have_token() { Vec::new() } else { app.recent().needles() };
        tokens.into_iter().chain(app.find_secret()).collect()
    }

    /// Whether the answer tells of other calls, with tokens that this hub may not know.
    fn quotes_other_calls(&self) -> bool {
        self.path == "/cgi-bin/openapi/rid/get" && !self.may_have_token()
    }

    fn may_have_token(&self) -> bool {
        self.caller.known.as_ref().is_none_or(|known| known.client.rights.contains(&Right::Token))
    }

    fn refused(&self, problem: Problem) -> Problem {
        match &self.caller.known {
            Some(known) => problem.for_client(known.name()),
            None => problem,
        }
    }

    /// The answer as the client gets it.
    async fn hand_on(
        self,
        answer: Result<Answer, Problem>,
        mut hidden: Vec<Needle>,
    ) -> Result<Response, Problem> {
        let (mut head, body) = answer.map_err(|problem| self.refused(problem))?.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            // Nobody has asked for that.
            return Err(self.refused(Problem::no_answer()));
        }
        for needle in self.hidden() {
            if !hidden.iter().any(|other| Arc::ptr_eq(&needle, other)) {
                hidden.push(needle);
            }
        }
        if !hidden.is_empty() && headers::is_encoded(&head.headers) {
            return Err(self.refused(Problem::encoded()));
        }
        let outcome = Outcome::of(&head.extensions);
        let begun = download::begin(body).await.map_err(|problem| self.refused(problem))?;
        self.note(head.status, &outcome, &begun);
        head.extensions.clear();
        // Whichever the platform speaks (RFC 9110, 2.5).
        head.version = Version::HTTP_11;
        headers::to_client(&mut head.headers);
        let mask = Mask::new(hidden, self.quotes_other_calls());
        mask.headers(&mut head.headers);
        head.headers.insert(DONE, outcome.header());
        if self.method == Method::HEAD {
            // It says how long another answer would be.
            return Ok(Response::from_parts(head, Body::empty()));
        }
        // The body knows its own.
        head.headers.remove(CONTENT_LENGTH);
        Ok(Response::from_parts(head, begun.hidden_by(mask)))
    }

    /// Takes note of an answer.
    fn note(&self, status: StatusCode, outcome: &Outcome, begun: &Begun) {
        let Self { caller: Caller { known, id, .. }, path, .. } = self;
        match known {
            Some(known) => known.calls.count(outcome),
            None => Calls::of("").count(outcome),
        }
        let (client, app) = (known.as_ref().map(|known| known.name()), id.as_str());
        let status = status.as_u16();
        let call = telemetry::Call { client, app, path, outcome };
        emit(Event::Answered { call, status });
        if begun.is_whole()
            && let Some(error) = WeChatError::parse(&begun.start)
        {
            emit(Event::CallRefused { call, error: &error });
        }
    }
}
