//! What a token endpoint's answer means.
//!
//! The platform's own text is never handed on: it may quote the app id, the secret or a token. What people need from it
//! is kept (code, `rid`, the address that was refused); what to do next is said in words of our own, by code
//! (<https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html>,
//! <https://developer.work.weixin.qq.com/document/path/90313>).

use std::{borrow::Cow, net::IpAddr, time::Duration};

use http::StatusCode;
use serde_json::{Map, Value};

use super::Minted;
use crate::error::TokenError;

/// Until the limit of a minute has passed.
const NEXT_MINUTE: Duration = Duration::from_secs(60);
/// The limit of a day will not have passed by then, but somebody may have reset it.
const QUOTA_PAUSE: Duration = Duration::from_secs(600);

/// Whether asking again can help.
enum Again {
    /// Soon.
    Soon,
    /// After a pause, by itself.
    After(Duration),
    /// Not by itself.
    No,
    /// Not by itself, and not before a pause.
    NotBefore(Duration),
}

/// Reads the answer to a mint. Any status and any bytes will do; it does not panic.
pub(crate) fn parse(status: StatusCode, body: &[u8]) -> Result<Minted, TokenError> {
    let answer = read(body);
    let errcode = answer
        .as_ref()
        .and_then(|answer| signed(answer.get("errcode")?))
        .filter(|code| *code != 0);
    if let Some(error) = refused(status, errcode, answer.as_ref()) {
        return Err(error);
    }
    let Some(answer) = answer else {
        return Err(TokenError::transient(
            if body.iter().all(u8::is_ascii_whitespace) {
                "the token endpoint's answer is empty"
            } else {
                "the token endpoint's answer is no JSON object: it was cut off, or something else answers there"
            },
        ));
    };
    let Some(token) = answer
        .get("access_token")
        .and_then(Value::as_str)
        .filter(|token| !token.is_empty())
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

/// The answer as a JSON object. Read leniently, for the platform is known to put raw control characters and bad UTF-8
/// into strings.
fn read(body: &[u8]) -> Option<Map<String, Value>> {
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

fn signed(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn positive(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())
        .filter(|number| *number > 0)
}

/// The error that status and code make, if they make one.
fn refused(
    status: StatusCode,
    errcode: Option<i64>,
    answer: Option<&Map<String, Value>>,
) -> Option<TokenError> {
    let number = status.as_u16();
    let errmsg = answer
        .and_then(|answer| answer.get("errmsg")?.as_str())
        .unwrap_or_default();
    let error = if status.is_server_error() {
        TokenError::transient(format!(
            "the token endpoint, or what is before it, failed with HTTP {number}"
        ))
    } else if let Some(errcode) = errcode {
        refusal(errcode, errmsg)
    } else if status.is_success() {
        return None;
    } else if status.is_redirection() {
        TokenError::permanent(format!(
            "the token endpoint answered with a redirect (HTTP {number}), which is not followed: the base URL must be \
             that of the endpoint itself"
        ))
    } else if matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    ) {
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

/// What a code of the token endpoint means, and what to do.
fn refusal(errcode: i64, errmsg: &str) -> TokenError {
    let (message, again) = explain(errcode, errmsg);
    match again {
        Again::Soon => TokenError::transient(message),
        Again::After(pause) => TokenError::transient(message).with_retry_after(pause),
        Again::No => TokenError::permanent(message),
        Again::NotBefore(pause) => TokenError::permanent(message).with_retry_after(pause),
    }
}

fn explain(errcode: i64, errmsg: &str) -> (Cow<'static, str>, Again) {
    let (text, again) = match errcode {
        -1 => ("the platform is busy", Again::Soon),
        40001 | 40125 => (
            "the secret is wrong: compare it with the one in the platform's console, where somebody may have reset it",
            Again::No,
        ),
        40002 | 41002 | 41004 | 43002 => (
            "the token endpoint did not get the request as it was sent: look at what is between here and there, and at \
             the base URL",
            Again::No,
        ),
        40013 => (
            "the platform knows no such app id or corp id: check it, and that it belongs to this platform",
            Again::No,
        ),
        40091 => (
            "the corp secret is wrong or another corp's: take it from the app's page in the WeCom console",
            Again::No,
        ),
        40164 | 60020 => return (not_allowed(errmsg), Again::No),
        40243 => (
            "the app secret is frozen: its owner must unfreeze it in the platform's console",
            Again::No,
        ),
        45009 => (
            "the quota of token calls is used up: wait for the next day or reset it (/cgi-bin/clear_quota/v2), and find \
             out who else fetches tokens for this app",
            Again::NotBefore(QUOTA_PAUSE),
        ),
        45011 => ("too many token calls in this minute", Again::After(NEXT_MINUTE)),
        45033 => ("too many token calls at the same time", Again::Soon),
        50004 => (
            "this account is barred from the token endpoint: its owner finds the reason in the platform's console",
            Again::No,
        ),
        50007 => (
            "this account is frozen: its owner finds the reason in the platform's console",
            Again::No,
        ),
        61024 => (
            "this app belongs to a third-party platform: its token comes from /cgi-bin/component/api_component_token",
            Again::No,
        ),
        89501 => (
            "this machine's address waits for an administrator of the account to confirm it",
            Again::No,
        ),
        89503 => (
            "the call is held until an administrator of the account confirms it in WeChat: ask them to, then try again",
            Again::No,
        ),
        89506 => (
            "an administrator of the account refused this machine's address: it is blocked for 24 hours",
            Again::No,
        ),
        89507 => (
            "an administrator of the account refused this machine's address: it is blocked for an hour",
            Again::No,
        ),
        89500..=89599 => (
            "the platform holds the call to be risky: an administrator of the account must allow it",
            Again::No,
        ),
        _ => (
            "the token endpoint refused; look its code up in the platform's list of error codes",
            Again::No,
        ),
    };
    (Cow::Borrowed(text), again)
}

fn not_allowed(errmsg: &str) -> Cow<'static, str> {
    const ADVICE: &str = "is not on the app's IP allow-list: add it in the platform's console";
    match address(errmsg) {
        Some(address) => Cow::Owned(format!("this machine's address {address} {ADVICE}")),
        None => Cow::Owned(format!("this machine's address {ADVICE}")),
    }
}

/// The first IP address in a text like `invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist`.
fn address(errmsg: &str) -> Option<IpAddr> {
    errmsg
        .split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'))
        .find_map(|word| word.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}

/// The `rid: 654df33c-64386a2f-29857782` at the end of a text. Nothing else can look like that: no secret gets through.
fn rid(errmsg: &str) -> Option<&str> {
    errmsg.split("rid:").skip(1).find_map(|rest| {
        let rid = rest.trim_start().get(..26)?;
        let is_rid = rid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 17 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
        is_rid.then_some(rid)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RID: &str = "654df33c-64386a2f-29857782";

    fn ok(body: &[u8]) -> Result<Minted, TokenError> {
        parse(StatusCode::OK, body)
    }

    fn refusal_of(errcode: i64, errmsg: &str) -> TokenError {
        let body = serde_json::json!({ "errcode": errcode, "errmsg": errmsg });
        ok(body.to_string().as_bytes()).expect_err("a code other than 0")
    }

    #[test]
    fn tokens_are_read_in_every_shape_that_was_seen() {
        for (body, text, life) in [
            (
                &br#"{"access_token":"81_aB-c","expires_in":7200}"#[..],
                "81_aB-c",
                7200,
            ),
            (
                br#"{"errcode":0,"errmsg":"ok","access_token":"t","expires_in":7200}"#,
                "t",
                7200,
            ),
            (
                br#"{"errcode":"0","access_token":"t","expires_in":"345"}"#,
                "t",
                345,
            ),
            (br#"{"errcode":null,"access_token":"t","expires_in":1}"#, "t", 1),
            (
                b"\xef\xbb\xbf{\"access_token\":\"t\",\"expires_in\":300}\r\n\0",
                "t",
                300,
            ),
            (
                b"{\"access_token\":\"t\",\"errmsg\":\"o\x01k\n\xff\",\"expires_in\":300}",
                "t",
                300,
            ),
            (
                br#"{"access_token":"t","expires_in":18446744073709551615}"#,
                "t",
                u64::MAX,
            ),
        ] {
            let minted = ok(body).unwrap_or_else(|error| panic!("{error}: {}", body.escape_ascii()));
            assert_eq!(minted.text, text);
            assert_eq!(minted.expires_in, Duration::from_secs(life));
        }
    }

    #[test]
    fn nonsense_is_transient_and_says_what_is_wrong() {
        for (body, says) in [
            (&b""[..], "empty"),
            (b" \r\n", "empty"),
            (b"<html>", "no JSON object"),
            (b"[1]", "no JSON object"),
            (b"\"t\"", "no JSON object"),
            (br#"{"access_token":"SENTI"#, "cut off"),
            (br#"{"access_token":"SENTINEL","expires_in":7200"#, "cut off"),
            (b"{}", "neither"),
            (br#"{"errcode":0,"errmsg":"ok"}"#, "neither"),
            (br#"{"access_token":"","expires_in":7200}"#, "neither"),
            (br#"{"access_token":7,"expires_in":7200}"#, "neither"),
            (
                br#"{"access_token":"SENTINEL\u0000","expires_in":7200}"#,
                "damaged",
            ),
            (
                b"{\"access_token\":\"SENTINEL\xff\",\"expires_in\":7200}",
                "damaged",
            ),
            (
                b"{\"access_token\":\"SENTINEL\x02\",\"expires_in\":7200}",
                "damaged",
            ),
            (br#"{"access_token":"SENTINEL"}"#, "expires_in"),
            (br#"{"access_token":"SENTINEL","expires_in":0}"#, "expires_in"),
            (br#"{"access_token":"SENTINEL","expires_in":-7200}"#, "expires_in"),
            (br#"{"access_token":"SENTINEL","expires_in":1e30}"#, "expires_in"),
            (
                br#"{"access_token":"SENTINEL","expires_in":"soon"}"#,
                "expires_in",
            ),
            (br#"{"access_token":"SENTINEL","expires_in":null}"#, "expires_in"),
        ] {
            let error = ok(body).expect_err(says);
            assert!(error.is_transient(), "{error}");
            assert_eq!(error.errcode(), None);
            assert!(error.to_string().contains(says), "{says}: {error}");
            assert!(!format!("{error:?}{error}").contains("SENTI"), "{error:?}");
        }
    }

    #[test]
    fn every_code_has_its_class_and_its_words() {
        for (errcode, transient, pause, says) in [
            (-1, true, None, "busy"),
            (45011, true, Some(60), "in this minute"),
            (45033, true, None, "at the same time"),
            (45009, false, Some(600), "quota"),
            (40001, false, None, "secret is wrong"),
            (40125, false, None, "secret is wrong"),
            (40091, false, None, "corp secret"),
            (40002, false, None, "base URL"),
            (41002, false, None, "base URL"),
            (41004, false, None, "base URL"),
            (43002, false, None, "base URL"),
            (40013, false, None, "no such app id"),
            (40164, false, None, "IP allow-list"),
            (60020, false, None, "IP allow-list"),
            (40243, false, None, "frozen"),
            (50004, false, None, "barred"),
            (50007, false, None, "frozen"),
            (61024, false, None, "api_component_token"),
            (89501, false, None, "administrator"),
            (89503, false, None, "ask them to"),
            (89506, false, None, "24 hours"),
            (89507, false, None, "an hour"),
            (89599, false, None, "risky"),
            (47001, false, None, "list of error codes"),
            (i64::MIN, false, None, "list of error codes"),
        ] {
            let error = refusal_of(errcode, &format!("SENTINEL rid: {RID}"));
            assert_eq!(error.errcode(), Some(errcode));
            assert_eq!(error.rid(), Some(RID));
            assert_eq!(error.is_transient(), transient, "{error}");
            assert_eq!(error.retry_after(), pause.map(Duration::from_secs), "{error}");
            assert!(error.to_string().contains(says), "{says}: {error}");
            assert!(!format!("{error:?}{error}").contains("SENTINEL"), "{error:?}");
        }
    }

    #[test]
    fn a_code_beats_a_token_and_may_be_a_string() {
        let error = ok(br#"{"access_token":"t","expires_in":7200,"errcode":"40125"}"#).unwrap_err();
        assert_eq!(error.errcode(), Some(40125));
        let error = ok(b"{\"errcode\":40013,\"errmsg\":\"in\x03valid \xff appid\"}").unwrap_err();
        assert_eq!(error.errcode(), Some(40013));
    }

    #[test]
    fn the_refused_address_is_shown() {
        for (errmsg, shown) in [
            (
                "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist",
                "address 1.2.3.4 is",
            ),
            (
                "invalid ip ::ffff:10.1.2.3, not in whitelist",
                "address 10.1.2.3 is",
            ),
            (
                "not allow to access from your ip, from ip: 2001:db8::1, more",
                "address 2001:db8::1 is",
            ),
            ("invalid ip 1.2.3.444", "address is not"),
            ("", "address is not"),
        ] {
            for errcode in [40164, 60020] {
                let text = refusal_of(errcode, errmsg).to_string();
                assert!(text.contains(shown), "{shown}: {text}");
            }
        }
    }

    #[test]
    fn only_what_looks_like_a_rid_is_kept() {
        for (errmsg, rid) in [
            (format!("x rid:{RID}"), Some(RID)),
            (format!("rid: nothing rid: {RID} x"), Some(RID)),
            ("rid: 654df33c-64386a2f-2985778".to_owned(), None),
            ("rid: 654df33c064386a2f-29857782".to_owned(), None),
            ("rid: é54df33c-64386a2f-29857782".to_owned(), None),
            (RID.to_owned(), None),
        ] {
            assert_eq!(refusal_of(40013, &errmsg).rid(), rid, "{errmsg}");
        }
    }

    #[test]
    fn a_status_other_than_success_is_an_error_whatever_the_body() {
        let token = br#"{"access_token":"SENTINEL","expires_in":7200}"#;
        for (status, transient, says) in [
            (500, true, "HTTP 500"),
            (502, true, "HTTP 502"),
            (599, true, "HTTP 599"),
            (408, true, "HTTP 408"),
            (429, true, "HTTP 429"),
            (400, false, "HTTP 400"),
            (404, false, "HTTP 404"),
            (412, false, "HTTP 412"),
            (301, false, "redirect"),
            (302, false, "redirect"),
            (307, false, "redirect"),
            (100, false, "HTTP 100"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            for body in [&token[..], b"", b"<html>SENTINEL"] {
                let error = parse(status, body).expect_err(says);
                assert_eq!(error.is_transient(), transient, "{error}");
                assert!(error.to_string().contains(says), "{says}: {error}");
                assert!(!format!("{error:?}").contains("SENTINEL"));
            }
        }
        let busy = parse(StatusCode::BAD_GATEWAY, br#"{"errcode":40125}"#).unwrap_err();
        assert!(busy.is_transient());
        assert_eq!(busy.errcode(), Some(40125));
        let known = parse(StatusCode::FORBIDDEN, br#"{"errcode":40164}"#).unwrap_err();
        assert!(known.to_string().contains("allow-list"), "{known}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(status in 100_u16..1000, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(StatusCode::from_u16(status).unwrap(), &body);
        }

        #[test]
        fn no_error_echoes_the_answer(
            status in prop::sample::select(vec![200_u16, 302, 400, 429, 502]),
            errcode in prop_oneof![
                Just(0),
                prop::sample::select(vec![-1_i64, 40001, 40125, 40164, 60020, 45009, 45011, 61024, 89503]),
                any::<i64>(),
            ],
            life in prop_oneof![Just("0"), Just("\"SENTINEL\""), Just("7200")],
            junk in "[ :a-f0-9.,\u{1}\n-]{0,40}",
            cut in 0_usize..200,
        ) {
            let body = format!(
                "{{\"access_token\":\"SENTINEL\",\"expires_in\":{life},\"errcode\":{errcode},\
                 \"errmsg\":\"rid: SENTINEL{junk}SENTINEL ip SENTINEL rid:{junk}\"}}"
            );
            let body = body.as_bytes();
            let body = &body[..body.len().min(cut.wrapping_mul(3))];
            if let Err(error) = parse(StatusCode::from_u16(status).unwrap(), body) {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains("SENTINEL"), "{}", shown);
            }
        }
    }
}
