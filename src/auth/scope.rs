//! Which requests get a token.

use http::Uri;

use crate::{
    platform::{Address, Origin, Platform},
    request::has_parameter,
};

/// A request with this extension goes out untouched, and its answer has no [`AuthOutcome`](crate::AuthOutcome).
///
/// ```
/// use tower_wechat::SkipAuth;
///
/// let mut request = http::Request::get("https://api.weixin.qq.com/cgi-bin/get_api_domain_ip").body(()).unwrap();
/// request.extensions_mut().insert(SkipAuth);
/// ```
///
/// Where requests have no extensions (reqwest's), [`WeChatAuth::without_auth`](crate::WeChatAuth::without_auth) takes its
/// place.
#[allow(clippy::exhaustive_structs)] // A mark, and nothing but a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SkipAuth;

/// Calls with one of these in the query are authorised by it.
const SECRETS: [&str; 3] = ["secret", "appsecret", "corpsecret"];

/// Whether a request to `uri` gets a token of the platform: it goes to one of the platform's origins or an allowed one,
/// its path is not exempt, and it carries neither a token of the caller's own nor a secret.
pub(super) fn wants_token(platform: &Platform, allowed: &[Origin], uri: &Uri) -> bool {
    Address::of(uri).is_some_and(|address| platform.admits(&address, allowed))
        && !has_parameter(uri, platform.parameter())
        && !SECRETS.iter().any(|secret| has_parameter(uri, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(uri: &str) -> bool {
        let allowed =
            ["http://127.0.0.1:8080", "https://proxy.example/wx"].map(|url| Origin::parse(url).unwrap());
        wants_token(&Platform::wechat(), &allowed, &uri.parse().unwrap())
    }

    #[test]
    fn ordinary_calls_get_a_token() {
        for uri in [
            "https://api.weixin.qq.com/cgi-bin/message/custom/send",
            "https://api2.weixin.qq.com/wxa/msg_sec_check?lang=zh_CN",
            "https://api.weixin.qq.com/cgi-bin/x?component_access_token=1",
            "https://api.weixin.qq.com/cgi-bin/x?a=access_token=1&my_secret=2",
            "http://127.0.0.1:8080/cgi-bin/user/info",
            "https://proxy.example/wx/cgi-bin/user/info",
        ] {
            assert!(wants(uri), "{uri}");
        }
    }

    #[test]
    fn everything_else_does_not() {
        for uri in [
            "http://api.weixin.qq.com/cgi-bin/x",
            "https://example.com/cgi-bin/x",
            "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=x",
            "https://api.mch.weixin.qq.com/v3/pay",
            "https://api.weixin.qq.com/sns/userinfo?openid=x",
            "https://api.weixin.qq.com/cgi-bin/stable_token",
            "https://api.weixin.qq.com/cgi-bin/x?access_token=mine",
            "https://api.weixin.qq.com/cgi-bin/x?a=1&access_token",
            "https://api.weixin.qq.com/cgi-bin/x?access%5Ftoken=mine",
            "https://api.weixin.qq.com/cgi-bin/clear_quota?appid=x&appsecret=y",
            "http://127.0.0.1:8081/cgi-bin/x",
            "https://proxy.example/wx/cgi-bin/stable_token",
            "https://proxy.example/wx/sns/userinfo",
            "/cgi-bin/x",
        ] {
            assert!(!wants(uri), "{uri}");
        }
    }
}
