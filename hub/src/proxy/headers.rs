//! Heads, as RFC 9110 asks a gateway to pass them on.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, EXPECT, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, RANGE, TE, TRANSFER_ENCODING, UPGRADE, VIA,
    },
};

use crate::problem::DONE;

/// Names the app, beside a credential that does not.
pub(super) const APP: HeaderName = HeaderName::from_static("x-wechat-app");

/// Of the connection, and not of the message (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Makes of a client's head one for the platform, for a call of this path.
pub(super) fn to_platform(headers: &mut HeaderMap, path: &str) {
    remove_hop_by_hop(headers);
    // The client's credentials are the hub's business, and so is the connection. A length is the body's own, and stays.
    for name in [AUTHORIZATION, APP, DONE, HOST, EXPECT] {
        headers.remove(name);
    }
    // In an answer that is encoded nobody sees a rejection, nor what must not be seen.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    // Of media one may have a part; of another answer it would be a way to see what is hidden, bit by bit. It may be passed
    // over (RFC 9110, 14.2).
    if !path.starts_with("/cgi-bin/media/") {
        headers.remove(RANGE);
    }
    // (RFC 9110, 7.6.3)
    headers.append(VIA, HeaderValue::from_static("1.1 wechat-hub"));
}

/// Makes of the platform's head one for a client.
pub(super) fn to_client(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    headers.remove(DONE);
}

/// Whether a body is not what it says it is until it is decoded.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let is_plain = |value: &HeaderValue, plain: &str| value.as_bytes().eq_ignore_ascii_case(plain.as_bytes());
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !is_plain(value, "identity"))
        || headers.get_all(TRANSFER_ENCODING).iter().any(|value| !is_plain(value, "chunked"))
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn an_encoded_body_is_seen() {
        for (name, value, is) in [
            ("content-encoding", "gzip", true),
            ("content-encoding", "identity", false),
            ("transfer-encoding", "chunked", false),
            ("transfer-encoding", "gzip, chunked", true),
            ("content-type", "gzip", false),
        ] {
            assert_eq!(is_encoded(&headers(&[(name, value)])), is, "{name}: {value}");
        }
    }

    #[test]
    fn what_is_of_the_connection_ends_here() {
        let mut head = headers(&[
            ("connection", "keep-alive, X-Mine"),
            ("connection", "close"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("host", "hub"),
            ("content-length", "3"),
            ("expect", "100-continue"),
            ("authorization", "Bearer secret"),
            ("proxy-authorization", "Basic x"),
            ("x-wechat-app", "wx"),
            ("x-wechat-hub", "lies"),
            ("accept-encoding", "gzip"),
            ("range", "bytes=0-9"),
            ("content-type", "text/plain"),
            ("via", "1.0 before"),
        ]);
        to_platform(&mut head, "/cgi-bin/user/get");
        let expected = headers(&[
            ("trailer", "x-sum"),
            ("content-length", "3"),
            ("content-type", "text/plain"),
            ("accept-encoding", "identity"),
            ("via", "1.0 before"),
            ("via", "1.1 wechat-hub"),
        ]);
        assert_eq!(head, expected);
        let mut media = headers(&[("range", "bytes=0-9")]);
        to_platform(&mut media, "/cgi-bin/media/get");
        assert_eq!(media["range"], "bytes=0-9");
        let mut head = headers(&[
            ("connection", "close"),
            ("x-wechat-hub", "lies"),
            ("content-length", "3"),
            ("etag", "1"),
        ]);
        to_client(&mut head);
        assert_eq!(head, headers(&[("content-length", "3"), ("etag", "1")]));
    }
}
