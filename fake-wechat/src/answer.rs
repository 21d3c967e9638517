//! [`Answer`]s of a test's own.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::reply::WECHAT_JSON;

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
///
/// One that is not JSON, from its parts:
///
/// ```
/// use fake_wechat::Answer;
/// use http::{HeaderValue, StatusCode, header};
///
/// let picture = Answer::default()
///     .header(header::CONTENT_TYPE, HeaderValue::from_static("image/png"))
///     .body(&b"\x89PNG\r\n"[..])
///     .unsized_body();
/// let busy = Answer::default().status(StatusCode::BAD_GATEWAY);
/// # drop((picture, busy));
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
