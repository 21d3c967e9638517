//! [`Platform`]: what a family of accounts has in common, wherever its tokens come from.
//!
//! `families` has what WeChat documents, `origin` the places that tokens may go to, `path` the spelling of paths.

mod families;
mod origin;
mod path;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, sync::Arc};

use http::{
    Uri,
    uri::{Authority, Scheme},
};
use percent_encoding::percent_decode_str;

pub(crate) use self::{families::Codes, origin::Origin};
use self::{
    families::Family,
    origin::Address,
    path::{matches, normal},
};
use crate::error::Error;

/// A family of WeChat accounts: in which query parameter its token goes, to which hosts, to which paths not, and which
/// codes say that a token was rejected.
///
/// Cheap to clone. An [`Issuer`](crate::issuer::Issuer) has one. The built-in issuers start from [`wechat`](Self::wechat)
/// or [`wecom`](Self::wecom), and take another by their `with_platform`. An issuer of your own may change one of them:
///
/// ```
/// use tower_wechat::Platform;
///
/// let platform = Platform::component()
///     .with_exempt_path("/cgi-bin/component/of-our-own")
///     .without_exempt_path("/sns/auth");
/// assert_eq!(platform.parameter(), "component_access_token");
/// assert_eq!(platform.rejection_codes(), [40001, 40014, 42001]);
/// ```
///
/// Paths are compared in normal form: percent-encoding undone, without empty segments, `.` and `..`, and whatever the
/// case of their letters. An exempt path may be named without its first slash; an empty one is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform(Arc<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    name: &'static str,
    parameter: Cow<'static, str>,
    /// The same with percent-encoding undone, to be found in a query however it is spelt there.
    parameter_name: Cow<'static, str>,
    /// Whether the parameter's name can stand in a query.
    is_encoded: bool,
    /// The family's own hosts, and what was added.
    origins: Vec<Origin>,
    /// How many of them are the family's own.
    hosts: usize,
    paths: Vec<PathRule>,
    codes: Codes,
    rejection_codes: Box<[i64]>,
}

/// Whether a path gets a token. Of the rules that match a path the longest holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PathRule {
    /// In normal form; one that ends in `/` stands for everything below it.
    path: Cow<'static, str>,
    exempt: bool,
}

/// Why a request does not get a token of this platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfScope {
    /// The URI has no scheme and host, or a port that can be none.
    NotAbsolute,
    OtherHost,
    /// One of the platform's hosts, but by another scheme or port.
    OtherOrigin,
    /// An origin with a path prefix, and the path is not below it.
    OutsidePrefix,
    ExemptPath,
}

impl Platform {
    /// Official accounts, mini programs, mini games and shops: `access_token` to `api.weixin.qq.com` and its regional
    /// names, except for token endpoints and `/sns/`; 40001, 40014 and 42001 mean that the token was rejected
    /// (<https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html>).
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// let platform = Platform::wechat();
    /// assert_eq!(platform.parameter(), "access_token");
    /// assert_eq!(platform.base_url(), "https://api.weixin.qq.com");
    /// assert_eq!(platform.rejection_codes(), [40001, 40014, 42001]);
    /// ```
    #[must_use]
    pub fn wechat() -> Self {
        Self::built_in(&families::WECHAT)
    }

    /// WeCom (企业微信): `access_token` to `qyapi.weixin.qq.com`; 40014 and 42001 mean that the token was rejected, while
    /// 40001 means a wrong secret there (<https://developer.work.weixin.qq.com/document/path/90313>).
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// let platform = Platform::wecom();
    /// assert_eq!(platform.base_url(), "https://qyapi.weixin.qq.com");
    /// assert_eq!(platform.rejection_codes(), [40014, 42001]);
    /// ```
    #[must_use]
    pub fn wecom() -> Self {
        Self::built_in(&families::WECOM)
    }

    /// A third-party platform (第三方平台) with its own token: `component_access_token` to WeChat's hosts, also below
    /// `/sns/component/` and `/sns/oauth2/component/`; the codes are [`wechat`](Self::wechat)'s
    /// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>). Calls on behalf of an account
    /// take that account's `authorizer_access_token`, as the `access_token` of [`wechat`](Self::wechat).
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// let platform = Platform::component();
    /// assert_eq!(platform.parameter(), "component_access_token");
    /// ```
    #[must_use]
    pub fn component() -> Self {
        Self::built_in(&families::COMPONENT)
    }

    /// A suite of WeCom's (第三方应用): `suite_access_token` to WeCom's host; 40082 and 42009 mean that the token was
    /// rejected, too (<https://developer.work.weixin.qq.com/document/path/90313>).
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// let platform = Platform::suite();
    /// assert_eq!(platform.parameter(), "suite_access_token");
    /// assert_eq!(platform.rejection_codes(), [40014, 40082, 42001, 42009]);
    /// ```
    #[must_use]
    pub fn suite() -> Self {
        Self::built_in(&families::SUITE)
    }

