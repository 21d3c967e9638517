//! Whether a call can be forwarded at all.

use axum::extract::Request;
use http::{
    Method, Version,
    header::{TRANSFER_ENCODING, UPGRADE},
};

use crate::{facade, paths::is_normal, problem::Problem};

/// Refuses what cannot be forwarded, or might be understood in another way by the platform than here.
pub(super) fn check(request: &Request) -> Result<(), Problem> {
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Problem::bad_method(
            "CONNECT and TRACE are not forwarded: WeChat's APIs have GET and POST",
        ));
    }
    let uri = request.uri();
    // In HTTP/2 every target has a scheme and a host.
    if request.version() < Version::HTTP_2 && (uri.scheme().is_some() || uri.authority().is_some()) {
        return Err(Problem::bad_path(
            "the request line has a whole URL: the hub is a base URL, and no proxy in the sense of `http_proxy`",
        ));
    }
    let path = uri.path();
    if path.contains("//") {
        return Err(Problem::bad_path(
            "the path has an empty segment: does the base URL end in a slash that is one too many?",
        ));
    }
    if !is_normal(path) {
        return Err(Problem::bad_path(
            "the path is none of WeChat's: those have letters, digits, `_`, `-` and `.` between their slashes",
        ));
    }
    let bare = path.trim_end_matches('/');
    if facade::PATHS.iter().any(|endpoint| endpoint.eq_ignore_ascii_case(bare)) {
        return Err(Problem::bad_path(
            "the token endpoints are /cgi-bin/token, /cgi-bin/stable_token and /cgi-bin/gettoken, and nothing else",
        ));
    }
    if request
        .headers()
        .get_all(TRANSFER_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(Problem::bad_request("no transfer coding but `chunked` is understood"));
    }
    if request.headers().get_all(TRANSFER_ENCODING).iter().count() > 1 {
        return Err(Problem::bad_request("the body is chunked once at most"));
    }
    let asks_for_another_protocol = |value: &http::HeaderValue| {
        // Java's own client offers HTTP/2 with each request, which may be passed over (RFC 9110, 7.8).
        let protocols = value.as_bytes().split(|byte| *byte == b',');
        protocols.into_iter().any(|protocol| !protocol.trim_ascii().eq_ignore_ascii_case(b"h2c"))
    };
    if request.headers().get_all(UPGRADE).iter().any(asks_for_another_protocol) {
        return Err(Problem::bad_request("no other protocol is forwarded: leave `upgrade` out"));
    }
    Ok(())
}
