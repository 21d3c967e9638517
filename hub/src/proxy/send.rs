//! Sends a call to the platform, and hands its answer on.

use std::{error::Error as StdError, future::Future, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{Version, header::CONTENT_LENGTH};
use hyper_util::client::legacy;
use tokio::select;
use tower_wechat::{TokenError, WeChatError};

use super::{
    caller::Caller,
    download::Download,
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
    upstream::Answer,
};

/// The longest that a call may stand still, in either direction.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sends a call with the token of its app.
pub(super) async fn authorized(
    table: &Table,
    caller: Caller,
    request: Request,
    query: &str,
) -> Result<Response, Problem> {
    let call = Call::new(caller, &request);
    let (request, progress) = call.outgoing(request, query)?;
    let before = call.hidden();
    let answer = in_time(&progress, table.upstream.send(&call.caller.id, request)).await;
    let answer = answer.map_err(|problem| call.refused(problem))?;
    // There is another token if the first was rejected, and perhaps a third.
    let mut hidden = call.hidden();
    hidden.extend(
        before
            .into_iter()
            .filter(|needle| !hidden.iter().any(|other| Arc::ptr_eq(needle, other)))
            .collect::<Vec<_>>(),
    );
    Ok(call.hand_on(answer, hidden))
}

/// Sends a call as it is.
pub(super) async fn bare(
    table: &Table,
    caller: Caller,
    request: Request,
    query: &str,
    hidden: Vec<Needle>,
) -> Result<Response, Problem> {
    let call = Call::new(caller, &request);
    let (request, progress) = call.outgoing(request, query)?;
    let answer = in_time(&progress, table.upstream.send_bare(request)).await;
    let answer = answer.map_err(|problem| call.refused(problem))?;
    Ok(call.hand_on(answer, hidden))
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
        cause = error.source();
    }
    tracing::debug!(target: "wechat_hub", %error, "a call had no answer");
    if error.kind() == tower_wechat::ErrorKind::Uri { Problem::too_long() } else { Problem::no_answer() }
}

/// A call, and who makes it.
struct Call {
    caller: Caller,
    path: String,
}

impl Call {
    fn new(caller: Caller, request: &Request) -> Self {
        Self { caller, path: request.uri().path().to_owned() }
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
        headers::to_platform(&mut head.headers);
        Ok((http::Request::from_parts(head, Upload::new(body, progress.clone())), progress))
    }

    /// The app's tokens, unless the caller may see them.
    fn hidden(&self) -> Vec<Needle> {
        let known = self.caller.known.as_ref();
        let may_see = known.is_none_or(|known| known.client.rights.contains(&Right::Token));
        if may_see { Vec::new() } else { self.caller.app.recent().needles() }
    }

    fn refused(&self, problem: Problem) -> Problem {
        match &self.caller.known {
            Some(known) => problem.for_client(known.name()),
            None => problem,
        }
    }

    /// The answer as the client gets it.
    fn hand_on(self, answer: Answer, hidden: Vec<Needle>) -> Response {
        let mask = Mask::new(hidden);
        let (mut head, body) = answer.into_parts();
        let outcome = Outcome::of(&head.extensions);
        head.extensions.clear();
        // Whichever the platform speaks (RFC 9110, 2.5).
        head.version = Version::HTTP_11;
        headers::to_client(&mut head.headers);
        mask.headers(&mut head.headers);
        head.headers.insert(DONE, outcome.header());
        let Self { caller: Caller { known, id, .. }, path } = self;
        match &known {
            Some(known) => known.calls.count(&outcome),
            None => Calls::of("").count(&outcome),
        }
        tracing::debug!(
            target: "wechat_hub",
            client = known.as_ref().map(|known| known.name()),
            app = id.as_str(),
            path,
            status = head.status.as_u16(),
            %outcome,
            "a call was answered",
        );
        let on_error = move |error: &WeChatError| {
            tracing::info!(
                target: "wechat_hub",
                client = known.as_ref().map(|known| known.name()),
                app = id.as_str(),
                path,
                errcode = error.errcode(),
                rid = error.rid(),
                hint = error.hint(),
                %outcome,
                "WeChat has refused a call",
            );
        };
        let body = Download::new(body, mask, LONGEST_PAUSE, on_error);
        // An answer to HEAD says how long another one would be.
        if !http_body::Body::is_end_stream(&body) {
            head.headers.remove(CONTENT_LENGTH);
        }
        Response::from_parts(head, Body::new(body))
    }
}
