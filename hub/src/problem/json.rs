//! A refusal as `application/problem+json` (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use super::{Details, Problem};

#[derive(Serialize)]
struct Json<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Details { kind, detail, errcode, rid, hint, retry_after, .. } = &*self.0;
        let json = Json {
            r#type: format!("urn:wechat-hub:{}", kind.name),
            title: kind.title,
            status: kind.status.as_u16(),
            detail,
            errcode: *errcode,
            rid: rid.as_deref(),
            hint: hint.as_deref(),
            retry_after: *retry_after,
        };
        // Strings and numbers always have a JSON.
        let body = serde_json::to_vec(&json).unwrap_or_default();
        let mut response = (kind.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = *retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if kind.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"wechat-hub\""));
        }
        response
    }
}
