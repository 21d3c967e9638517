//! Answers on their way out: the platform's success and error shapes.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{answer::Answer, body::FakeBody, errmsg::errmsg};

pub(crate) const WECHAT_JSON: &str = "application/json; encoding=utf-8";
const WECOM_JSON: &str = "application/json; charset=UTF-8";

/// An answer on its way out.
pub(crate) struct Reply {
    pub(crate) response: Response<FakeBody>,
    /// The code in it, if there is one and it is the platform's own.
    pub(crate) errcode: Option<i64>,
}

impl Reply {
    pub(crate) fn new(content_type: &'static str, body: FakeBody) -> Self {
        let mut response = Response::new(body);
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        Self { response, errcode: None }
    }

    pub(crate) fn json(value: &serde_json::Value, is_wecom: bool) -> Self {
        let body = FakeBody::chunks([Bytes::from(value.to_string())]);
        Self {
            errcode: value["errcode"].as_i64(),
            ..Self::new(if is_wecom { WECOM_JSON } else { WECHAT_JSON }, body)
        }
    }

    /// An error in the platform's shape, with HTTP status 200.
    pub(crate) fn error(errcode: i64, is_wecom: bool) -> Self {
        let errmsg = if is_wecom {
            let hint: String = (0..22).map(|_| fastrand::digit(10)).collect();
            format!(
                "{}, hint: [{hint}], from ip: 127.0.0.1, more info at \
                 https://open.work.weixin.qq.com/devtool/query?e={errcode}",
                errmsg(errcode, is_wecom)
            )
        } else {
            let rid = || fastrand::u32(..);
            format!("{} rid: {:08x}-{:08x}-{:08x}", errmsg(errcode, is_wecom), rid(), rid(), rid())
        };
        Self::json(&serde_json::json!({ "errcode": errcode, "errmsg": errmsg }), is_wecom)
    }

    pub(crate) fn with_content_type(mut self, content_type: &'static str) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        self.response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }

    /// A header whose value is printable ASCII.
    pub(crate) fn with_text(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.with_header(name, value),
            Err(_) => self,
        }
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        *self.response.status_mut() = status;
        self
    }

    pub(crate) fn cut_in_half(self) -> Self {
        Self { response: self.response.map(FakeBody::cut_in_half), ..self }
    }

    pub(crate) fn slowed(self, pause: Duration) -> Self {
        Self { response: self.response.map(|body| body.slowed(pause)), ..self }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let mut response = Response::new(FakeBody::chunks(answer.chunks));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Self { response, errcode: None }
    }
}
