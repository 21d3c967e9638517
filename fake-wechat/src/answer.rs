//! [`Answer`]s of a test's own, and the platform's: its success and error shapes.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::body::FakeBody;

/// An answer of your own, sent as it is.
///
/// It goes out with a `content-length`, unless the headers say `transfer-encoding: chunked`.
///
/// ```
/// use fake_wechat::Answer;
///
/// // A success with an error inside it, which must not be taken for one.
/// let nested = Answer::json(r#"{"results":[{"errcode":40001}],"errcode":0}"#);
/// // A string where a number belongs, byte by byte.
/// let odd = Answer::json(r#"{"errcode":"42001"}"#).byte_by_byte();
/// # drop((nested, odd));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Answer {
    /// 200 by default, as it is for WeChat's errors too.
    pub status: StatusCode,
    /// None by default: not even a content type.
    pub headers: HeaderMap,
    /// The body. Each chunk is flushed to the socket on its own.
    pub chunks: Vec<Bytes>,
}

impl Answer {
    /// This text as `application/json; encoding=utf-8`, WeChat's own spelling. It need not be JSON.
    #[must_use]
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self::default().header(header::CONTENT_TYPE, HeaderValue::from_static(WECHAT_JSON)).body(text)
    }

    /// Another status.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A body in one chunk.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { chunks: vec![body.into()], ..self }
    }

    /// The same body in chunks of one byte.
    #[must_use]
    pub fn byte_by_byte(mut self) -> Self {
        self.chunks =
            self.chunks.iter().flat_map(|chunk| (0..chunk.len()).map(|at| chunk.slice(at..=at))).collect();
        self
    }

    /// The same body without a `content-length`.
    #[must_use]
    pub fn unsized_body(self) -> Self {
        self.header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))
    }
}

const WECHAT_JSON: &str = "application/json; encoding=utf-8";
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

    pub(crate) fn cut_in_half(self) -> Self {
        Self { response: self.response.map(FakeBody::cut_in_half), ..self }
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

/// WeChat's wording of its codes, as far as it is known.
fn errmsg(errcode: i64, is_wecom: bool) -> &'static str {
    match errcode {
        -1 => "system error",
        40001 if is_wecom => "invalid credential",
        40001 => {
            "invalid credential, access_token is invalid or not latest, could get access_token by \
             getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
        }
        40002 => "invalid grant_type",
        40013 if is_wecom => "invalid corpid",
        40013 => "invalid appid",
        40014 => "invalid access_token",
        40125 => "invalid appsecret",
        40164 => "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
        40243 => "AppSecret has been frozen",
        41001 => "access_token missing",
        41002 if is_wecom => "corpid missing",
        41002 => "appid missing",
        41004 if is_wecom => "corpsecret missing",
        41004 => "appsecret missing",
        42001 => "access_token expired",
        43001 => "require GET method",
        43002 => "require POST method",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit, must slower, retry next minute",
        47001 => "data format error",
        48001 => "api unauthorized",
        50004 => "no permission to call this api",
        50007 => "account frozen",
        60020 => "not allow to access from your ip",
        61024 => "must use api(api_component_token) to get token for component acct",
        89503 => "this call needs the confirmation of an administrator",
        _ => "error",
    }
}
