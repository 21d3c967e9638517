//! What a token endpoint's answer means.
//!
//! The platform's own text is never handed on: it may quote the app id, the secret or a token. What people need from it
//! is kept (code, `rid`, `hint`, the address that was refused); what to do next is said in words of our own, by code
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
use crate::{
    error::TokenError,
    platform::{Codes, Platform},
    rid::{hint, rid},
};

impl TokenError {
    /// The error in a token endpoint's answer, if it is one: the very same that the built-in issuers make of it, with the
    /// code, `rid`, `hint`, what to do, and whether and when to ask again.
    ///
    /// For writers of an [`Issuer`](crate::issuer::Issuer): a third-party platform's, an authorised account's, a suite's.
    /// `platform` says whose codes they are: 45009 means a day at WeChat, and a minute or an hour at WeCom.
    ///
    /// It is `None` where the answer is a success: a status of 2xx, and a JSON object without an `errcode` other than 0.
    /// The token is to be read from that. Nothing of the answer's own text is in the error, which may quote a secret.
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_wechat::{Platform, TokenError};
    ///
    /// let platform = Platform::component();
    /// let answer = br#"{
    ///     "errcode": 61004,
    ///     "errmsg": "access clientip is not registered requestIP: 1.2.3.4"
    /// }"#;
    /// let error = TokenError::from_answer(StatusCode::OK, answer, &platform).unwrap();
    /// assert_eq!(error.errcode(), Some(61004));
    /// assert!(error.to_string().contains("1.2.3.4 is not on the app's IP allow"));
    ///
    /// let answer = br#"{"component_access_token":"a-token","expires_in":7200}"#;
    /// assert!(TokenError::from_answer(StatusCode::OK, answer, &platform).is_none());
    /// ```
    #[must_use]
    pub fn from_answer(status: StatusCode, body: &[u8], platform: &Platform) -> Option<Self> {
        success(status, body, platform.codes()).err()
    }
}

/// Reads the answer to a mint. Any status and any bytes will do; it does not panic.
pub(crate) fn parse(status: StatusCode, body: &[u8], codes: Codes) -> Result<Minted, TokenError> {
    let answer = success(status, body, codes)?;
    let Some(token) = answer.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty())
    else {
        return Err(TokenError::transient(
            "the token endpoint's answer has neither an access_token nor an errcode: something else may answer there",
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

/// The answer, if neither its status nor its code is an error.
fn success(status: StatusCode, body: &[u8], codes: Codes) -> Result<Map<String, Value>, TokenError> {
    let answer: Option<Map<String, Value>> = read(body);
    let errcode = answer.as_ref().and_then(|answer| errcode(answer.get("errcode")?));
    if let Some(error) = refused(status, errcode, answer.as_ref(), codes) {
        return Err(error);
    }
    answer.ok_or_else(|| {
        TokenError::transient(if body.iter().all(u8::is_ascii_whitespace) {
            "the token endpoint's answer is empty: it was cut off, or the app id or the secret is made up"
        } else {
            "the token endpoint's answer is no JSON object: it was cut off, or something else answers there"
        })
    })
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
    codes: Codes,
) -> Option<TokenError> {
    let number = status.as_u16();
    let errmsg = answer.and_then(|answer| answer.get("errmsg")?.as_str()).unwrap_or_default();
    let mut error = if status.is_server_error() {
        TokenError::transient(format!(
            "the token endpoint, or what is before it, failed with HTTP {number}; it is asked again by itself"
        ))
    } else if let Some(errcode) = errcode {
        refusal(codes, errcode, errmsg)
    } else if status.is_success() {
        return None;
    } else if status.is_redirection() {
        TokenError::permanent(format!(
            "the token endpoint answered with a redirect (HTTP {number}), which is not followed: the base URL must be \
             that of the endpoint itself"
        ))
    } else if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) {
        TokenError::transient(format!(
            "the token endpoint put the call off with HTTP {number}; it is asked again by itself"
        ))
    } else if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        TokenError::permanent(
            "the proxy before the token endpoint refused the call with HTTP 407: it wants a user and a password, which may stand \
             in the proxy's URL (`HTTPS_PROXY`)",
        )
        .of_this_host()
    } else {
        TokenError::permanent(format!(
            "the token endpoint refused the call with HTTP {number}: the base URL may be wrong, or a proxy is in the way"
        ))
    };
    if let Some(errcode) = errcode {
        error = error.with_errcode(errcode);
    }
    if let Some(rid) = rid(errmsg) {
        error = error.with_rid(rid);
    }
    if let Some(hint) = hint(errmsg) {
        error = error.with_hint(hint);
    }
    Some(error)
}
