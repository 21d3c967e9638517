//! Every shape, code and status by table; and whatever else by chance.

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
        (&br#"{"access_token":"81_aB-c","expires_in":7200}"#[..], "81_aB-c", 7200),
        (br#"{"errcode":0,"errmsg":"ok","access_token":"t","expires_in":7200}"#, "t", 7200),
        (br#"{"errcode":"0","access_token":"t","expires_in":"345"}"#, "t", 345),
        (br#"{"errcode":null,"access_token":"t","expires_in":1}"#, "t", 1),
        (b"\xef\xbb\xbf{\"access_token\":\"t\",\"expires_in\":300}\r\n\0", "t", 300),
        (b"{\"access_token\":\"t\",\"errmsg\":\"o\x01k\n\xff\",\"expires_in\":300}", "t", 300),
        (br#"{"access_token":"t","expires_in":18446744073709551615}"#, "t", u64::MAX),
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
        (br#"{"access_token":"SENTINEL\u0000","expires_in":7200}"#, "damaged"),
        (b"{\"access_token\":\"SENTINEL\xff\",\"expires_in\":7200}", "damaged"),
        (b"{\"access_token\":\"SENTINEL\x02\",\"expires_in\":7200}", "damaged"),
        (br#"{"access_token":"SENTINEL"}"#, "expires_in"),
        (br#"{"access_token":"SENTINEL","expires_in":0}"#, "expires_in"),
        (br#"{"access_token":"SENTINEL","expires_in":-7200}"#, "expires_in"),
        (br#"{"access_token":"SENTINEL","expires_in":1e30}"#, "expires_in"),
        (br#"{"access_token":"SENTINEL","expires_in":"soon"}"#, "expires_in"),
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
        ("invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist", "address 1.2.3.4 is"),
        ("invalid ip ::ffff:10.1.2.3, not in whitelist", "address 10.1.2.3 is"),
        ("not allow to access from your ip, from ip: 2001:db8::1, more", "address 2001:db8::1 is"),
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
        ("rid: SENTINEL-64386a2f-29857782".to_owned(), None),
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
