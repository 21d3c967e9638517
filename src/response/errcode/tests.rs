use std::fmt;

use proptest::{collection::vec, prelude::*, sample::select};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};

use super::*;

/// The verdict, and how many bytes it took (one more than there are, where only the end decided).
fn scan(body: &[u8]) -> (Found, usize) {
    let mut scanner = ErrcodeScanner::new();
    for (at, byte) in body.iter().enumerate() {
        if let Some(found) = scanner.push(&[*byte]) {
            return (found, at + 1);
        }
    }
    (scanner.finish(), body.len() + 1)
}

fn code(body: impl AsRef<[u8]>) -> Option<i64> {
    match scan(body.as_ref()).0 {
        Found::Code(code) => Some(code),
        Found::None => None,
    }
}

/// Cuts the body in two at every byte: the same verdict each time, after the same byte.
fn check_every_split(body: &[u8]) {
    let (found, taken) = scan(body);
    for cut in 0..=body.len() {
        let (head, tail) = body.split_at(cut);
        let mut scanner = ErrcodeScanner::new();
        assert_eq!(scanner.push(head), (taken <= cut).then_some(found), "cut at {cut}");
        assert_eq!(scanner.push(tail), (taken <= body.len()).then_some(found), "cut at {cut}");
        assert_eq!(scanner.finish(), found, "cut at {cut}");
        assert_eq!(scanner.push(b"{\"errcode\":1}"), Some(found), "a verdict stands");
    }
}

