//! What a token endpoint's answer means.
//!
//! The platform's own text is never handed on: it may quote the app id, the secret or a token. What people need from it
//! is kept (code, `rid`, the address that was refused); what to do next is said in words of our own, by code
//! (<https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html>,
//! <https://developer.work.weixin.qq.com/document/path/90313>).

mod refusal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use self::refusal::refusal;
use super::Minted;
use crate::{error::TokenError, rid::rid};

/// Reads the answer to a mint. Any status and any bytes will do; it does not panic.
pub(crate) fn parse(status: StatusCode, body: &[u8]) -> Result<Minted, TokenError> {
    let answer: Option<Map<String, Value>> = read(body);
    let errcode = answer.as_ref().and_then(|answer| errcode(answer.get("errcode")?));
    if let Some(error) = refused(status, errcode, answer.as_ref()) {
        return Err(error);
    }
    let Some(answer) = answer else {
        return Err(TokenError::transient(if body.iter().all(u8::is_ascii_whitespace) {
            "the token endpoint's answer is empty"
        } else {
            "the token endpoint's answer is no JSON object: it was cut off, or something else answers there"
        }));
    };
    let Some(token) = answer.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty())
    else {
        return Err(TokenError::transient(
            "the token endpoint's answer has neither an access_token nor an errcode",
        ));
    };
    if token.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err(TokenError::transient(
            "the token endpoint's answer has an access_token that was damaged on its way",
        ));
    }
    let Some(life) = answer.get("expires_in").and_then(positive) else {
        return Err(TokenError::transient(
            "the token endpoint's answer has an access_token but no usable expires_in: it is missing, zero, negative, \
             no whole number or beyond all bounds",
        ));
    };
    Ok(Minted::new(token, Duration::from_secs(life)))
}

/// The answer, which is to be a JSON object. Read leniently, for the platform is known to put raw control characters and bad UTF-8
/// into strings.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok().or_else(|| {
        let text: String = String::from_utf8_lossy(body)
            .trim_matches(|c: char| c <= ' ' || c == '\u{feff}')
            .chars()
            .map(|c| match c {
                '\t' | '\n' | '\r' => ' ',
                c if c.is_ascii_control() => char::REPLACEMENT_CHARACTER,
                c => c,
            })
            .collect();
        serde_json::from_str(&text).ok()
    })
}

/// The code, a number or a string that holds one, unless it is zero.
pub(crate) fn errcode(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|code| *code != 0)
}

fn positive(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| *number > 0)
}

/// The error that status and code make, if they make one.
fn refused(
    status: StatusCode,
    errcode: Option<i64>,
    answer: Option<&Map<String, Value>>,
) -> Option<TokenError> {
    let number = status.as_u16();
    let errmsg = answer.and_then(|answer| answer.get("errmsg")?.as_str()).unwrap_or_default();
    let error = if status.is_server_error() {
        TokenError::transient(format!("the token endpoint, or what is before it, failed with HTTP {number}"))
    } else if let Some(errcode) = errcode {
        refusal(errcode, errmsg)
    } else if status.is_success() {
        return None;
    } else if status.is_redirection() {
        TokenError::permanent(format!(
            "the token endpoint answered with a redirect (HTTP {number}), which is not followed: the base URL must be \
             that of the endpoint itself"
        ))
    } else if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) {
        TokenError::transient(format!("the token endpoint put the call off with HTTP {number}"))
    } else {
        TokenError::permanent(format!(
            "the token endpoint refused the call with HTTP {number}: the base URL may be wrong, or a proxy is in the way"
        ))
    };
    let error = match errcode {
        Some(errcode) => error.with_errcode(errcode),
        None => error,
    };
    Some(match rid(errmsg) {
        Some(rid) => error.with_rid(rid),
        None => error,
    })
}
