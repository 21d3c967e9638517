//! Each family of accounts over real sockets: its parameter, its paths, its codes.

use std::{
    future::ready,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http_body_util::Full;
use tower::ServiceExt;
use tower_wechat::{
    Platform, TokenCache,
    issuer::{AccountKey, ClassicToken, Issuer, Mint, MintFuture, Minted, StableToken, WeCom},
    testing::{Answer, FakeWeChat, Fault},
};

use super::soon;
use crate::routes::support::{self, client, post, read, stable, wecom};

/// An issuer of somebody's own, as the docs have it.
struct Component {
    platform: Platform,
    mints: AtomicU64,
}

impl Issuer for Component {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        let number = self.mints.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(ready(Ok(Minted::new(format!("COMPONENT-{number}"), Duration::from_secs(7200)))))
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("component", "https://tokens.example", "wxcomponent", None)
    }
}

async fn call(cache: &TokenCache, wechat: &FakeWeChat, target: &str) -> support::Answer {
    let request = post(wechat, target, Full::from("{}"));
    read(soon(client(cache).oneshot(request)).await.unwrap()).await
}

/// The platform that is simulated knows only tokens of apps.
fn accept_any_token(wechat: &FakeWeChat, path: &str) {
    wechat.set_open_answer(path, Answer::json(r#"{"errcode":0}"#));
}

#[tokio::test]
async fn the_token_goes_into_the_parameter_of_its_family() {
    for (platform, parameter) in [
        (Platform::wechat(), "access_token"),
        (Platform::wecom(), "access_token"),
        (Platform::component(), "component_access_token"),
        (Platform::suite(), "suite_access_token"),
        (Platform::provider(), "provider_access_token"),
        (Platform::wechat().with_parameter("authorizer_access_token"), "authorizer_access_token"),
    ] {
        let wechat = FakeWeChat::start().await;
        accept_any_token(&wechat, "/cgi-bin/x");
        let cache = TokenCache::new(stable(&wechat).with_platform(platform));
        assert_eq!(call(&cache, &wechat, "/cgi-bin/x?a=1").await.errcode(), Some(0));
        wechat.expire();
        wechat.fail_next_apis(1, Fault::Errcode(42001));
        assert!(call(&cache, &wechat, "/cgi-bin/x?a=1").await.replayed());
        let seen = wechat.seen();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|seen| seen.query == format!("a=1&{parameter}=***")), "{seen:?}");
        assert_eq!(seen[2].token, Some(cache.current().unwrap().fingerprint()));
    }
}

#[tokio::test]
async fn an_issuer_of_ones_own_has_a_family_too() {
    let wechat = FakeWeChat::start().await;
    let platform = Platform::component().with_origin(&wechat.url()).unwrap();
    let cache = TokenCache::new(Component { platform, mints: AtomicU64::new(0) });
    let path = "/cgi-bin/component/api_query_auth";
    accept_any_token(&wechat, path);
    wechat.fail_next_apis(1, Fault::Errcode(42001));
    let answer = call(&cache, &wechat, path).await;
    assert!(answer.replayed());
    assert_eq!(answer.errcode(), Some(0));
    let seen = wechat.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.query == "component_access_token=***"));
    assert_ne!(seen[0].token, seen[1].token);
    assert_eq!(cache.current().unwrap().as_str(), "COMPONENT-2");
}

const OF_COMPONENTS: [&str; 3] = [
    "/sns/component/jscode2session",
    "/sns/oauth2/component/access_token",
    "/sns/oauth2/component/refresh_token",
];
const OF_USERS: [&str; 5] = [
    "/sns/jscode2session",
    "/sns/oauth2/access_token",
    "/sns/oauth2/refresh_token",
    "/sns/userinfo",
    "/sns/auth",
];

#[tokio::test]
async fn a_components_token_goes_to_its_own_paths_below_sns() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat).with_platform(Platform::component()));
    for path in OF_COMPONENTS {
        wechat.clear_seen();
        accept_any_token(&wechat, path);
        assert_eq!(call(&cache, &wechat, path).await.errcode(), Some(0));
        let seen = &wechat.seen()[0];
        assert_eq!(seen.query, "component_access_token=***", "{path}");
        assert_eq!(seen.token, Some(cache.current().unwrap().fingerprint()), "{path}");
    }
    for path in OF_USERS {
        wechat.clear_seen();
        call(&cache, &wechat, path).await;
        assert_eq!(wechat.seen()[0].query, "", "{path}");
    }
}

#[tokio::test]
async fn an_accounts_token_goes_nowhere_below_sns() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    for path in OF_COMPONENTS.into_iter().chain(OF_USERS) {
        wechat.clear_seen();
        call(&cache, &wechat, path).await;
        assert_eq!(wechat.seen()[0].query, "", "{path}");
    }
    assert_eq!(wechat.token_requests(), 0);
}

#[tokio::test]
async fn an_exemption_is_lifted_by_name() {
    let wechat = FakeWeChat::start().await;
    let platform =
        Platform::wechat().without_exempt_path("/sns/component/").with_exempt_path("/wxa/of-our-own");
    let cache = TokenCache::new(stable(&wechat).with_platform(platform));
    for (path, query) in [
        ("/sns/component/jscode2session", "access_token=***"),
        ("/SNS/component/jscode2session", "access_token=***"),
        ("/sns/oauth2/component/access_token", ""),
        ("/sns/userinfo", ""),
        ("/wxa/of-our-own", ""),
    ] {
        wechat.clear_seen();
        call(&cache, &wechat, path).await;
        assert_eq!(wechat.seen()[0].query, query, "{path}");
    }
}

