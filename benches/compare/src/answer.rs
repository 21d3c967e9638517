//! What the inner service answers.

use std::fmt::Write as _;

use bytes::Bytes;
use http::HeaderValue;

/// What WeChat says to a message that was sent.
pub const SMALL: &str = r#"{"errcode":0,"errmsg":"ok","msgid":2002283321,"type":0}"#;

#[derive(Clone)]
pub struct Answer {
    pub content_type: HeaderValue,
    pub length: HeaderValue,
    pub body: Bytes,
}

impl Answer {
    fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { content_type: HeaderValue::from_static(content_type), length: body.len().into(), body }
    }

    pub fn small() -> Self {
        assert_eq!(SMALL.len(), 55);
        Self::new("application/json", SMALL)
    }

    /// 2 KiB of nested objects without an `errcode`: it has to be read to its end.
    pub fn two_kib() -> Self {
        let mut json = String::from(r#"{"user_info_list":["#);
        for number in 0..10 {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(
                json,
                r#"{comma}{{"subscribe":1,"openid":"o6_bmjrPTlm6_2sgVt7hMZOPfL{number:02}","language":"zh_CN","#
            );
            let _ = write!(
                json,
                r#""subscribe_time":1434093047,"tagid_list":[128,2],"scene":{{"name":"QR_CODE","qr":98765}}}}"#
            );
        }
        let closed = r#"],"remark":""}"#.len();
        let fill = "备注 ".repeat(100);
        let mut end = 2048 - json.len() - closed;
        while !fill.is_char_boundary(end) {
            end -= 1;
        }
        let _ = write!(json, r#"],"remark":"{}"}}"#, &fill[..end]);
        json.extend(std::iter::repeat_n(' ', 2048 - json.len()));
        Self::new("application/json", json)
    }

    pub fn picture() -> Self {
        let mut picture = vec![0; 4096];
        picture[..4].copy_from_slice(b"\xff\xd8\xff\xe0");
        Self::new("image/jpeg", picture)
    }

    /// 256 KiB of small objects. With `errcodes`, each of them holds one, as the results of a batch do.
    pub fn large(errcodes: bool) -> Self {
        const LENGTH: usize = 256 * 1024;
        let nested = if errcodes { r#","errcode":40001"# } else { "" };
        let mut json = String::from(r#"{"total":10000,"data":["#);
        for number in 0.. {
            let object =
                format!(r#"{{"openid":"o6_bmjrPTlm6_2sgVt7hMZOPf{number:04}","n":1,"ok":true{nested}}}"#);
            if json.len() + object.len() + 3 > LENGTH {
                break;
            }
            if number > 0 {
                json.push(',');
            }
            json.push_str(&object);
        }
        json.push_str("]}");
        json.extend(std::iter::repeat_n(' ', LENGTH - json.len()));
        Self::new("application/json", json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_json_of_the_length_that_they_are_named_for() {
        for (answer, length) in [
            (Answer::small(), 55),
            (Answer::two_kib(), 2048),
            (Answer::large(false), 256 * 1024),
            (Answer::large(true), 256 * 1024),
        ] {
            assert_eq!(answer.body.len(), length);
            serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap();
        }
    }
}
