//! A refusal in WeChat's shape: `{"errcode": …, "errmsg": …}`.
//!
//! SDKs look at the code, and most of them at nothing else. So every refusal has one that is not zero, whatever its status: an
//! answer without would be a success for some.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use serde::Serialize;

use super::Problem;

/// Says what the hub has done.
pub(crate) const DONE: HeaderName = HeaderName::from_static("x-wechat-hub");

#[derive(Serialize)]
struct Refusal<'a> {
    errcode: i64,
    errmsg: &'a str,
}

impl Problem {
    /// The answer to an SDK.
    pub(crate) fn in_wechats_shape(&self) -> Response {
        // WeChat's own text, where it has one, stands behind who says so.
        let errmsg = format!("wechat-hub: {}: {}", self.title(), self.detail());
        let mut response =
            json_answer(self.status_for_sdks(), &Refusal { errcode: self.errcode(), errmsg: &errmsg });
        let headers = response.headers_mut();
        headers.insert(DONE, HeaderValue::from_static("refused"));
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// An answer as WeChat has it.
pub(crate) fn json_answer(status: StatusCode, answer: &impl Serialize) -> Response {
    // Strings and numbers always have a JSON.
    let mut response = (status, serde_json::to_vec(answer).unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
