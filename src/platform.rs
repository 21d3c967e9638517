//! [`Platform`]: what a family of accounts has in common, wherever its tokens come from.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use crate::error::Error;

/// A family of WeChat accounts: in which query parameter its token goes, to which hosts, to which paths not, and which
/// codes say that a token was rejected.
///
/// Cheap to clone. An [`Issuer`](crate::issuer::Issuer) has one; [`wechat`](Self::wechat) and [`wecom`](Self::wecom)
/// are the two that the built-in issuers start from. An issuer of your own may change one of them:
///
/// ```
/// use tower_wechat::Platform;
///
/// // A third-party platform, which has its tokens in another parameter.
/// let platform = Platform::wechat().with_parameter("component_access_token");
/// assert_eq!(platform.parameter(), "component_access_token");
/// assert_eq!(platform.rejection_codes(), [40001, 40014, 42001]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform(Arc<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    parameter: Cow<'static, str>,
    origins: Vec<Origin>,
    exempt: Vec<Cow<'static, str>>,
    rejection_codes: Arc<[i64]>,
}

/// WeChat's nearest access point, its disaster-recovery name and the regional ones
/// (<https://developers.weixin.qq.com/doc/service/Basic_Information/Interface_field_description.html>).
const WECHAT_HOSTS: [&str; 5] = [
    "https://api.weixin.qq.com",
    "https://api2.weixin.qq.com",
    "https://sh.api.weixin.qq.com",
    "https://sz.api.weixin.qq.com",
    "https://hk.api.weixin.qq.com",
];

/// Token endpoints, calls that carry the secret or a ticket instead, and `/sns/`, where `access_token` is the *user's*.
const WECHAT_EXEMPT: [&str; 7] = [
    "/cgi-bin/token",
    "/cgi-bin/stable_token",
    "/cgi-bin/clear_quota/v2",
    "/cgi-bin/component/api_component_token",
    "/cgi-bin/component/api_start_push_ticket",
    "/cgi-bin/component/clear_quota/v2",
    "/sns/",
];

/// Token endpoints, and the group robot, which a key of its own authorises.
const WECOM_EXEMPT: [&str; 5] = [
    "/cgi-bin/gettoken",
    "/cgi-bin/service/get_suite_token",
    "/cgi-bin/service/get_provider_token",
    "/cgi-bin/openhw/get_model_token",
    "/cgi-bin/webhook/",
];

impl Platform {
    /// Official accounts, mini programs, mini games and shops: `access_token` to `api.weixin.qq.com` and its regional
    /// names; 40001, 40014 and 42001 mean that the token was rejected
    /// (<https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html>).
    #[must_use]
    pub fn wechat() -> Self {
        Self::built_in(&WECHAT_HOSTS, &WECHAT_EXEMPT, &[40001, 40014, 42001])
    }

    /// WeCom (企业微信): `access_token` to `qyapi.weixin.qq.com`; 40014 and 42001 mean that the token was rejected, while
    /// 40001 means a wrong secret there (<https://developer.work.weixin.qq.com/document/path/90313>).
    #[must_use]
    pub fn wecom() -> Self {
        Self::built_in(&["https://qyapi.weixin.qq.com"], &WECOM_EXEMPT, &[40014, 42001])
    }

    fn built_in(hosts: &[&str], exempt: &[&'static str], codes: &[i64]) -> Self {
        Self(Arc::new(Inner {
            parameter: Cow::Borrowed("access_token"),
            // The constants above are origins; a test parses each of them.
            origins: hosts.iter().filter_map(|host| Origin::parse(host).ok()).collect(),
            exempt: exempt.iter().map(|path| Cow::Borrowed(*path)).collect(),
            rejection_codes: codes.into(),
        }))
    }

    /// Puts the token into another query parameter (`component_access_token`, `suite_access_token`, …).
    #[must_use]
    pub fn with_parameter(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|inner| inner.parameter = name.into())
    }

    /// Replaces the codes that mean "this token was rejected".
    #[must_use]
    pub fn with_rejection_codes(self, codes: impl IntoIterator<Item = i64>) -> Self {
        self.with(|inner| inner.rejection_codes = codes.into_iter().collect())
    }

    /// Adds a path that never gets a token. One that ends in `/` stands for everything below it.
    #[must_use]
    pub fn with_exempt_path(self, path: impl Into<Cow<'static, str>>) -> Self {
        self.with(|inner| inner.exempt.push(path.into()))
    }

    /// Adds an origin, with or without a path prefix, to those that the token may go to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything but `https://host[:port][/prefix]`, or the same with
    /// `http` and a loopback host: a token must not cross a network in the clear.
    pub fn with_origin(self, url: &str) -> Result<Self, Error> {
        let origin = Origin::parse(url)?;
        Ok(self.with(|inner| inner.origins.push(origin)))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// The query parameter that carries the token.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.0.parameter
    }

    /// The codes that mean "this token was rejected".
    #[must_use]
    pub fn rejection_codes(&self) -> &[i64] {
        &self.0.rejection_codes
    }

    pub(crate) fn shared_codes(&self) -> Arc<[i64]> {
        self.0.rejection_codes.clone()
    }

