//! The scanner: the cuts make no difference, and what serde reads at the top level is what it finds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_wechat::fuzzing::{errcode, errcode_of_whole};

/// Codes as WeChat writes them: an integer, or a string that holds one.
fn expected(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => {
            let text = text.trim_matches([' ', '\t', '\n', '\r']);
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits == "0" || !digits.starts_with('0'));
            text.parse().ok().filter(|_| plain)
        }
        number => number.as_i64(),
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, body) = input;
    let whole = errcode([body]);
    assert_eq!(errcode(body.chunks(usize::from(step).max(1))), whole);
    assert_eq!(errcode_of_whole(body), whole);

    // serde keeps the last of several keys of a name, and the scanner stops at the first.
    let named = body.windows(7).filter(|window| window == b"errcode").count();
    if named > 1 || body.contains(&b'\\') {
        return;
    }
    if let Ok(Value::Object(object)) = serde_json::from_slice(body) {
        // `-0` is an integer here and a float there.
        let code = object.get("errcode").filter(|value| value.to_string() != "-0.0").map(expected);
        if let Some(code) = code {
            assert_eq!(whole, code);
        } else if named == 0 {
            assert_eq!(whole, None);
        }
    }
});
