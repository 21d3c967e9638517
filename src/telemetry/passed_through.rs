//! Requests that go out without a token of ours, and why: the first thing to know when a call is answered with 41001.

use http::Uri;

#[cfg(feature = "tracing")]
use super::TARGET;

/// Why the layer left a request alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassedThrough {
    NotAbsolute,
    OtherHost,
    OtherOrigin,
    OutsidePrefix,
    ExemptPath,
    OwnToken,
    Placeholder,
    OwnSecret,
    SkipAuth,
}

#[cfg(feature = "tracing")]
impl PassedThrough {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotAbsolute => "the URI has no scheme and host",
            Self::OtherHost => "it goes to another host",
            Self::OtherOrigin => "it goes to a host of the platform, but by another scheme or port",
            Self::OutsidePrefix => "its path is not below the prefix of the origin",
            Self::ExemptPath => "no token goes to this path",
            Self::OwnToken => "it has a token of the caller's own in the query",
            Self::Placeholder => "it has a placeholder for a token in the query",
            Self::OwnSecret => "it has a secret in the query",
            Self::SkipAuth => "the caller asked for that",
        }
    }
}

/// Says that a request goes out as it is. Neither path nor query is shown: other hosts have secrets in either.
#[cfg(feature = "tracing")]
pub(crate) fn passed_through(uri: &Uri, why: PassedThrough) {
    if why == PassedThrough::Placeholder {
        warn_of_placeholder(uri.host());
    }
    // What it shows is looked up only if somebody listens.
    tracing::debug!(target: TARGET, host = uri.host(), why = why.as_str(), "sent a request without a token");
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn passed_through(_: &Uri, _: PassedThrough) {}

/// Once: the code that builds such requests builds all of them so.
#[cfg(feature = "tracing")]
fn warn_of_placeholder(host: Option<&str>) {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| say_placeholder(host));
}

#[cfg(feature = "tracing")]
pub(super) fn say_placeholder(host: Option<&str>) {
    tracing::warn!(
        target: TARGET,
        host,
        "a request has `access_token=`, `=ACCESS_TOKEN` or `=null` left in its query, and is sent without a token; take \
         the parameter out, and the layer puts the token in"
    );
}
