//! Settings that make no sense.

use serde::Deserialize;
use tower_wechat::{AppSecret, TokenCache, WeChatAuthLayer, issuer::StableToken};

use crate::catalogue::Catalogue;

#[derive(Debug, Deserialize)]
struct Settings {
    #[allow(dead_code, reason = "it is read, and that fails")]
    secret: AppSecret,
}

pub(crate) fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let issuer = || StableToken::new("wx0123456789abcdef", "secret");
    for url in [
        "https://api.weixin.qq.com/?a=b",
        "no url",
        "api.weixin.qq.com",
        "https://user@api.weixin.qq.com",
        "https://:443",
        "https://api.weixin.qq.com*",
        "ftp://api.weixin.qq.com",
        "https://api.weixin.qq.com:99999",
    ] {
        seen.add("base-url", issuer().base_url(url).expect_err(url));
    }
    let layer = WeChatAuthLayer::new(TokenCache::new(issuer()));
    seen.add("base-url", layer.allow_origin("http://gateway.intranet").expect_err("in the clear"));
    let bad = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
    for text in ["", bad, "-----BEGIN CERTIFICATE-----\nMII"] {
        seen.add("roots", issuer().root_certificates_pem(text.as_bytes()).expect_err("no certificate"));
    }
    seen.add("secret-type", serde_json::from_str::<Settings>(r#"{"secret":42}"#).expect_err("a number"));
    seen
}