    /// A service provider of WeCom's (服务商): `provider_access_token` to WeCom's host, with the codes of
    /// [`suite`](Self::suite) (<https://developer.work.weixin.qq.com/document/path/90313>).
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// let platform = Platform::provider();
    /// assert_eq!(platform.parameter(), "provider_access_token");
    /// ```
    #[must_use]
    pub fn provider() -> Self {
        Self::built_in(&families::PROVIDER)
    }

    fn built_in(family: &Family) -> Self {
        let exempt = family.exempt.iter().copied().flatten();
        Self(Arc::new(Inner {
            name: family.name,
            parameter: Cow::Borrowed(family.parameter),
            parameter_name: Cow::Borrowed(family.parameter),
            is_encoded: true,
            // The hosts are origins; a test parses each of them.
            hosts: family.hosts.len(),
            origins: family.hosts.iter().filter_map(|host| Origin::parse(host).ok()).collect(),
            paths: exempt.map(|path| PathRule { path: Cow::Borrowed(*path), exempt: true }).collect(),
            codes: family.codes,
            rejection_codes: family.rejection_codes.into(),
        }))
    }

    /// Puts the token into another query parameter. It must be percent-encoded: a name that cannot stand in a query makes
    /// every request fail with [`ErrorKind::Uri`](crate::ErrorKind::Uri).
    ///
    /// A request that has a parameter already whose name ends in `access_token` is the caller's own, and left alone. With a
    /// name that does not end so (a gateway's, which uses `access_token` for itself), only that name counts.
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// let gateway = Platform::wechat().with_parameter("wx_token");
    /// assert_eq!(gateway.parameter(), "wx_token");
    /// ```
    #[must_use]
    pub fn with_parameter(self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'&' | b'=' | b'#' | b'"');
        self.with(|inner| {
            inner.is_encoded = !name.is_empty() && name.bytes().all(fits);
            inner.parameter_name = Cow::Owned(percent_decode_str(&name).decode_utf8_lossy().into_owned());
            inner.parameter = name;
        })
    }

    /// Replaces the codes that mean "this token was rejected". 0, which is success, is left out.
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// let platform = Platform::wechat().with_rejection_codes([0, 40001, 42001]);
    /// assert_eq!(platform.rejection_codes(), [40001, 42001]);
    /// ```
    #[must_use]
    pub fn with_rejection_codes(self, codes: impl IntoIterator<Item = i64>) -> Self {
        self.with(|inner| inner.rejection_codes = codes.into_iter().filter(|code| *code != 0).collect())
    }

    /// Adds a path that never gets a token. One that ends in `/` stands for everything below it. Behind the prefix of an
    /// origin, the path is what comes after the prefix.
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// let platform = Platform::wechat()
    ///     .with_exempt_path("/healthz") // this path
    ///     .with_exempt_path("/public/"); // all that is below this one
    /// # drop(platform);
    /// ```
    #[must_use]
    pub fn with_exempt_path(self, path: impl Into<Cow<'static, str>>) -> Self {
        self.with_rule(path.into(), true)
    }

    /// Lets a path have a token although it, or a folder above it, is exempt. One that ends in `/` stands for everything
    /// below it. Of all paths that were named the longest that matches holds.
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// // A gateway's own calls below `/sns/` take the app's token after all.
    /// let platform = Platform::wechat().without_exempt_path("/sns/of-ours/");
    /// # drop(platform);
    /// ```
    #[must_use]
    pub fn without_exempt_path(self, path: impl Into<Cow<'static, str>>) -> Self {
        self.with_rule(path.into(), false)
    }

    fn with_rule(self, path: Cow<'static, str>, exempt: bool) -> Self {
        if path.is_empty() {
            return self;
        }
        let path = if path.starts_with('/') { path } else { Cow::Owned(format!("/{path}")) };
        let path = match normal(&path) {
            Cow::Borrowed(_) => path,
            Cow::Owned(normal) => Cow::Owned(normal),
        };
        self.with(|inner| {
            inner.paths.retain(|rule| !rule.path.eq_ignore_ascii_case(&path));
            inner.paths.push(PathRule { path, exempt });
        })
    }

    /// Adds an origin to those that the token may go to. If the URL has a path, only what is below that path.
    ///
    /// ```
    /// use tower_wechat::{ErrorKind, Platform};
    ///
    /// let platform = Platform::wechat().with_origin("https://gateway.example/wx")?;
    /// assert_eq!(platform.base_url(), "https://gateway.example/wx");
    ///
    /// let error = platform.with_origin("http://gateway.example").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Config);
    /// # Ok::<(), tower_wechat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything but `https://host[:port][/prefix]`, or the same with
    /// `http` and a loopback host: a token must not cross a network in the clear.
    pub fn with_origin(self, url: &str) -> Result<Self, Error> {
        Ok(self.and(Origin::parse(url)?))
    }

    pub(crate) fn and(self, origin: Origin) -> Self {
        self.with(|inner| inner.origins.push(origin))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Which family it is, whatever was changed of it: `wechat`, `wecom`, `component`, `suite` or `provider`.
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// assert_eq!(Platform::wecom().with_rejection_codes([42001]).name(), "wecom");
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Where calls to this platform go: the origin that was added last, with its path prefix, or the first of the family's own
    /// hosts. Without a slash at its end.
    ///
    /// ```
    /// use tower_wechat::Platform;
    ///
    /// assert_eq!(Platform::wecom().base_url(), "https://qyapi.weixin.qq.com");
    /// let private = Platform::wecom().with_origin("https://wecom.example/api/")?;
    /// assert_eq!(private.base_url(), "https://wecom.example/api");
    /// # Ok::<(), tower_wechat::Error>(())
    /// ```
    #[must_use]
    pub fn base_url(&self) -> String {
        let Inner { origins, hosts, .. } = &*self.0;
        let own = origins.len() > *hosts;
        let origin = if own { origins.last() } else { origins.first() };
        origin.map(Origin::canonical).unwrap_or_default()
    }

    /// The query parameter that carries the token.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.0.parameter
    }

    /// The same, with percent-encoding undone.
    pub(crate) fn parameter_name(&self) -> &str {
        &self.0.parameter_name
    }

    /// The same, unless it cannot stand in a query.
    pub(crate) fn parameter_in_query(&self) -> Option<&str> {
        self.0.is_encoded.then_some(&self.0.parameter)
    }

    /// The codes that mean "this token was rejected".
    #[must_use]
    pub fn rejection_codes(&self) -> &[i64] {
        &self.0.rejection_codes
    }

    /// What its other codes mean.
    pub(crate) fn codes(&self) -> Codes {
        self.0.codes
    }

    /// Whether a token of this platform may go to `uri`: to one of its origins or an allowed one, and not to an exempt path.
    pub(crate) fn scope(&self, uri: &Uri, allowed: &[Origin]) -> Result<(), OutOfScope> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(OutOfScope::NotAbsolute);
        };
        let mut scope = Scope { platform: self, uri, path: None, verdict: None };
        for origins in [self.0.origins.as_slice(), allowed] {
            for origin in origins {
                if origin.is_spelt(scheme, authority) {
                    scope.covered_by(origin);
                }
            }
        }
        scope.verdict.unwrap_or_else(|| self.scope_of_odd(scope, scheme, authority, allowed))
    }

    /// The same for an authority that is no origin's as it is spelt: it is another spelling, or another place.
    fn scope_of_odd<'u>(
        &self,
        mut scope: Scope<'u>,
        scheme: &'u Scheme,
        authority: &'u Authority,
        allowed: &[Origin],
    ) -> Result<(), OutOfScope> {
        let address = Address::of(scheme, authority).ok_or(OutOfScope::NotAbsolute)?;
        let mut elsewhere = OutOfScope::OtherHost;
        for origins in [self.0.origins.as_slice(), allowed] {
            for origin in origins.iter().filter(|origin| origin.has_host(&address)) {
                elsewhere = OutOfScope::OtherOrigin;
                if origin.is_at(&address) {
                    scope.covered_by(origin);
                }
            }
        }
        scope.verdict.unwrap_or(Err(elsewhere))
    }

    fn exempts(&self, path: &str) -> bool {
        let (mut longest, mut exempt) = (0, false);
        for rule in &self.0.paths {
            if rule.path.len() > longest && matches(path, &rule.path) {
                (longest, exempt) = (rule.path.len(), rule.exempt);
            }
        }
        exempt
    }
}

/// Whether a request to one or more of a platform's origins gets a token: each must let it have one.
struct Scope<'u> {
    platform: &'u Platform,
    uri: &'u Uri,
    /// In normal form, once it is asked for.
    path: Option<Cow<'u, str>>,
    verdict: Option<Result<(), OutOfScope>>,
}

impl Scope<'_> {
    fn covered_by(&mut self, origin: &Origin) {
        let path = self.path.get_or_insert_with(|| normal(self.uri.path()));
        let verdict = match origin.below(path) {
            Some(below) if self.platform.exempts(below) => Err(OutOfScope::ExemptPath),
            Some(_) => Ok(()),
            None => Err(OutOfScope::OutsidePrefix),
        };
        self.verdict = Some(match (self.verdict, verdict) {
            (Some(Err(OutOfScope::ExemptPath)), _) | (_, Err(OutOfScope::ExemptPath)) => {
                Err(OutOfScope::ExemptPath)
            }
            (Some(Ok(())), _) | (_, Ok(())) => Ok(()),
            _ => verdict,
        });
    }
}
