//! `use tower_wechat::*` brings the crate's own names and hides nobody else's.

use tower_wechat::*;

#[test]
fn crates_of_the_same_names_as_features_are_still_there() {
    // reqwest wants a TLS provider; whoever comes first installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client: reqwest::Client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    assert!(client.get("https://api.weixin.qq.com/").build().is_ok());
    let _: Option<reqwest_middleware::Error> = None;
    let _: Option<http::Request<bytes::Bytes>> = None;
    let _: Option<tower::BoxError> = None;
    let _: Option<redis::RedisError> = None;
    tracing::trace!("and its macros");
}

#[test]
fn the_public_modules_and_types_are_there() {
    let issuer: issuer::StableToken = issuer::StableToken::new("wx0123456789abcdef", "the-app-secret");
    let cache: TokenCache = TokenCache::builder(issuer).store(store::MemoryStore::new()).build();
    let layer: WeChatAuthLayer = WeChatAuthLayer::new(&cache);
    let _: &dyn std::fmt::Debug = &layer;
    let _: (Option<testing::FakeWeChat>, Option<testing::Fault>) = (None, None);
    let _: (Option<Error>, Option<ErrorKind>, Option<TokenError>) = (None, None, None);
    let _: (Option<AuthOutcome>, Option<NotReplayed>, SkipAuth) = (None, None, SkipAuth);
    let _: (Platform, TokenPool, AppId) = (Platform::wechat(), TokenPool::new(), AppId::from("wx"));
}
