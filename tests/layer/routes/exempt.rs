//! Exempt paths in other spellings, as a server sees them.

use tower_wechat::{Platform, TokenCache, WeChatAuthLayer, issuer::StableToken};

use super::{exchange, is_left_alone};
use crate::routes::support::{issuers::instant_of, raw::Raw};

#[tokio::test]
async fn an_exempt_path_gets_no_token_in_any_spelling() {
    let server = Raw::start().await;
    // A mint would reach the server as a request that is none of these.
    let issuer = StableToken::new("wx0123456789abcdef", "secret").base_url(&server.url()).unwrap();
    let cache = TokenCache::new(issuer);
    let layer = WeChatAuthLayer::new(&cache);
    for target in [
        "/cgi-bin/stable_token",
        "//cgi-bin/stable_token",
        "/cgi-bin/./stable_token",
        "/./cgi-bin/stable_token",
        "/cgi-bin//stable_token",
        "/cgi-bin/x/../stable_token",
        "/cgi-bin/%73table_token",
        "/cgi-bin/%2e/stable_token",
        "/cgi-bin%2Fstable_token",
        "/CGI-BIN/Stable_Token",
        "/cgi-bin/stable_token/",
        "/cgi-bin/stable_token?a=1",
        "//cgi-bin/token",
        "/cgi-bin/tok%65n",
        "//sns/auth",
        "/SNS/auth",
        "/%53ns/auth",
        "/sns//auth",
        "/x/..//sns/./auth?openid=1",
    ] {
        is_left_alone(&server, &layer, target, "exempt").await;
    }
    assert_eq!(cache.stats(), tower_wechat::Stats::default());
}

/// The control.
#[tokio::test]
async fn a_path_that_only_looks_exempt_gets_a_token() {
    let server = Raw::start().await;
    let platform = Platform::wechat().with_origin(&server.url()).unwrap();
    let layer = WeChatAuthLayer::new(TokenCache::new(instant_of(platform).0));
    for target in
        ["/cgi-bin/stable_token2", "/cgi-bin/stable_token/../x", "/snsx/auth", "/sns", "/x/sns/auth"]
    {
        let (seen, _) = exchange(&server, &layer, target, "{}").await;
        assert_eq!(seen, format!("{target}?access_token=TOKEN-1"));
    }
}