const REJECTIONS: [(&str, i64); 9] = [
    (
        r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest hint: [3t96CA08684525]"}"#,
        40001,
    ),
    (
        r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest, hints: [ req_id: hDexla0781ns89 ]"}"#,
        40001,
    ),
    (
        r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r rid: 654df33c-64386a2f-29857782"}"#,
        40001,
    ),
    (r#"{"errcode":42001,"errmsg":"access_token expired rid: 66c669e3-210a005b-256a5f92"}"#, 42001),
    (r#"{"errcode":41001,"errmsg":"access_token missing hint: [Vvr5MA0312hka2!]"}"#, 41001),
    (
        r#"{"errcode":47001,"errmsg":"data format error hint: [Yk06089037] rid: 661c9e77-385a09e0-65e38033"}"#,
        47001,
    ),
    (
        r#"{"errcode":40014,"errmsg":"invalid access_token, hint: [1692099979531331300516404], more info at https://open.work.weixin.qq.com/devtool/query?e=40014"}"#,
        40014,
    ),
    (
        r#"{"errcode":40082,"errmsg":"invalid suite_acccess_token or provider_access_token, hint: [..], from ip: 1.2.3.4, more info at ..."}"#,
        40082,
    ),
    (r#"{"errcode":40001,"errmsg":"...","resultcode":"","resultmsg":""}"#, 40001),
];

#[test]
fn the_errors_that_wechat_sends_are_read_wherever_they_are_cut() {
    for (body, expected) in REJECTIONS {
        assert_eq!(code(body), Some(expected), "{body}");
        assert_eq!(scan(body.as_bytes()).1, 17, "decided at the comma: {body}");
        check_every_split(body.as_bytes());
    }
}

#[test]
fn the_key_may_stand_anywhere_and_the_value_be_a_string() {
    for body in [
        r#"{"errmsg":"expired","errcode":42001}"#,
        r#"{"errcode":"42001","errmsg":"expired"}"#,
        r#"{"errcode":" 42001\n"}"#,
        r#"{"errcode":"4200\u0031"}"#,
        r#"{"err\u0063ode":42001}"#,
        r#"{"\u0065\u0072\u0072\u0063\u006f\u0064\u0065":42001}"#,
        "\u{feff} \t\r\n { \"errcode\" : 42001 }",
        r#"{"list":[{"errcode":1},[[]],"]"],"ok":true,"n":null,"f":-1.5e+3,"s":"\"}","errcode":42001}"#,
        "{\"errmsg\":\"\u{1}\r\n\",\"errcode\":42001}",
        r#"{"errcode":null,"errcode":1.5,"errcode":{},"errcode":"no","errcode":42001,"errcode":7}"#,
    ] {
        assert_eq!(code(body), Some(42001), "{body}");
        check_every_split(body.as_bytes());
    }
    let bad_utf8 = b"{\"errmsg\":\"\xff\xc3\x28\x80\",\"\xfe\":\"\xff\",\"errcode\":42001}";
    assert_eq!(code(bad_utf8), Some(42001));
    check_every_split(bad_utf8);
}

#[test]
fn what_is_not_the_answers_own_code_is_none() {
    for body in [
        "",
        "{}",
        "[]",
        "42001",
        r#""errcode""#,
        r#"[{"errcode":42001}]"#,
        r#"{"base_resp":{"errcode":42001}}"#,
        r#"{"list":[{"errcode":42001}]}"#,
        r#"{"request":{"response_body":"{\"errcode\":42001}"}}"#,
        r#"{"response_body":"{\"errcode\":42001,"}"#,
        r#"{"a":"\\\"errcode\":42001,"}"#,
        r#"{"errCode":42001}"#,
        r#"{"errcod":42001}"#,
        r#"{"errcodes":42001}"#,
        r#"{"errcode\u0000":42001}"#,
        r#"{"errcode\u00":42001}"#,
        r#"{"errcode\x":42001}"#,
        r#"{"\u0165rrcode":42001}"#,
        r#"{"errcode":42001.0}"#,
        r#"{"errcode":42001e0}"#,
        r#"{"errcode":042001}"#,
        r#"{"errcode":9223372036854775808}"#,
        r#"{"errcode":-9223372036854775809}"#,
        r#"{"errcode":true}"#,
        r#"{"errcode":null}"#,
        r#"{"errcode":[42001]}"#,
        r#"{"errcode":"42001x"}"#,
        r#"{"errcode":"420 01"}"#,
        r#"{"errcode":"+42001"}"#,
        r#"{"errcode":""}"#,
        r#"{"errcode":-}"#,
        r#"{"errcode":42001]}"#,
        r#"{"errcode":42001"}"#,
        r#"{"errcode" 42001}"#,
        r#"{"a" "errcode":42001}"#,
        r#"{"a":1 "errcode":42001}"#,
        r#"{,"errcode":42001}"#,
        r#"{}{"errcode":42001}"#,
        r#"{"iv":"r2WDQt56rEAmMuoR","data":"HExv66Ik3el9iM4Hdi","authtag":"z2BFD8QctKXTuBlhICGOjQ=="}"#,
        "\u{feff}\u{feff}{\"errcode\":42001}",
        " \u{feff}{\"errcode\":42001}",
        "<html>{\"errcode\":42001}</html>",
    ] {
        assert_eq!(code(body), None, "{body}");
        check_every_split(body.as_bytes());
    }
}

#[test]
fn an_answer_that_was_cut_short_before_the_verdict_is_none() {
    let body = br#" {"errmsg":"\u4e2d\"","list":[{"a":"b"}],"errcode":40001,"#;
    for end in 0..body.len() {
        assert_eq!(scan(&body[..end]), (Found::None, end + 1), "cut at {end}");
    }
    assert_eq!(scan(body), (Found::Code(40001), body.len()));
}

#[test]
fn the_limits_of_a_code_are_those_of_an_i64() {
    for value in [i64::MIN, -1, 0, i64::MAX] {
        assert_eq!(code(format!("{{\"errcode\":{value}}}")), Some(value));
        assert_eq!(code(format!("{{\"errcode\":\"{value}\"}}")), Some(value));
    }
}

#[test]
fn the_first_byte_of_a_picture_decides() {
    assert_eq!(scan(b"\xff\xd8\xff\xe0"), (Found::None, 1));
    assert_eq!(scan(b"\x89PNG"), (Found::None, 1));
    assert_eq!(scan(b"<xml>"), (Found::None, 1));
    assert_eq!(scan(b"\xef\xbb{"), (Found::None, 3));
}

#[test]
fn a_million_brackets_are_only_counted() {
    let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
    let mut scanner = ErrcodeScanner::new();
    assert_eq!(scanner.push(deep.as_bytes()), None);
    assert_eq!(scanner.push("]".repeat(1_000_000).as_bytes()), None);
    assert_eq!(scanner.push(b",\"errcode\":1}"), Some(Found::Code(1)));
}

/// The members of an object in their order, duplicates too.
#[derive(Debug)]
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

/// What `serde_json` makes of the same bytes.
fn reference(members: &Members) -> Option<i64> {
    let of = |value: &Value| match value {
        Value::String(text) => {
            let text = text.trim_matches([' ', '\t', '\n', '\r']);
            serde_json::from_str::<Value>(text).ok()?.as_i64()
        }
        other => other.as_i64(),
    };
    members.0.iter().filter(|(key, _)| key == "errcode").find_map(|(_, value)| of(value))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(|code| format!(" {code}\n").into()),
        any::<String>().prop_map(Value::from),
        Just(json!("{\"errcode\":40001}")),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("errcode".to_owned()),
        2 => select(vec!["errcod", "errcodes", "errCode", "\"errcode\":1", "errmsg", ""]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// Writes the members one after the other, with or without white space and escaped letters in the keys.
fn write(members: &[(String, Value)], pretty: bool, escaped: bool) -> String {
    let written: Vec<String> = members
        .iter()
        .map(|(key, value)| {
            let key = json!(key).to_string();
            let key = if escaped { key.replace('c', "\\u0063") } else { key };
            if pretty { format!("\n\t{key} : {value:#}\r\n") } else { format!("{key}:{value}") }
        })
        .collect();
    format!("{{{}}}", written.join(","))
}

proptest! {
    #[test]
    fn any_object_reads_as_serde_json_reads_it(
        members in vec((key(), value()), 0..6),
        pretty: bool,
        escaped: bool,
    ) {
        let body = write(&members, pretty, escaped);
        let read: Members = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(code(&body), reference(&read), "{}", body);
        check_every_split(body.as_bytes());
    }

    #[test]
    fn anything_like_json_reads_as_serde_json_reads_it(
        pieces in vec(select(vec![
            "{", "}", "[", "]", ":", ",", "\"errcode\"", "\"errcode\":", "40001", "\"40001\"", "-1", "1.5", "true",
            "\"", "\\", "\\u0063", "\\u", "err", "code", " ", "\n", "\"a\":", "\u{feff}", "\u{1}",
        ]), 0..24),
    ) {
        let body = format!("{{{}", pieces.concat());
        if let Ok(read) = serde_json::from_str::<Members>(&body) {
            prop_assert_eq!(code(&body), reference(&read), "{}", body);
        }
        check_every_split(body.as_bytes());
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(body in vec(any::<u8>(), 0..64), object: bool) {
        let mut body = body;
        if object {
            body.splice(..0, *b"{\"errcode\":");
        }
        check_every_split(&body);
    }
}
