//! Everything that is no token endpoint: APIs that want a token.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header, request::Parts};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use crate::{
    answer::{Answer, Reply},
    body::FakeBody,
    faults::Fault,
    log::{BodySum, Seen},
    query,
    server::HangUp,
    state::{Early, State},
    tokens::Verdict,
};

const MEDIA_GET: &str = "/cgi-bin/media/get";
const MEDIA_UPLOAD: &str = "/cgi-bin/media/upload";
const WXA_CODE: &str = "/wxa/getwxacodeunlimit";

/// Paths where the app's token has no business: they are authorised by a secret, a ticket, a key, or a user's own token.
/// One that ends in `/` stands for everything below it.
const NO_TOKEN: [&str; 9] = [
    "/sns/",
    "/cgi-bin/webhook/",
    "/cgi-bin/clear_quota/v2",
    "/cgi-bin/component/api_component_token",
    "/cgi-bin/component/api_start_push_ticket",
    "/cgi-bin/component/clear_quota/v2",
    "/cgi-bin/service/get_suite_token",
    "/cgi-bin/service/get_provider_token",
    "/cgi-bin/openhw/get_model_token",
];

/// A one-pixel JPEG would do for a program and show nothing; this is only a JPEG's beginning and end.
const PICTURE: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9";

pub(crate) async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Result<Reply, HangUp> {
    let (parts, body) = request.into_parts();
    let number = state.lock().log.push(Seen::new(&parts));
    let verdict = judge(state, &parts);
    state.lock().log.update(number, |seen| {
        seen.generation = verdict.generation;
        seen.account.clone_from(&verdict.account);
    });
    let fault = state.api_gate.enter().await;
    let reply = respond(state, &parts, body, number, fault).await?;
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
    let verdict = judge(state, parts);
    if let Some(fault) = &fault
        && let Some(struck) = fault.strike(verdict.is_corp).await
    {
        return struck;
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
                let read = read(&mut body).await;
                state.lock().log.update(number, |seen| read.write_to(seen));
            });
        }
        None => {
            let read = read(&mut body).await;
            let (len, sha256) = (read.len, read.hex());
            state.lock().log.update(number, |seen| read.write_to(seen));
            if !rejected {
                return spoil(fault, succeed(state, parts, len, &sha256, verdict.is_corp));
            }
        }
    }
    let reply = match manner.rejection {
        Some(answer) if verdict.errcode != 0 => answer.into(),
        _ => Reply::error(errcode, verdict.is_corp),
    };
    // Errors of the media APIs call themselves text, to this day.
    let reply = if parts.uri.path().starts_with("/cgi-bin/media/") {
        reply.with_content_type("text/plain")
    } else {
        reply
    };
    spoil(fault, reply)
}

fn spoil(fault: Option<Fault>, reply: Reply) -> Result<Reply, HangUp> {
    match fault {
        Some(fault) => fault.spoil(reply),
        None => Ok(reply),
    }
}

fn judge(state: &State, parts: &Parts) -> Verdict {
    let token = query::token(parts.uri.query().unwrap_or_default()).unwrap_or_default();
    let mut verdict = state.tokens(|tokens, now| tokens.judge(&token, now));
    let path = parts.uri.path();
    if asks_for_none(path) || state.lock().answers.get(path).is_some_and(|scripted| scripted.open) {
        verdict.errcode = 0;
    } else if token.is_empty() {
        verdict.errcode = 41001;
    }
    verdict
}

fn asks_for_none(path: &str) -> bool {
    NO_TOKEN.iter().any(|open| path == *open || open.ends_with('/') && path.starts_with(open))
}

fn succeed(state: &State, parts: &Parts, len: u64, sha256: &str, is_corp: bool) -> Reply {
    let path = parts.uri.path();
    let inner = state.lock();
    if let Some(scripted) = inner.answers.get(path) {
        return scripted.answer.clone().into();
    }
    let query = parts.uri.query().unwrap_or_default();
    match path {
        MEDIA_GET => {
            let size = query::get(query, "size").and_then(|size| size.parse().ok());
            let body = FakeBody::media(size.unwrap_or(inner.manner.media_size));
            Reply::new("image/jpeg", body).with_header(
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment; filename=\"MEDIA_ID.jpg\""),
            )
        }
        MEDIA_UPLOAD => {
            let kind = query::get(query, "type").unwrap_or("image".into());
            let created_at = state.clock.unix_seconds();
            let uploaded = json!({ "type": kind, "media_id": sha256, "created_at": created_at });
            Reply::json(&uploaded, is_corp).with_content_type("text/plain")
        }
        WXA_CODE => Reply::new("image/jpeg", FakeBody::chunks([Bytes::from_static(PICTURE)])),
        _ => {
            let echo =
                json!({ "errcode": 0, "errmsg": "ok", "path": path, "received": len, "sha256": sha256 });
            Reply::json(&echo, is_corp)
        }
    }
}

async fn read(body: &mut Incoming) -> BodySum {
    let mut sum = BodySum::default();
    // Once the answer is out, the server announces no end before the next request: the length alone tells.
    while !body.is_end_stream() {
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Some(chunk) = frame.data_ref() {
                    sum.add(chunk);
                }
            }
            Some(Err(_)) => return sum,
            None => break,
        }
    }
    sum.complete = true;
    sum
}

/// Whether there is a body whose length is not announced.
pub(crate) fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
}

/// What WeChat's front servers say to a chunked body.
pub(crate) fn precondition_failed() -> Reply {
    Answer::default().status(StatusCode::PRECONDITION_FAILED).into()
}
