//! Every shape of an answer by table; and whatever else by chance.

use proptest::prelude::*;

use super::*;

const RID: &str = "654df33c-64386a2f-29857782";

#[test]
fn an_error_is_read_in_every_shape_that_was_seen() {
    let hinted =
        br#"{"errcode":40014,"errmsg":"invalid access_token, hint: [1692099979531331300516404], more"}"#;
    let error = WeChatError::parse(hinted).unwrap();
    assert_eq!((error.rid(), error.hint()), (None, Some("1692099979531331300516404")));
    let whole = format!(r#"{{"errcode":40003,"errmsg":"invalid openid rid: {RID}"}}"#);
    let error = WeChatError::parse(whole.as_bytes()).unwrap();
    assert_eq!((error.errcode(), error.rid()), (40003, Some(RID)));
    assert_eq!(error.errmsg(), format!("invalid openid rid: {RID}"));
    assert_eq!(
        error.to_string(),
        format!("the platform answered with errcode 40003: invalid openid rid: {RID}")
    );
    for (answer, errcode, errmsg) in [
        (&br#"{"errcode":"-1","errmsg":"system error"}"#[..], -1, "system error"),
        (br#"{"errcode":40003}"#, 40003, ""),
        (br#"{"errcode":40003,"errmsg":null}"#, 40003, ""),
        (br#"{"a":{"errcode":0},"errcode":40003,"errmsg":"x"}"#, 40003, "x"),
        (br#"{"err\u0063ode":40003}"#, 40003, ""),
        (b"\xef\xbb\xbf {\"errcode\":40003,\"errmsg\":\"x\"}\r\n\0", 40003, "x"),
        (b" {\"errcode\":40003,\"errmsg\":\"a\tb\x01\xff\"}", 40003, "a b\u{fffd}\u{fffd}"),
    ] {
        let error = WeChatError::parse(answer).unwrap_or_else(|| panic!("{}", answer.escape_ascii()));
        assert_eq!((error.errcode(), error.errmsg()), (errcode, errmsg));
        assert_eq!((error.rid(), error.hint()), (None, None));
    }
    assert_eq!(
        WeChatError::parse(br#"{"errcode":40003}"#).unwrap().to_string(),
        "the platform answered with errcode 40003"
    );
}

#[test]
fn what_is_no_error_is_none() {
    for answer in [
        &b""[..],
        b"  ",
        br#"{"errcode":0,"errmsg":"ok"}"#,
        br#"{"errcode":"0"}"#,
        br#"{"openid":"o1"}"#,
        br#"{"items":[{"errcode":40003}]}"#,
        br#"{"text":"\"errcode\":40003"}"#,
        br#"[{"errcode":40003}]"#,
        br#""errcode""#,
        br#"{"errcode":null}"#,
        br#"{"errcode":true}"#,
        br#"{"errcode":40003.5}"#,
        br#"{"errcode":"soon"}"#,
        br#"{"errcode":99999999999999999999}"#,
        br#"{"errcode":40003,"errmsg":"cut o"#,
        b"\xff\xd8\xff\xe0\x00\x10JFIF errcode",
        b"<xml>errcode</xml>",
    ] {
        assert_eq!(WeChatError::parse(answer), None, "{}", answer.escape_ascii());
    }
}

#[test]
fn what_could_be_a_secret_is_not_shown() {
    let (secret, openid) = ("S3NT1NEL".repeat(4), "o6_bmjrPTlm6_2sgVt7hMZOPfL2M");
    let errmsg = format!("bad\\n{secret} of {openid}, hint: [1565768834178374298376] 密钥{secret}");
    let answer = format!(r#"{{"errcode":40125,"errmsg":"{errmsg}{}"}}"#, " long".repeat(100));
    let error = WeChatError::parse(answer.as_bytes()).unwrap();
    assert!(error.errmsg().contains(&secret), "as it came");
    let shown = error.to_string();
    assert!(shown.contains(openid) && shown.contains("[1565768834178374298376] 密钥***"), "{shown}");
    assert!(shown.ends_with('…') && shown.chars().count() < 350, "{shown}");
    for shown in [shown, format!("{error:?}")] {
        assert!(!shown.contains("S3NT1NEL") && !shown.contains('\n'), "{shown}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        before in prop::collection::vec(any::<u8>(), 0..40),
        middle in prop::sample::select(vec!["", "{\"errcode\":", "{\"errcode\":4,\"errmsg\":\"", "{\"\\u"]),
        after in prop::collection::vec(any::<u8>(), 0..200),
        end in prop::sample::select(vec!["", "\"}", "}"]),
    ) {
        for answer in [
            [&before, middle.as_bytes(), &after, end.as_bytes()].concat(),
            [middle.as_bytes(), &after, end.as_bytes()].concat(),
        ] {
            if let Some(error) = WeChatError::parse(&answer) {
                prop_assert_ne!(error.errcode(), 0);
                let _ = (error.rid(), error.hint(), error.to_string(), format!("{error:?}"));
            }
        }
    }

    #[test]
    fn any_text_is_kept_and_any_code(errcode in any::<i64>(), errmsg in any::<String>()) {
        let answer = serde_json::json!({ "errcode": errcode, "errmsg": errmsg }).to_string();
        let error = WeChatError::parse(answer.as_bytes());
        prop_assert_eq!(error.as_ref().map(WeChatError::errcode), Some(errcode).filter(|code| *code != 0));
        if let Some(error) = error {
            prop_assert_eq!(error.errmsg(), errmsg);
            prop_assert!(!error.to_string().contains(char::is_control));
        }
    }
}
