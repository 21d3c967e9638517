//! [`Origin`]: a place that tokens may go to, and [`Address`]: where a request goes.

use std::net::IpAddr;

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use super::{families::WECHAT_HOSTS, path::normal};
use crate::error::Error;

/// Scheme, host, port and path prefix of a base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: Scheme,
    host: Box<str>,
    port: u16,
    /// Host and port as most requests spell them: in small letters, without the port that the scheme has anyway.
    authority: Box<str>,
    /// In normal form, without a slash at its end.
    prefix: Box<str>,
}

/// Where a request goes, taken apart once.
pub(super) struct Address<'u> {
    scheme: &'u Scheme,
    host: &'u str,
    port: u16,
}

impl<'u> Address<'u> {
    /// None for a port that can be none.
    pub(super) fn of(scheme: &'u Scheme, authority: &'u Authority) -> Option<Self> {
        let text = authority.as_str();
        if text.bytes().any(|byte| matches!(byte, b'@' | b':')) {
            return Some(Self { scheme, host: authority.host(), port: port(scheme, authority)? });
        }
        Some(Self { scheme, host: text, port: default_port(scheme)? })
    }
}

impl Origin {
    /// Takes `https://host[:port][/prefix]`, or the same with `http` and a loopback host.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let origin = Self::with_any_scheme(url)?;
        if origin.scheme == Scheme::HTTP && !is_loopback(&origin.host) {
            return Err(refused("would send tokens in the clear: plain http is for loopback hosts only"));
        }
        Ok(origin)
    }

    /// The same, and plain `http` to any host: whoever can listen on the way can take the token.
    pub(crate) fn parse_dangerous_plain_http(url: &str) -> Result<Self, Error> {
        Self::with_any_scheme(url)
    }

    fn with_any_scheme(url: &str) -> Result<Self, Error> {
        if url.contains(['?', '#']) {
            return Err(refused("has a query or a fragment"));
        }
        let Ok(uri) = url.parse::<Uri>() else {
            return Err(refused("is no URL"));
        };
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(refused("has no scheme or no host"));
        };
        if authority.as_str().contains('@') {
            return Err(refused("has a user name in it"));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(refused("has no host"));
        }
        let is_odd = |byte: u8| {
            !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-' | b'_' | b'[' | b']' | b':')
        };
        if host.bytes().any(is_odd) {
            return Err(refused("has a host that no request can have"));
        }
        if default_port(scheme).is_none() {
            return Err(refused("has a scheme other than https"));
        }
        let Some(port) = port(scheme, authority) else {
            return Err(refused("has an impossible port"));
        };
        let host = host.to_ascii_lowercase();
        let usual = default_port(scheme) == Some(port);
        Ok(Self {
            scheme: scheme.clone(),
            authority: if usual { host.clone() } else { format!("{host}:{port}") }.into(),
            host: host.into(),
            port,
            prefix: normal(uri.path()).trim_end_matches('/').into(),
        })
    }

    /// One spelling for all base URLs of this origin.
    pub(crate) fn canonical(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.prefix)
    }

    /// The same without the path prefix.
    #[cfg(feature = "hub")]
    pub(crate) fn without_prefix(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Whether this is one of WeChat's own hosts, which are one platform under several names.
    pub(crate) fn is_wechats_own(&self) -> bool {
        WECHAT_HOSTS.iter().any(|host| Self::parse(host).is_ok_and(|host| host == *self))
    }

    /// Whether a request with this scheme and authority goes there, and spells it as most do.
    pub(super) fn is_spelt(&self, scheme: &Scheme, authority: &Authority) -> bool {
        *self.authority == *authority.as_str() && self.scheme == *scheme
    }

    /// Whether an address of this host is this origin.
    pub(super) fn is_at(&self, address: &Address<'_>) -> bool {
        address.port == self.port && *address.scheme == self.scheme
    }

    /// Whether the address has this host, whatever its scheme and port.
    pub(super) fn has_host(&self, address: &Address<'_>) -> bool {
        // The length tells most of them apart.
        address.host.len() == self.host.len() && address.host.eq_ignore_ascii_case(&self.host)
    }

    /// What comes after the prefix in a path of normal form; none where the path is not below the prefix.
    pub(super) fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(&*self.prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

fn refused(why: &str) -> Error {
    Error::config(format!("a base URL must look like https://host[:port][/prefix]; this one {why}"))
}

/// The port that is meant, if it can be one. `Authority::port` takes an impossible one for none.
fn port(scheme: &Scheme, authority: &Authority) -> Option<u16> {
    let text = authority.as_str();
    let host_and_port = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    match host_and_port.strip_prefix(authority.host())?.strip_prefix(':') {
        None | Some("") => default_port(scheme),
        Some(port) => port.parse().ok(),
    }
}

fn default_port(scheme: &Scheme) -> Option<u16> {
    if *scheme == Scheme::HTTPS {
        Some(443)
    } else if *scheme == Scheme::HTTP {
        Some(80)
    } else {
        None
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_base_url_is_refused_with_a_reason() {
        for (bad, why) in [
            ("", "no URL"),
            ("api.weixin.qq.com", "no scheme"),
            ("/cgi-bin", "no scheme"),
            ("ftp://host/", "scheme other"),
            ("https://host/?a=1", "query"),
            ("https://host/#x", "fragment"),
            ("https://u:p@host/", "user name"),
            ("http://api.weixin.qq.com", "in the clear"),
            ("http://10.0.0.1", "in the clear"),
            ("https://host:99999", "port"),
            ("https://ho st", "no URL"),
        ] {
            let error = Origin::parse(bad).expect_err(bad);
            assert_eq!(error.kind(), crate::ErrorKind::Config);
            assert!(error.to_string().contains(why), "{bad}: {error}");
            if why != "in the clear" {
                assert!(Origin::parse_dangerous_plain_http(bad).is_err(), "{bad}");
            }
        }
        for good in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1/x", "https://10.0.0.1/p"] {
            assert!(Origin::parse(good).is_ok(), "{good}");
        }
        assert!(Origin::parse_dangerous_plain_http("http://wecom.intranet:8080/p").is_ok());
    }
}
