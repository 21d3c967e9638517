//! Every shape, code and status by table; and whatever else by chance.

use proptest::prelude::*;

use super::*;

const RID: &str = "654df33c-64386a2f-29857782";

fn ok(body: &[u8]) -> Result<Minted, TokenError> {
    parse(StatusCode::OK, body, Codes::WeChat)
}

fn refusal_of(errcode: i64, errmsg: &str) -> TokenError {
    refusal_by(Codes::WeChat, errcode, errmsg)
}

fn refusal_by(codes: Codes, errcode: i64, errmsg: &str) -> TokenError {
    let body = serde_json::json!({ "errcode": errcode, "errmsg": errmsg }).to_string();
    parse(StatusCode::OK, body.as_bytes(), codes).expect_err("a code other than 0")
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
        (45011, true, Some(5), "in this minute"),
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
        (40014, true, Some(5), "carried was rejected"),
        (42001, true, Some(5), "carried was rejected"),
        (40082, true, Some(5), "carried was rejected"),
        (42009, true, Some(5), "carried was rejected"),
        (61003, false, None, "not authorised"),
        (61004, false, None, "IP allow-list"),
        (61005, true, Some(5), "component_verify_ticket"),
        (61006, true, Some(5), "component_verify_ticket"),
        (61023, false, None, "refresh token"),
        (61024, false, None, "api_component_token"),
        (89501, false, None, "administrator"),
        (89503, false, None, "ask them to"),
        (89506, false, None, "24 hours"),
        (89507, false, None, "an hour"),
        (89599, false, None, "risky"),
        (47001, false, None, "list of error codes"),
        (i64::MIN, false, None, "list of error codes"),
    ] {
        let error = refusal_of(errcode, &format!("SENTINEL hint: [Yk06089037] rid: {RID}"));
        assert_eq!(error.errcode(), Some(errcode));
        assert_eq!((error.rid(), error.hint()), (Some(RID), Some("Yk06089037")));
        assert_eq!(error.is_transient(), transient, "{error}");
        assert_eq!(error.retry_after(), pause.map(Duration::from_secs), "{error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert!(!format!("{error:?}{error}").contains("SENTINEL"), "{error:?}");
    }
}

#[test]
fn a_used_up_quota_means_a_day_at_wechat_and_a_while_at_wecom() {
    let wechat = refusal_by(Codes::WeChat, 45009, "");
    assert_eq!((wechat.is_transient(), wechat.retry_after()), (false, Some(Duration::from_secs(600))));
    assert!(wechat.to_string().contains("/cgi-bin/clear_quota/v2"), "{wechat}");
    assert!(wechat.to_string().contains("until midnight in Beijing (16:00 UTC)"), "{wechat}");
    let wecom = refusal_by(Codes::WeCom, 45009, "");
    assert_eq!((wecom.is_transient(), wecom.retry_after()), (true, Some(Duration::from_secs(60))));
    assert!(wecom.to_string().contains("a minute or an hour"), "{wecom}");
    assert!(!wecom.to_string().contains("clear_quota"), "{wecom}");
    for code in [-1, 40013, 40091, 45011, 60020] {
        let (one, other) = (refusal_by(Codes::WeChat, code, ""), refusal_by(Codes::WeCom, code, ""));
        assert_eq!(one.to_string(), other.to_string());
    }
}

#[test]
fn what_only_a_console_can_mend_is_told_with_the_way_there() {
    for (codes, errcode, way) in [
        (Codes::WeChat, 40125, "开发密钥"),
        (Codes::WeChat, 40001, "开发密钥"),
        (Codes::WeCom, 40001, "应用管理"),
        (Codes::WeCom, 40091, "应用管理"),
        (Codes::WeChat, 40164, "API IP白名单"),
        (Codes::WeCom, 60020, "企业可信IP"),
        (Codes::WeChat, 61004, "白名单IP地址列表"),
        (Codes::WeChat, 40243, "unfreeze it at developers.weixin.qq.com/platform"),
        (Codes::WeCom, 301_002, "open.work.weixin.qq.com/devtool/query?e=301002"),
    ] {
        let text = refusal_by(codes, errcode, "").to_string();
        assert!(text.contains(way), "{way}: {text}");
    }
}

#[test]
fn some_codes_are_about_this_host_and_not_about_the_account() {
    for code in [40164, 60020, 61004, 89500, 89501, 89503, 89506, 89507, 89599] {
        for codes in [Codes::WeChat, Codes::WeCom] {
            assert!(refusal_by(codes, code, "").is_of_this_host(), "{code}");
        }
    }
    for code in [-1, 40001, 40013, 40091, 40125, 40243, 45009, 45011, 50004, 61024, 89499, 89600] {
        assert!(!refusal_of(code, "").is_of_this_host(), "{code}");
    }
    for (status, of_host) in
        [(407, true), (302, false), (403, false), (408, false), (500, false), (502, false)]
    {
        let error = parse(StatusCode::from_u16(status).unwrap(), b"", Codes::WeChat).unwrap_err();
        assert_eq!(error.is_of_this_host(), of_host, "{error}");
    }
    assert!(!ok(b"").unwrap_err().is_of_this_host());
}

#[test]
fn writers_of_issuers_get_the_very_same_error() {
    let from = |status: u16, body: &[u8], platform| {
        TokenError::from_answer(StatusCode::from_u16(status).unwrap(), body, platform)
    };
    let (component, suite) = (Platform::component(), Platform::suite());
    for body in [&br#"{"component_access_token":"t","expires_in":7200}"#[..], b"{}", br#"{"errcode":0}"#] {
        assert!(from(200, body, &component).is_none());
    }
    let quota = br#"{"errcode":45009,"errmsg":"x hint: [abc]"}"#;
    for (platform, pause) in [(&component, 600), (&suite, 60)] {
        let error = from(200, quota, platform).unwrap();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(pause)));
        assert_eq!((error.errcode(), error.hint()), (Some(45009), Some("abc")));
    }
    for (status, body) in
        [(200, &b""[..]), (200, b"<html>"), (302, b"{}"), (407, b""), (502, b"{}"), (403, quota)]
    {
        let error = from(status, body, &component).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let same = parse(status, body, Codes::WeChat).unwrap_err();
        assert_eq!(format!("{error:?}"), format!("{same:?}"));
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
            let error = parse(status, body, Codes::WeChat).expect_err(says);
            assert_eq!(error.is_transient(), transient, "{error}");
            assert!(error.to_string().contains(says), "{says}: {error}");
            assert!(!format!("{error:?}").contains("SENTINEL"));
        }
    }
    let busy = parse(StatusCode::BAD_GATEWAY, br#"{"errcode":40125}"#, Codes::WeChat).unwrap_err();
    assert!(busy.is_transient());
    assert_eq!(busy.errcode(), Some(40125));
    let known = parse(StatusCode::FORBIDDEN, br#"{"errcode":40164}"#, Codes::WeChat).unwrap_err();
    assert!(known.to_string().contains("allow-list"), "{known}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(status in 100_u16..1000, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(StatusCode::from_u16(status).unwrap(), &body, Codes::WeCom);
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
        if let Err(error) = parse(StatusCode::from_u16(status).unwrap(), body, Codes::WeChat) {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains("SENTINEL"), "{}", shown);
        }
    }
}
