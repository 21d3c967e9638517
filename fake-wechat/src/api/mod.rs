//! Everything that is no token endpoint: APIs that want a token.

mod call;
mod media;
mod quota;
mod sns;
mod tickets;
mod token;
mod users;

use std::sync::Arc;

use http::{HeaderMap, Request, StatusCode, header, request::Parts};
use hyper::body::Incoming;

use self::call::Call;
use crate::{
    answer::Answer,
    faults::Fault,
    log::Seen,
    paths,
    received::Received,
    reply::Reply,
    server::HangUp,
    state::{Early, State},
};

pub(crate) async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Result<Reply, HangUp> {
    let (parts, body) = request.into_parts();
    let number = state.lock().log.push(Seen::new(&parts));
    let verdict = token::judge(state, &parts);
    state.lock().log.update(number, |seen| {
        seen.generation = verdict.generation;
        seen.account.clone_from(&verdict.account);
    });
    let fault = state.api_gate.enter().await;
    let reply = respond(state, &parts, body, number, fault).await?;
    state.api_gate.answered(reply.errcode);
    state.lock().log.update(number, |seen| {
        seen.status = Some(reply.response.status());
        seen.errcode = reply.errcode;
    });
    Ok(reply)
}

async fn respond(
    state: &Arc<State>,
    parts: &Parts,
    mut body: Incoming,
    number: u64,
    fault: Option<Fault>,
) -> Result<Reply, HangUp> {
    // Again, after the gate: a token may have died while the request waited there.
    let verdict = token::judge(state, parts);
    if let Some(fault) = &fault
        && let Some(struck) = fault.strike(verdict.is_corp).await
    {
        let reply = struck?;
        // A client that is still sending could miss the answer, for the connection ends with it.
        let received = Received::read(&mut body).await;
        state.lock().log.update(number, |seen| seen.arrived(&received));
        return Ok(as_its_path_fails(reply, parts));
    }
    if is_chunked(&parts.headers) {
        return Ok(precondition_failed());
    }
    let manner = state.lock().manner.clone();
    let errcode = manner.reject_all.unwrap_or(verdict.errcode);
    let rejected = errcode != 0;
    match manner.early.filter(|_| rejected) {
        Some(Early::Close) => drop(body),
        Some(Early::Drain) => {
            // Ends with its connection: the body fails as soon as that is gone.
            let state = state.clone();
            tokio::spawn(async move {
                let received = Received::read(&mut body).await;
                state.lock().log.update(number, |seen| seen.arrived(&received));
            });
        }
        None => {
            let received = Received::read(&mut body).await;
            state.lock().log.update(number, |seen| seen.arrived(&received));
            if !rejected {
                let call = Call { state, parts, received: &received, verdict: &verdict };
                return spoil(fault, as_its_path_fails(call.answer(), parts));
            }
        }
    }
    let reply = match manner.rejection {
        Some(answer) if verdict.errcode != 0 => answer.into(),
        _ => Reply::error(errcode, verdict.is_corp),
    };
    spoil(fault, as_its_path_fails(reply, parts))
}

/// Some APIs call their errors text, to this day.
fn as_its_path_fails(reply: Reply, parts: &Parts) -> Reply {
    let is_error = reply.errcode.is_some_and(|errcode| errcode != 0);
    if is_error && paths::fails_as_text(parts.uri.path()) {
        reply.with_content_type("text/plain")
    } else {
        reply
    }
}

fn spoil(fault: Option<Fault>, reply: Reply) -> Result<Reply, HangUp> {
    match fault {
        Some(fault) => fault.spoil(reply),
        None => Ok(reply),
    }
}

/// Whether there is a body whose length is not announced.
pub(crate) fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
}

/// What WeChat's front servers say to a chunked body.
pub(crate) fn precondition_failed() -> Reply {
    Answer::default().status(StatusCode::PRECONDITION_FAILED).into()
}
