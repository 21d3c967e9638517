//! [`Case`]: what is measured.

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header::CONTENT_TYPE};
use http_body_util::Full;

use crate::answer::Answer;

/// What is sent to WeChat by a `POST`.
pub const SENT: &str = r#"{"touser":"OPENID","msgtype":"text","text":{"c":"a"}}"#;

const INSIDE: &str = "https://api.weixin.qq.com/cgi-bin/message/custom/send?lang=zh_CN";
const OUTSIDE: &str = "https://example.com/cgi-bin/message/custom/send?lang=zh_CN";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Post,
    PostString,
    Get,
    TwoKib,
    Picture,
    Outside,
    Reqwest,
    Scan,
    ScanErrcodes,
}

/// What a case should not exceed.
#[derive(Clone, Copy)]
pub struct Goal {
    pub instructions: i64,
    pub allocations: Option<i64>,
}

impl Case {
    pub const ALL: [Self; 9] = [
        Self::Post,
        Self::PostString,
        Self::Get,
        Self::TwoKib,
        Self::Picture,
        Self::Outside,
        Self::Reqwest,
        Self::Scan,
        Self::ScanErrcodes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::PostString => "post-string",
            Self::Get => "get",
            Self::TwoKib => "json-2k",
            Self::Picture => "picture",
            Self::Outside => "outside",
            Self::Reqwest => "reqwest",
            Self::Scan => "scan",
            Self::ScanErrcodes => "scan-errcodes",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    pub fn description(self) -> &'static str {
        match self {
            Self::Post => "POST 53 B of JSON, answer 55 B of JSON",
            Self::PostString => "the same, body made from a `String`",
            Self::Get => "GET, answer 55 B of JSON",
            Self::TwoKib => "POST, answer 2 KiB of JSON without an `errcode`",
            Self::Picture => "POST, answer a picture of 4 KiB",
            Self::Outside => "POST to another host",
            Self::Reqwest => "POST 53 B, answer 55 B, in reqwest's types",
            Self::Scan => "answer 256 KiB of small objects",
            Self::ScanErrcodes => "the same, each with an `errcode` in it",
        }
    }

    pub fn goal(self) -> Option<Goal> {
        let (instructions, allocations) = match self {
            Self::Post => (4_000, Some(3)),
            Self::Get => (3_500, Some(2)),
            Self::TwoKib => (5_500, None),
            Self::Picture => (3_500, None),
            Self::Outside => (500, Some(0)),
            Self::Reqwest => (10_000, None),
            // Those of the scanner are what `serde_json` needs.
            Self::PostString | Self::Scan | Self::ScanErrcodes => return None,
        };
        Some(Goal { instructions, allocations })
    }

    /// How many requests tell what one costs. The large answers take long under valgrind.
    pub fn requests(self) -> u64 {
        match self {
            Self::Scan | Self::ScanErrcodes => 10,
            _ => 2_000,
        }
    }

    pub fn scans(self) -> bool {
        matches!(self, Self::Scan | Self::ScanErrcodes)
    }

    pub fn uri(self) -> Uri {
        Uri::from_static(if self == Self::Outside { OUTSIDE } else { INSIDE })
    }

    pub fn answer(self) -> Answer {
        match self {
            Self::TwoKib => Answer::two_kib(),
            Self::Picture => Answer::picture(),
            Self::Scan => Answer::large(false),
            Self::ScanErrcodes => Answer::large(true),
            _ => Answer::small(),
        }
    }

    /// What a program makes for each request; its cost is in the bare count too.
    pub fn request(self, uri: &Uri) -> Request<Full<Bytes>> {
        let (builder, body) = match self {
            Self::Get => return Request::get(uri.clone()).body(Full::default()).unwrap(),
            Self::PostString => (Request::post(uri.clone()), Full::from(SENT.to_owned())),
            _ => (Request::post(uri.clone()), Full::from(SENT)),
        };
        builder.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_as_long_as_it_is_said_to_be() {
        assert_eq!(SENT.len(), 53);
    }
}