    /// Whether the token may go there: to one of the platform's origins or an allowed one, and not to an exempt path below
    /// it.
    pub(crate) fn admits(&self, address: &Address<'_>, allowed: &[Origin]) -> bool {
        let mut covering =
            self.0.origins.iter().chain(allowed).filter(|origin| origin.covers(address)).peekable();
        covering.peek().is_some()
            && !self.exempts(address.path)
            && !covering.any(|origin| self.exempts(origin.below(address.path)))
    }

    fn exempts(&self, path: &str) -> bool {
        self.0.exempt.iter().any(|exempt| match exempt.strip_suffix('/') {
            Some(folder) => path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
            None => path.trim_end_matches('/') == exempt.as_ref(),
        })
    }
}

/// Where a request goes, taken apart once.
pub(crate) struct Address<'u> {
    scheme: &'u Scheme,
    host: &'u str,
    port: u16,
    path: &'u str,
}

impl<'u> Address<'u> {
    /// None for a URI that is not whole, or whose port can be none.
    pub(crate) fn of(uri: &'u Uri) -> Option<Self> {
        let (scheme, authority) = (uri.scheme()?, uri.authority()?);
        Some(Self { scheme, host: authority.host(), port: port(scheme, authority)?, path: uri.path() })
    }
}

/// Scheme, host, port and path prefix of a base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: Scheme,
    host: Box<str>,
    port: u16,
    prefix: Box<str>,
}

impl Origin {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Err(Error::config(format!(
                "a base URL must look like https://host[:port][/prefix]; this one {why}"
            )))
        };
        if url.contains(['?', '#']) {
            return refuse("has a query or a fragment");
        }
        let Ok(uri) = url.parse::<Uri>() else {
            return refuse("is no URL");
        };
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return refuse("has no scheme or no host");
        };
        if authority.as_str().contains('@') {
            return refuse("has a user name in it");
        }
        let host = authority.host();
        if host.is_empty() {
            return refuse("has no host");
        }
        if *scheme == Scheme::HTTP && !is_loopback(host) {
            return refuse("would send tokens in the clear: plain http is for loopback hosts only");
        }
        if default_port(scheme).is_none() {
            return refuse("has a scheme other than https");
        }
        let Some(port) = port(scheme, authority) else {
            return refuse("has an impossible port");
        };
        Ok(Self {
            scheme: scheme.clone(),
            host: host.to_ascii_lowercase().into(),
            port,
            prefix: uri.path().trim_end_matches('/').into(),
        })
    }

    fn covers(&self, address: &Address<'_>) -> bool {
        *address.scheme == self.scheme
            && address.port == self.port
            && address.host.eq_ignore_ascii_case(&self.host)
    }

    /// The path after this origin's prefix, or the whole path where the prefix is not there.
    fn below<'u>(&self, path: &'u str) -> &'u str {
        match path.strip_prefix(&*self.prefix) {
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        }
    }
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
    match scheme.as_str() {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
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

    fn admits(platform: &Platform, uri: &str) -> bool {
        Address::of(&uri.parse().unwrap()).is_some_and(|address| platform.admits(&address, &[]))
    }

    #[test]
    fn the_built_in_origins_all_parse() {
        assert_eq!(Platform::wechat().0.origins.len(), WECHAT_HOSTS.len());
        assert_eq!(Platform::wecom().0.origins.len(), 1);
    }

    #[test]
    fn only_its_own_hosts_over_https_are_covered() {
        let platform = Platform::wechat();
        for inside in [
            "https://api.weixin.qq.com/cgi-bin/x",
            "https://API.weixin.qq.com:443/",
            "https://hk.api.weixin.qq.com/x?y=1",
            "https://user@api.weixin.qq.com/",
        ] {
            assert!(admits(&platform, inside), "{inside}");
        }
        for outside in [
            "http://api.weixin.qq.com/",
            "https://api.weixin.qq.com:8443/",
            "https://api.weixin.qq.com:99999/",
            "https://api.weixin.qq.com.evil.example/",
            "https://api.weixin.qq.com@evil.example/",
            "https://mp.weixin.qq.com/cgi-bin/showqrcode",
            "https://api.weixin.qq.com./",
            "/cgi-bin/x",
            "api.weixin.qq.com:443",
            "*",
        ] {
            assert!(!admits(&platform, outside), "{outside}");
        }
    }

    #[test]
    fn exempt_paths_are_whole_paths_or_folders_below_the_prefix() {
        let platform = Platform::wechat().with_origin("https://proxy.example/wx/").unwrap();
        for exempt in [
            "https://api.weixin.qq.com/cgi-bin/token",
            "https://api.weixin.qq.com/cgi-bin/stable_token/",
            "https://api.weixin.qq.com/sns/userinfo",
            "https://proxy.example/wx/cgi-bin/token?a=1",
            "https://proxy.example/wx/sns/auth",
        ] {
            assert!(!admits(&platform, exempt), "{exempt}");
        }
        for open in [
            "https://api.weixin.qq.com/cgi-bin/token2",
            "https://api.weixin.qq.com/snsx/userinfo",
            "https://api.weixin.qq.com/cgi-bin/clear_quota",
            "https://proxy.example/wxx/cgi-bin/token",
        ] {
            assert!(admits(&platform, open), "{open}");
        }
    }

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
        }
        for good in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1/x", "https://10.0.0.1/p"] {
            assert!(Origin::parse(good).is_ok(), "{good}");
        }
    }
}