/// Whether a call that is answered with this code once is healed.
async fn heals(platform: Platform, errcode: i64) -> bool {
    let wechat = FakeWeChat::start().await;
    accept_any_token(&wechat, "/cgi-bin/x");
    let cache = TokenCache::new(wecom(&wechat).with_platform(platform));
    cache.token().await.unwrap();
    wechat.fail_next_apis(1, Fault::Errcode(errcode));
    let answer = call(&cache, &wechat, "/cgi-bin/x").await;
    assert_eq!(answer.rejected(), answer.replayed());
    assert_eq!(answer.errcode(), Some(if answer.replayed() { 0 } else { errcode }));
    let times = if answer.replayed() { 2 } else { 1 };
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (times, times));
    answer.replayed()
}

#[tokio::test]
async fn the_codes_of_a_suite_heal_suites_and_providers_alone() {
    for errcode in [40082, 42009] {
        assert!(heals(Platform::suite(), errcode).await, "{errcode}");
        assert!(heals(Platform::provider(), errcode).await, "{errcode}");
        for other in [Platform::wecom(), Platform::wechat(), Platform::component()] {
            assert!(!heals(other, errcode).await, "{errcode}");
        }
    }
    for platform in [Platform::wecom(), Platform::suite(), Platform::provider()] {
        assert!(!heals(platform.clone(), 40001).await, "a wrong secret there");
        assert!(heals(platform, 42001).await);
    }
}

/// The issuer's platform and account, with the family set before and after the base URL.
macro_rules! either_order {
    ($issuer:ident, $family:expr, $url:expr) => {{
        let new = || $issuer::new("wx0123456789abcdef", "secret");
        let made = [
            new().with_platform($family).base_url($url).unwrap(),
            new().base_url($url).unwrap().with_platform($family),
            new()
                .base_url("https://elsewhere.example")
                .unwrap()
                .with_platform($family)
                .base_url($url)
                .unwrap(),
            new().with_platform(Platform::wecom()).base_url($url).unwrap().with_platform($family),
            new().with_platform($family).dangerous_plain_http_base_url($url).unwrap(),
            new().dangerous_plain_http_base_url($url).unwrap().with_platform($family),
        ];
        for issuer in &made {
            assert_eq!(issuer.platform(), made[0].platform());
            assert_eq!(issuer.account(), made[0].account());
        }
        assert_eq!(*made[0].platform(), $family.with_origin($url).unwrap());
    }};
}

#[tokio::test]
async fn the_order_of_family_and_base_url_does_not_matter() {
    let wechat = FakeWeChat::start().await;
    let url = wechat.url();
    for family in [Platform::component(), Platform::suite(), Platform::wechat().with_rejection_codes([1])] {
        either_order!(StableToken, family.clone(), &url);
        either_order!(ClassicToken, family.clone(), &url);
        either_order!(WeCom, family.clone(), &url);
    }
    accept_any_token(&wechat, "/cgi-bin/x");
    let new = || StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    for issuer in [
        new().with_platform(Platform::component()).base_url(&url).unwrap(),
        new().base_url(&url).unwrap().with_platform(Platform::component()),
    ] {
        wechat.clear_seen();
        assert_eq!(call(&TokenCache::new(issuer), &wechat, "/cgi-bin/x").await.errcode(), Some(0));
        assert_eq!(wechat.seen()[0].query, "component_access_token=***");
    }
}

#[tokio::test]
async fn all_of_a_platform_reaches_the_layer() {
    let (wechat, gateway) = (FakeWeChat::start().await, FakeWeChat::start().await);
    let platform = Platform::suite()
        .with_parameter("my_access_token")
        .with_rejection_codes([48001])
        .with_exempt_path("/cgi-bin/of-our-own/")
        .with_origin(&format!("{}/qy", gateway.url()))
        .unwrap();
    let cache = TokenCache::new(wecom(&wechat).with_platform(platform));
    assert_eq!(call(&cache, &wechat, "/cgi-bin/x").await.errcode(), Some(0));
    assert_eq!(call(&cache, &wechat, "/cgi-bin/of-our-own/x").await.errcode(), Some(41001));
    wechat.fail_next_apis(1, Fault::Errcode(42001));
    assert!(!call(&cache, &wechat, "/cgi-bin/x").await.rejected());
    wechat.fail_next_apis(1, Fault::Errcode(48001));
    assert!(call(&cache, &wechat, "/cgi-bin/x").await.replayed());
    call(&cache, &gateway, "/qy/cgi-bin/x").await;
    call(&cache, &gateway, "/cgi-bin/x").await;
    let queries: Vec<_> = gateway.seen().into_iter().map(|seen| seen.query).collect();
    assert_eq!(queries, ["my_access_token=***", ""]);
    assert!(
        wechat
            .seen()
            .iter()
            .filter(|seen| !seen.query.is_empty())
            .all(|seen| seen.query == "my_access_token=***")
    );
}
