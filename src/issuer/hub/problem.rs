//! What a hub refuses, and what to do about it.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};

use super::wire::Asked;
use crate::{error::TokenError, issuer::answer::errcode};

/// Characters of the hub's own text that are shown.
const LONGEST_DETAIL: usize = 200;
/// A word that is longer may be a token or a secret of whomever, and is not shown.
const LONGEST_WORD: usize = 48;
/// No refusal is for ever, whatever it asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The error that a status other than 200 makes. `problem` is the answer's `application/problem+json`; empty if it has none.
pub(super) fn error(
    asked: &Asked<'_>,
    status: StatusCode,
    retry_after: Option<u64>,
    problem: &Map<String, Value>,
) -> TokenError {
    let (server, number) = (asked.server, status.as_u16());
    let (what, remedy, is_transient) = explain(status);
    let mut message = format!("{server} {what} (HTTP {number})");
    if let Some(detail) = detail(asked, problem) {
        message = format!("{message}: {detail}");
    }
    if !remedy.is_empty() {
        message = format!("{message}; {remedy}");
    }
    let mut error =
        if is_transient { TokenError::transient(message) } else { TokenError::permanent(message) };
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        error = error.of_this_host();
    }
    if let Some(code) = problem.get("errcode").and_then(errcode) {
        error = error.with_errcode(code);
    }
    if let Some(rid) = problem.get("rid").and_then(Value::as_str).and_then(|rid| shown(asked, rid)) {
        error = error.with_rid(rid);
    }
    if let Some(hint) = problem.get("hint").and_then(Value::as_str).and_then(|hint| shown(asked, hint)) {
        error = error.with_hint(hint);
    }
    match retry_after.or_else(|| seconds(problem.get("retry_after")?)) {
        Some(wait) => error.with_retry_after(Duration::from_secs(wait).min(LONGEST_PAUSE)),
        None => error,
    }
}

/// What a status means, what to do, and whether it may be gone by itself.
fn explain(status: StatusCode) -> (&'static str, &'static str, bool) {
    match status {
        StatusCode::BAD_REQUEST => {
            ("does not understand the question", "hub and client may be of different versions", false)
        }
        StatusCode::UNAUTHORIZED => {
            ("does not know this client secret", "check the client secret that was given here", false)
        }
        StatusCode::FORBIDDEN => (
            "does not allow this client that",
            "give it the rights `token` and `refresh` in the hub's configuration",
            false,
        ),
        StatusCode::NOT_FOUND => (
            "has no such app for this client",
            "check the app id here, and the client's apps in the hub's configuration; a URL needs the hub's path prefix if \
             it has one",
            false,
        ),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => (
            "cannot be asked, for the proxy before it wants a user and a password",
            "they may stand in the proxy's URL (`HTTPS_PROXY`)",
            false,
        ),
        StatusCode::REQUEST_TIMEOUT => ("did not get the question in time", "", true),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "finds the question too large",
            "look at `body_bytes` and `header_bytes` among the limits of its configuration",
            false,
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "is asked too often by this client",
            "raise the client's `rate` in the hub's configuration, or find out what asks so often",
            true,
        ),
        StatusCode::SERVICE_UNAVAILABLE => ("has no token at the moment", "", true),
        _ if status.is_server_error() => {
            ("failed, or what is before it did", "look at the log of either", true)
        }
        _ if status.is_redirection() => (
            "answered with a redirect, which is not followed",
            "its URL must be that of the hub itself",
            false,
        ),
        _ if status.is_client_error() => {
            ("refused the question", "the URL may be wrong, or a proxy is in the way", false)
        }
        _ => ("answered with a status that no hub answers with", "something else may answer there", true),
    }
}

fn detail(asked: &Asked<'_>, problem: &Map<String, Value>) -> Option<String> {
    ["detail", "title"].into_iter().find_map(|key| shown(asked, problem.get(key)?.as_str()?))
}

/// What may be shown of a text of the hub's. None where it quotes what is secret, or nothing is left.
fn shown(asked: &Asked<'_>, text: &str) -> Option<String> {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let joined: String = text.chars().filter(|c| !c.is_control()).collect();
    let quotes = |secret: &&str| !secret.is_empty() && (clean.contains(*secret) || joined.contains(*secret));
    if asked.secrets.iter().any(quotes) {
        return None;
    }
    let words = clean.split_whitespace().map(|word| if word.len() > LONGEST_WORD { "…" } else { word });
    let text: String = words.collect::<Vec<_>>().join(" ").chars().take(LONGEST_DETAIL).collect();
    (!text.is_empty()).then_some(text)
}

/// Whole seconds, rounded up.
fn seconds(value: &Value) -> Option<u64> {
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
    // What is beyond the bounds of the pause does not matter.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(seconds.ceil().min(1e9) as u64)
}
