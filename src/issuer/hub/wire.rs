//! What a hub's answer means: a token, or the error in it.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde_json::{Map, Value};

use super::problem;
use crate::error::TokenError;

/// The longest token. WeChat asks to reserve 512 characters.
const LONGEST_TOKEN: usize = 4096;

/// A token that the hub has told of.
pub(crate) struct Told {
    pub(crate) text: String,
    /// What was left of its life when the hub answered.
    pub(crate) life: Duration,
    /// The hub's.
    pub(crate) generation: u64,
}

/// What is known of a question when its answer is read.
pub(crate) struct Asked<'a> {
    /// Whom it went to, for people.
    pub(crate) server: &'a str,
    /// The family of accounts that a token is expected of.
    pub(crate) platform: &'a str,
    /// What must not be shown, whoever quotes it.
    pub(crate) secrets: &'a [&'a str],
}

/// Reads an answer. Any status, headers and bytes will do; it does not panic.
pub(crate) fn read(
    asked: &Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Told, TokenError> {
    let json = || serde_json::from_slice::<Map<String, Value>>(body).ok();
    if status != StatusCode::OK {
        return Err(problem::error(asked, status, retry_after(headers), &json().unwrap_or_default()));
    }
    let server = asked.server;
    let Some(json) = json() else {
        let length = body.len();
        return Err(TokenError::transient(format!(
            "the answer of {server} is no JSON object but {length} bytes of something else: it was cut off, or something \
             else answers there"
        )));
    };
    let wrong = |what: &str| {
        TokenError::transient(format!("the answer of {server} {what}: something else may answer there"))
    };
    let platform = json.get("platform").and_then(Value::as_str);
    let platform = platform.ok_or_else(|| wrong("does not say which platform the token is of"))?;
    if platform != asked.platform {
        return Err(mismatch(asked, platform));
    }
    let text = json.get("access_token").and_then(Value::as_str);
    let text = text.ok_or_else(|| wrong("has no access_token that is a text"))?;
    if text.trim().is_empty() || text.len() > LONGEST_TOKEN {
        return Err(wrong(&format!(
            "has an access_token of {} bytes, where 1 to {LONGEST_TOKEN} are possible",
            text.len()
        )));
    }
    if text.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err(wrong("has an access_token that was damaged on its way"));
    }
    let life = json.get("expires_in").and_then(Value::as_u64).filter(|life| *life > 0);
    let life = life.ok_or_else(|| {
        wrong("has no usable expires_in: it is missing, zero, negative or no whole number of seconds")
    })?;
    let generation = json.get("generation").and_then(Value::as_u64);
    let generation = generation.ok_or_else(|| wrong("has no generation that is a whole number"))?;
    Ok(Told { text: text.to_owned(), life: Duration::from_secs(life), generation })
}

fn mismatch(asked: &Asked<'_>, platform: &str) -> TokenError {
    let is_family = ["wechat", "wecom", "component", "suite", "provider"].contains(&platform);
    let (server, expected) = (asked.server, asked.platform);
    TokenError::permanent(if is_family {
        format!(
            "{server} has a token of the platform `{platform}` for this app, and one of `{expected}` was expected: call \
             `with_platform(Platform::{platform}())`"
        )
    } else {
        format!(
            "{server} has a token of a platform for this app that this version does not know, and one of `{expected}` was \
             expected: give `with_platform` the right one, or take a newer version"
        )
    })
}

/// The header's, in seconds. A date in it is no use to anybody whose clock is wrong.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
