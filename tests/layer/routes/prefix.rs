//! A base URL with a path bounds where the token goes.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_wechat::{Platform, TokenCache, WeChatAuthLayer, issuer::StableToken};

use super::{exchange, is_left_alone};
use crate::routes::support::{
    issuers::{instant, instant_of},
    raw::Raw,
};

/// Layers whose tokens may go to this URL, each by another way.
fn layers(url: &str) -> Vec<(&'static str, WeChatAuthLayer)> {
    let own = WeChatAuthLayer::new(TokenCache::new(instant().0));
    let with_origin = Platform::wechat().with_origin(url).unwrap();
    let endpoint = |_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(
            r#"{"access_token":"TOKEN-1","expires_in":7200}"#,
        )))
    };
    let stable = || StableToken::new("wx0123456789abcdef", "secret").http_client(service_fn(endpoint));
    let of = |issuer| WeChatAuthLayer::new(TokenCache::new(issuer));
    vec![
        ("allow_origin", own.clone().allow_origin(url).unwrap()),
        ("dangerous_plain_http_origin", own.dangerous_plain_http_origin(url).unwrap()),
        ("with_origin", WeChatAuthLayer::new(TokenCache::new(instant_of(with_origin).0))),
        ("base_url", of(stable().base_url(url).unwrap())),
        ("dangerous_plain_http_base_url", of(stable().dangerous_plain_http_base_url(url).unwrap())),
    ]
}

#[tokio::test]
async fn a_server_sees_no_token_outside_the_prefix() {
    let server = Raw::start().await;
    for spelling in ["/wechat", "/wechat/", "//wechat", "/x/../%77echat"] {
        for (how, layer) in layers(&format!("{}{spelling}", server.url())) {
            for target in [
                "/",
                "/hr/salaries",
                "/wechatty/cgi-bin/x",
                "/WECHAT/cgi-bin/x",
                "/wechat/../hr/salaries",
                "/wechat/..",
                "/wechat/%2e%2e/hr/salaries",
                "/wechat/%2E./hr/salaries",
                "/wechat/..%2fhr/salaries",
                "/wechat/x/../../hr/salaries",
                "/wechat/x/..\\../hr/salaries",
                "/wechat%2f../hr/salaries",
                "/hr/wechat/cgi-bin/x",
                "/hr?/wechat/cgi-bin/x",
            ] {
                is_left_alone(&server, &layer, target, &format!("{how} with {spelling}")).await;
            }
        }
    }
}

#[tokio::test]
async fn a_server_sees_the_token_below_the_prefix_and_not_at_its_exempt_paths() {
    let server = Raw::start().await;
    for (how, layer) in layers(&format!("{}/wechat", server.url())) {
        for target in
            ["/wechat/cgi-bin/x", "/wechat", "/wechat/", "/x/../wechat/cgi-bin/x", "/%77echat/cgi-bin/x"]
        {
            let (seen, _) = exchange(&server, &layer, target, "{}").await;
            assert_eq!(seen, format!("{target}?access_token=TOKEN-1"), "{how}");
        }
        for target in ["/wechat/cgi-bin/token", "/wechat//cgi-bin/stable_token", "/wechat/%73ns/auth"] {
            is_left_alone(&server, &layer, target, how).await;
        }
    }
}
