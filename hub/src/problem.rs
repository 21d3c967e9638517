//! [`Problem`]: a refusal, as `application/problem+json` (RFC 9457).

use std::{borrow::Cow, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use tower_wechat::TokenError;

use crate::client::Right;

/// A refusal: what happened and what to do, without a secret or a token.
pub(crate) struct Problem(Box<Details>);

#[derive(Serialize)]
struct Details {
    r#type: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// In whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// Who is refused, for the log.
    #[serde(skip)]
    client: Option<String>,
}

impl Problem {
    fn new(
        (r#type, title, status): (&'static str, &'static str, StatusCode),
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let detail = detail.into();
        Self(Box::new(Details {
            r#type,
            title,
            status,
            detail,
            errcode: None,
            rid: None,
            hint: None,
            retry_after: None,
            client: None,
        }))
    }

    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            ("urn:wechat-hub:bad-request", "The request cannot be understood", StatusCode::BAD_REQUEST),
            detail,
        )
    }

    pub(crate) fn unknown_client() -> Self {
        Self::new(
            ("urn:wechat-hub:unknown-client", "The client is not known", StatusCode::UNAUTHORIZED),
            "show the client's secret as `Authorization: Bearer <client secret>`; the hub's configuration has its SHA-256",
        )
    }

    pub(crate) fn lacks(right: Right) -> Self {
        Self::new(
            ("urn:wechat-hub:lacks-right", "The client lacks a right", StatusCode::FORBIDDEN),
            format!("the client needs the right \"{}\" in the hub's configuration", right.name()),
        )
    }

    /// The same for an app that is not the client's and for one that is not there.
    pub(crate) fn no_such_app() -> Self {
        Self::new(
            ("urn:wechat-hub:no-such-app", "There is no such app for this client", StatusCode::NOT_FOUND),
            "the app is not among those of the client in the hub's configuration",
        )
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(
            ("urn:wechat-hub:no-such-path", "There is nothing at this path", StatusCode::NOT_FOUND),
            "there are GET /v1/apps/{app}/token and POST /v1/apps/{app}/refresh",
        )
    }

    pub(crate) fn no_such_method() -> Self {
        Self::new(
            ("urn:wechat-hub:no-such-method", "The path has no such method", StatusCode::METHOD_NOT_ALLOWED),
            "there are GET /v1/apps/{app}/token and POST /v1/apps/{app}/refresh",
        )
    }

    pub(crate) fn no_such_life() -> Self {
        Self::new(
            ("urn:wechat-hub:no-such-life", "No token lives so long", StatusCode::UNPROCESSABLE_ENTITY),
            "no token of this app lives as long as `min_ttl` says",
        )
    }

    pub(crate) fn too_slow() -> Self {
        Self::new(
            ("urn:wechat-hub:too-slow", "The request took too long to arrive", StatusCode::REQUEST_TIMEOUT),
            "the body did not come within the hub's `header_timeout`",
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            ("urn:wechat-hub:too-large", "The request's body is too large", StatusCode::PAYLOAD_TOO_LARGE),
            format!("the hub takes bodies of {limit} bytes at most (`body_bytes`)"),
        )
    }

    pub(crate) fn too_many(wait: Duration) -> Self {
        let problem = Self::new(
            ("urn:wechat-hub:too-many", "The client asks too often", StatusCode::TOO_MANY_REQUESTS),
            "the client is over its limit of requests in a second (`rate`) or of long polls (`long_polls_per_client`)",
        );
        problem.after(wait)
    }

    /// There is no token to be had.
    pub(crate) fn no_token(error: &TokenError) -> Self {
        let mut problem = Self::new(
            ("urn:wechat-hub:no-token", "There is no token to be had", StatusCode::SERVICE_UNAVAILABLE),
            error.to_string(),
        );
        problem.0.errcode = error.errcode();
        problem.0.rid = error.rid().map(Into::into);
        problem.0.hint = error.hint().map(Into::into);
        match error.retry_after() {
            Some(wait) => problem.after(wait),
            None => problem,
        }
    }

    /// Adds when to try again: in whole seconds, so that nobody comes too early.
    fn after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.0.retry_after = Some(seconds.max(1));
        self
    }

    /// Names the client that is refused, for the log.
    pub(crate) fn for_client(mut self, name: &str) -> Self {
        self.0.client = Some(name.to_owned());
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    pub(crate) fn title(&self) -> &'static str {
        self.0.title
    }

    pub(crate) fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }
}

// serde wants a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Strings and numbers always have a JSON.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"wechat-hub\""));
        }
        response
    }
}
