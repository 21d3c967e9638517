//! What the head of an answer says about it.

use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;

/// Content codings that change the bytes (<https://www.iana.org/assignments/http-parameters>). Servers write other things
/// there too: nothing at all, `identity, identity`, `none`, `utf-8`.
const CODINGS: [&[u8]; 11] = [
    b"gzip",
    b"br",
    b"deflate",
    b"zstd",
    b"x-gzip",
    b"compress",
    b"x-compress",
    b"dcb",
    b"dcz",
    b"aes128gcm",
    b"exi",
];

/// Whether this answer can hide a rejection, so that looking at up to `limit` bytes of it may matter.
///
/// The content type is not asked: WeChat sends errors as `text/plain` and `text/html` too, or without any.
pub(crate) fn may_be_rejection<R: Body>(method: &Method, response: &Response<R>, limit: usize) -> bool {
    let (status, body) = (response.status(), response.body());
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    limit > 0
        && !matches!(*method, Method::HEAD | Method::CONNECT)
        && status.is_success()
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT)
        && !body.is_end_stream()
        && body.size_hint().lower() <= limit
        // One pass is faster than three look-ups: an answer has a handful of headers.
        && !response.headers().iter().any(|(name, value)| rules_out(name, value, limit))
}

/// Whether no answer with this header can be a rejection of up to `limit` bytes.
fn rules_out(name: &HeaderName, value: &HeaderValue, limit: u64) -> bool {
    if *name == header::CONTENT_LENGTH {
        let length = value.to_str().ok().and_then(|length| length.parse().ok());
        return length.is_some_and(|length: u64| length > limit);
    }
    if *name == header::CONTENT_ENCODING {
        return any(value, is_coding);
    }
    *name == header::CONTENT_DISPOSITION && any(value, |kind| kind.eq_ignore_ascii_case(b"attachment"))
}

/// Whether this holds for any item of a header's value, without its parameters.
fn any(value: &HeaderValue, holds: impl Fn(&[u8]) -> bool) -> bool {
    // As bytes, since a file name among the parameters need not be ASCII.
    value.as_bytes().split(|&byte| byte == b',').any(|item| {
        let item = item.split(|&byte| byte == b';').next().unwrap_or_default();
        holds(item.trim_ascii())
    })
}

fn is_coding(item: &[u8]) -> bool {
    CODINGS.iter().any(|coding| item.eq_ignore_ascii_case(coding))
}
