//! What can be refused, and with which codes.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use http::StatusCode;
use tower_wechat::TokenError;

use super::{Kind, Problem};
use crate::client::Right;

/// WeChat's code for an error of its own that it does not explain. No SDK asks again for it.
const SYSTEM_ERROR: i64 = 61450;
/// WeChat's code for a call that comes too soon, within a minute.
const TOO_SOON: i64 = 45011;
/// WeChat's code for an app secret that is wrong.
const WRONG_APP_SECRET: i64 = 40125;
/// Where an SDK meets one of these it throws its token away, and asks again.
const REJECTIONS: [i64; 3] = [40001, 40014, 42001];

impl Problem {
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        let title = "The request cannot be understood";
        Self::new(Kind::of_http("bad-request", title, StatusCode::BAD_REQUEST, 40097), detail)
    }

    pub(crate) fn unknown_client() -> Self {
        Self::new(
            Kind::new("unknown-client", "The client is not known", StatusCode::UNAUTHORIZED, 40001),
            "show the client's secret as `Authorization: Bearer <client secret>`; the hub's configuration has its SHA-256",
        )
    }

    pub(crate) fn lacks(right: Right) -> Self {
        Self::lacks_one_of(&format!("\"{}\"", right.name()))
    }

    pub(crate) fn lacks_one_of(rights: &str) -> Self {
        Self::new(
            Kind::new("lacks-right", "The client lacks a right", StatusCode::FORBIDDEN, 48001),
            format!("the client needs the right {rights} in the hub's configuration"),
        )
    }

    /// The same for an app that is not the client's and for one that is not there.
    pub(crate) fn no_such_app() -> Self {
        Self::new(
            Kind::new("no-such-app", "There is no such app for this client", StatusCode::NOT_FOUND, 40013),
            "the app is not among those of the client in the hub's configuration",
        )
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(
            Kind::new("no-such-path", "There is nothing at this path", StatusCode::NOT_FOUND, 40066),
            "there are GET /v1/apps/{app}/token and POST /v1/apps/{app}/refresh",
        )
    }

    pub(crate) fn no_such_method() -> Self {
        Self::new(
            Kind::new("no-such-method", "The path has no such method", StatusCode::METHOD_NOT_ALLOWED, 43002),
            "there are GET /v1/apps/{app}/token and POST /v1/apps/{app}/refresh",
        )
    }

    pub(crate) fn no_such_life() -> Self {
        Self::new(
            Kind::new("no-such-life", "No token lives so long", StatusCode::UNPROCESSABLE_ENTITY, 40097),
            "no token of this app lives as long as `min_ttl` says",
        )
    }

    pub(crate) fn too_slow() -> Self {
        let title = "The request took too long to arrive";
        Self::new(
            Kind::of_http("too-slow", title, StatusCode::REQUEST_TIMEOUT, SYSTEM_ERROR),
            "the body did not come within the hub's `header_timeout`",
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let title = "The request's body is too large";
        Self::new(
            Kind::of_http("too-large", title, StatusCode::PAYLOAD_TOO_LARGE, 45002),
            format!("the hub takes bodies of {limit} bytes at most (`body_bytes`)"),
        )
    }

    pub(crate) fn too_many(wait: Duration) -> Self {
        let problem = Self::new(
            Kind::new("too-many", "The client asks too often", StatusCode::TOO_MANY_REQUESTS, 45009),
            "the client is over its limit of requests in a second (`rate`) or of long polls (`long_polls_per_client`)",
        );
        problem.after(wait)
    }

    /// There is no token to be had.
    pub(crate) fn no_token(error: &TokenError) -> Self {
        let mut problem = Self::new(
            Kind::new("no-token", "There is no token to be had", StatusCode::SERVICE_UNAVAILABLE, TOO_SOON),
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

    /// The same for a call of an API, whose caller must not take it for a rejection of what it has shown.
    pub(crate) fn no_token_for_call(error: &TokenError) -> Self {
        let mut problem = Self::no_token(error);
        if error.errcode().is_some_and(|code| REJECTIONS.contains(&code)) {
            problem.0.errcode = Some(WRONG_APP_SECRET);
        }
        problem
    }

    /// A question for a token, in WeChat's way, that lacks something.
    pub(crate) fn missing(errcode: i64, what: &'static str) -> Self {
        Self::new(Kind::new("missing", "The request lacks something", StatusCode::BAD_REQUEST, errcode), what)
    }

    pub(crate) fn wrong_secret() -> Self {
        Self::new(
            Kind::new("unknown-client", "The client is not known", StatusCode::UNAUTHORIZED, 40001),
            "the secret is no client's: it is the one that `wechat-hub secret` made for this program, and not the app's own",
        )
    }

    pub(crate) fn no_credential() -> Self {
        Self::new(
            Kind::new(
                "no-credential",
                "The call shows nothing that authorises it",
                StatusCode::UNAUTHORIZED,
                41001,
            ),
            "show a pass as `access_token` in the query (/cgi-bin/token and /cgi-bin/stable_token give one), or the client's secret \
             as `Authorization: Bearer` with `x-wechat-app`",
        )
    }

    /// What was shown is no good any more, or never was: another is to be asked for.
    pub(crate) fn bad_pass(detail: &'static str) -> Self {
        Self::new(Kind::new("bad-pass", "The pass is not good", StatusCode::UNAUTHORIZED, 42001), detail)
    }

    pub(crate) fn path_not_allowed() -> Self {
        Self::new(
            Kind::of_http(
                "path-not-allowed",
                "The client may not call this path",
                StatusCode::FORBIDDEN,
                48001,
            ),
            "the path is not among the `paths` of the client in the hub's configuration",
        )
    }

    pub(crate) fn not_from_here(address: Option<IpAddr>) -> Self {
        let way =
            address.map_or_else(|| "through another server".to_owned(), |address| format!("from {address}"));
        Self::new(
            Kind::new(
                "not-from-here",
                "The call may not come from this address",
                StatusCode::FORBIDDEN,
                40164,
            ),
            format!(
                "calls with a user's token are taken from loopback only, and this one came {way}; `open_user_paths = \
                 true` lets all in"
            ),
        )
    }

    pub(crate) fn bad_path(detail: &'static str) -> Self {
        Self::new(
            Kind::of_http("bad-path", "The path cannot be forwarded", StatusCode::BAD_REQUEST, 40066),
            detail,
        )
    }

    pub(crate) fn bad_method(detail: &'static str) -> Self {
        Self::new(
            Kind::of_http(
                "bad-method",
                "The method cannot be forwarded",
                StatusCode::METHOD_NOT_ALLOWED,
                43002,
            ),
            detail,
        )
    }

    pub(crate) fn too_long() -> Self {
        Self::bad_path("the query is too long, or cannot stand in a URL")
    }

    pub(crate) fn secret_not_known() -> Self {
        Self::new(
            Kind::new(
                "secret-not-known",
                "The hub does not know the app's secret",
                StatusCode::FORBIDDEN,
                48001,
            ),
            "the hub was built without the secret of this app: whoever has built it gives it `HubBuilder::app_secret`",
        )
    }

    /// Nothing was carried out.
    pub(crate) fn unreachable() -> Self {
        let title = "The platform cannot be reached";
        Self::new(
            Kind::of_http("unreachable", title, StatusCode::BAD_GATEWAY, SYSTEM_ERROR),
            "there was no connection to the platform, and the call was not carried out: look at the network, DNS and proxy of the \
             hub's host",
        )
    }

    pub(crate) fn encoded() -> Self {
        let title = "The platform's answer cannot be looked at";
        Self::new(
            Kind::of_http("encoded", title, StatusCode::BAD_GATEWAY, SYSTEM_ERROR),
            "its body is encoded, though nobody asked for that: the call was carried out",
        )
    }

    /// It may have been carried out.
    pub(crate) fn no_answer() -> Self {
        let title = "The platform did not answer";
        Self::new(
            Kind::of_http("no-answer", title, StatusCode::BAD_GATEWAY, SYSTEM_ERROR),
            "the platform ended the connection before it answered: whether the call was carried out is not known",
        )
    }

    /// It may have been carried out.
    pub(crate) fn answer_too_late() -> Self {
        let title = "The platform did not answer in time";
        Self::new(
            Kind::of_http("answer-too-late", title, StatusCode::GATEWAY_TIMEOUT, SYSTEM_ERROR),
            "the platform did not answer within 60 s: whether the call was carried out is not known",
        )
    }
}
