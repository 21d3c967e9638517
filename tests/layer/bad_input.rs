//! Whatever comes in, it ends in a clear error or the documented clamp: no panic, and no secret in a message.

use crate::support;

use std::{
    convert::Infallible,
    error::Error as StdError,
    future::{Future, IntoFuture},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Frame;
use http_body_util::{Full, channel::Channel};
use support::{
    below::Below,
    fixed::Fixed,
    issuers::{instant, instant_of},
    pieces::Pieces,
    raw::Raw,
    *,
};
use tokio::time::timeout;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_wechat::{
    AppId, Error, ErrorKind, NotReplayed, Platform, ReplayBody, TokenCache, TokenError, TokenPool,
    WeChatAuthLayer,
    issuer::{ClassicToken, Minted, StableToken, WeCom},
    testing::{Answer, FakeWeChat, Fault, ManualClock},
};

const SENTINEL: &str = "SENTINEL-s3cr3t";
const HOURS: Duration = Duration::from_secs(7200);

/// Far more than any of this takes: what does not end by then hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("no hang")
}

/// Of this kind, with something to read in it and nothing to hide.
fn check_error(error: &(dyn StdError + 'static), what: &str) {
    let mut next = Some(error);
    while let Some(error) = next {
        for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
            // What base URLs look like may be told.
            let text = text.replace("https://host[:port][/prefix]", "");
            let short: String = text.chars().take(300).collect();
            assert!(!text.is_empty() && text.len() < 2000, "{what}: {} bytes: {short}", text.len());
            for hidden in [
                SENTINEL,
                FakeWeChat::APP_SECRET,
                FakeWeChat::CORP_SECRET,
                "://",
                "access_token=",
                "/cgi-bin",
            ] {
                assert!(!text.contains(hidden), "{what}: {hidden} in {short}");
            }
        }
        assert!(!error.to_string().contains(char::is_control), "{what}: {error}");
        next = error.source();
    }
}

fn check_kind(error: &Error, kind: ErrorKind, what: &str) {
    check_error(error, what);
    assert_eq!(error.kind(), kind, "{what}: {error}");
}

fn check_token_error(error: &TokenError, kind: ErrorKind, what: &str) {
    check_error(error, what);
    assert_eq!(error.kind(), kind, "{what}: {error}");
}

// === ids and secrets ===

#[tokio::test]
async fn an_absurd_id_or_secret_is_refused_before_anything_is_sent() {
    let wechat = FakeWeChat::start().await;
    let long = SENTINEL.repeat(70_000);
    let line = format!("{SENTINEL}\r\nX-Evil: 1");
    let absurd = ["", " ", &long, &line, "a\0b", "a b", "a\u{85}b", "a\u{3000}b"];
    for bad in absurd {
        for (id, secret) in [("wx0123456789abcdef", bad), (bad, SENTINEL)] {
            // An id may be shown; what is long or has lines in it may not.
            let id = id.replace(SENTINEL, "id");
            let (url, id) = (wechat.url(), id.as_str());
            let what: String = format!("{id:?}, {secret:?}").chars().take(60).collect();
            for cache in [
                TokenCache::new(StableToken::new(id, secret).base_url(&url).unwrap()),
                TokenCache::new(ClassicToken::new(id, secret).base_url(&url).unwrap()),
                TokenCache::new(WeCom::new(id, secret).base_url(&url).unwrap()),
            ] {
                check_token_error(&cache.token().await.unwrap_err(), ErrorKind::Config, &what);
                let error = send(&client(&cache), &wechat).await.err().unwrap();
                check_kind(&error, ErrorKind::BackedOff, &what);
            }
        }
    }
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (0, 0));
}

#[tokio::test]
async fn an_odd_id_or_secret_is_escaped_on_its_way() {
    let odd = "a&secret=b#c%20d+é密?/\"\\'{}";
    let wechat = FakeWeChat::builder().account(odd, odd).corp(odd, odd).start().await;
    let url = wechat.url();
    for cache in [
        TokenCache::new(StableToken::new(odd, odd).base_url(&url).unwrap()),
        TokenCache::new(ClassicToken::new(odd, odd).base_url(&url).unwrap()),
        TokenCache::new(WeCom::new(odd, odd).base_url(&url).unwrap()),
    ] {
        assert_eq!(send(&client(&cache), &wechat).await.unwrap().errcode(), Some(0));
    }
}

#[tokio::test]
async fn a_refusal_that_quotes_the_secret_does_not_get_through() {
    let wechat = FakeWeChat::start().await;
    let errmsg =
        format!("invalid secret {SENTINEL} access_token=x at https://x/cgi-bin\\r\\n rid: ../{SENTINEL}");
    let answer = format!(r#"{{"errcode":40125,"errmsg":"{errmsg}","access_token":"{SENTINEL}"}}"#);
    wechat.fail_tokens(Fault::Answer(Answer::json(answer)));
    let issuer = StableToken::new("app", SENTINEL).base_url(&wechat.url()).unwrap();
    let error = TokenCache::new(issuer).token().await.unwrap_err();
    check_token_error(&error, ErrorKind::Token, "quoted");
    assert_eq!(error.errcode(), Some(40125));
}

#[tokio::test]
async fn an_error_of_the_client_below_says_so_and_no_more() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    wechat.fail_apis(Fault::Reset);
    let error = send(&client(&cache), &wechat).await.err().unwrap();
    check_kind(&error, ErrorKind::Inner, "reset");

    wechat.fail_tokens(Fault::Reset);
    let error = TokenCache::new(classic(&wechat)).token().await.unwrap_err();
    check_token_error(&error, ErrorKind::Token, "reset");
    assert!(error.is_transient());
}

// === base URLs ===

#[test]
fn a_bad_base_url_is_refused() {
    let layer = || WeChatAuthLayer::new(TokenPool::new());
    let long = format!("https://host/{SENTINEL}{}", "x".repeat(70_000));
    for bad in [
        "",
        " ",
        SENTINEL,
        "api.weixin.qq.com",
        "//api.weixin.qq.com",
        "/cgi-bin",
        "*",
        "https://",
        "https:///path",
        "https://:443",
        "https://host:99999",
        "https://host:-1",
        "https://host/?secret=SENTINEL-s3cr3t",
        "https://host/?",
        "https://host/#SENTINEL-s3cr3t",
        "https://user:SENTINEL-s3cr3t@host/",
        "https://ho st/",
        "https://host/\r\nX-Evil: 1",
        "ftp://SENTINEL-s3cr3t/",
        "http://SENTINEL-s3cr3t.example",
        "http://10.0.0.1:8080",
        "http://0.0.0.0",
        "http://[::]",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example",
        "http://2130706433",
        &long,
    ] {
        let what: String = bad.chars().take(60).collect();
        for error in [
            StableToken::new("app", SENTINEL).base_url(bad).err(),
            ClassicToken::new("app", SENTINEL).base_url(bad).err(),
            WeCom::new("app", SENTINEL).base_url(bad).err(),
            layer().allow_origin(bad).err(),
            Platform::wechat().with_origin(bad).err(),
        ] {
            check_kind(&error.expect(&what), ErrorKind::Config, &what);
        }
    }
}

#[test]
fn a_bad_base_url_is_refused_by_a_dangerous_name_as_well() {
    let layer = || WeChatAuthLayer::new(TokenPool::new());
    let long = format!("http://host/{SENTINEL}{}", "x".repeat(70_000));
    for bad in [
        "",
        " ",
        SENTINEL,
        "http://",
        "http:///path",
        "http://:80",
        "http://host:99999",
        "http://host:-1",
        "http://host/?secret=SENTINEL-s3cr3t",
        "http://host/?",
        "http://host/#SENTINEL-s3cr3t",
        "http://user:SENTINEL-s3cr3t@host/",
        "https://user@host/",
        "https://host/?a",
        "http://ho st/",
        "http://host/\r\nX-Evil: 1",
        "ftp://SENTINEL-s3cr3t/",
        "ws://host",
        "//host",
        "/cgi-bin",
        &long,
    ] {
        let what: String = bad.chars().take(60).collect();
        for error in [
            StableToken::new("app", SENTINEL).dangerous_plain_http_base_url(bad).err(),
            ClassicToken::new("app", SENTINEL).dangerous_plain_http_base_url(bad).err(),
            WeCom::new("app", SENTINEL).dangerous_plain_http_base_url(bad).err(),
            layer().dangerous_plain_http_origin(bad).err(),
        ] {
            check_kind(&error.expect(&what), ErrorKind::Config, &what);
        }
    }
    for good in ["http://host", "http://host:8080/prefix/", "https://host", "https://host:8443/prefix"] {
        assert!(StableToken::new("app", SENTINEL).dangerous_plain_http_base_url(good).is_ok(), "{good}");
        assert!(layer().dangerous_plain_http_origin(good).is_ok(), "{good}");
    }
}

/// Where a request that is sent to this URI with a token in the cache arrives below the layer.
async fn below(layer: &WeChatAuthLayer, uri: &str) -> Result<Vec<String>, Error> {
    let below = Below::new(r#"{"errcode":0}"#);
    let request = Request::get(uri).body(Full::<Bytes>::default()).unwrap();
    let sent = soon(layer.layer(below.clone()).oneshot(request)).await;
    let arrived = below.take();
    assert!(sent.is_ok() || arrived.is_empty(), "an error, and yet something was sent");
    sent.map(|_| arrived)
}

async fn gets_token(layer: &WeChatAuthLayer, uri: &str) -> bool {
    let arrived = below(layer, uri).await.unwrap();
    assert_eq!(arrived.len(), 1);
    assert!(arrived[0].starts_with(uri));
    arrived[0] != uri
}

#[tokio::test]
async fn a_prefix_of_slashes_and_dots_means_what_it_means_in_a_url() {
    for (origin, inside, outside) in [
        ("https://gw.example//", "/x", None),
        ("https://gw.example/..", "/x", None),
        ("https://gw.example/a/..", "/x", None),
        ("https://gw.example/./", "/x", None),
        ("https://gw.example//a//", "/a/x", Some("/x")),
        ("https://gw.example/../a", "/a/x", Some("/x")),
        ("https://gw.example/b/../a/.", "/a/x", Some("/b/x")),
        ("https://gw.example/%61", "/a/x", Some("/x")),
    ] {
        let layer = WeChatAuthLayer::new(TokenCache::new(instant().0)).allow_origin(origin).unwrap();
        assert!(gets_token(&layer, &format!("https://gw.example{inside}")).await, "{origin}");
        if let Some(outside) = outside {
            assert!(!gets_token(&layer, &format!("https://gw.example{outside}")).await, "{origin}");
        }
        for other in ["https://other.example/a/x", "http://gw.example/a/x", "https://gw.example:8443/a/x"] {
            assert!(!gets_token(&layer, other).await, "{origin}");
        }
    }
}

// === platforms ===

#[tokio::test]
async fn a_name_that_cannot_stand_in_a_query_makes_every_request_fail() {
    for name in ["", " ", "a b&c", "a&c", "a=b", "&", "=", "a#b", "a\r\nX-Evil: 1", "\0", "\u{85}", "a\"b"] {
        let (issuer, _) = instant_of(Platform::wechat().with_parameter(name));
        let layer = WeChatAuthLayer::new(TokenCache::new(issuer));
        for query in ["", "?", "?a=1", "?a=1&"] {
            let uri = format!("https://api.weixin.qq.com/cgi-bin/x{query}");
            match below(&layer, &uri).await {
                // A pair of nothing is then a token of the caller's own.
                Ok(sent) if name.is_empty() => assert_eq!(sent, [uri.as_str()]),
                Ok(sent) => panic!("{name:?} went out as {sent:?}"),
                Err(error) => check_kind(&error, ErrorKind::Uri, name),
            }
        }
    }
    for name in ["a", "a-b_c.d~e", "a%26b", "a[]"] {
        let (issuer, _) = instant_of(Platform::wechat().with_parameter(name));
        let layer = WeChatAuthLayer::new(TokenCache::new(issuer));
        let uri = "https://api.weixin.qq.com/cgi-bin/x";
        assert_eq!(below(&layer, uri).await.unwrap(), [format!("{uri}?{name}=TOKEN-1")]);
    }
}

async fn platform_gives_token(platform: &Platform, path: &str) -> bool {
    let layer = WeChatAuthLayer::new(TokenCache::new(instant_of(platform.clone()).0));
    gets_token(&layer, &format!("https://api.weixin.qq.com{path}")).await
}

#[tokio::test]
async fn an_odd_path_is_exempt_in_its_usual_form() {
    for path in [
        "/cgi-bin/x",
        "cgi-bin/x",
        "./cgi-bin/x",
        "//cgi-bin//x",
        "cgi-bin//x",
        "/cgi-bin/%78",
        "/a/../cgi-bin/x",
        "\\cgi-bin\\x",
    ] {
        let platform = Platform::wechat().with_exempt_path(path);
        assert!(!platform_gives_token(&platform, "/cgi-bin/x").await, "{path}");
        assert!(platform_gives_token(&platform, "/cgi-bin/xy").await, "{path}");
        let lifted = platform.without_exempt_path(path);
        assert!(platform_gives_token(&lifted, "/cgi-bin/x").await, "{path}");
    }
    let platform = Platform::wechat().with_exempt_path("cgi-bin/");
    assert!(!platform_gives_token(&platform, "/cgi-bin/x").await);
}

#[tokio::test]
async fn an_empty_path_is_no_path_and_a_slash_is_all_of_them() {
    let usual = Platform::wechat();
    for same in [usual.clone().with_exempt_path(""), usual.clone().without_exempt_path("")] {
        assert_eq!(same, usual);
    }
    for all in ["/", "//", "/."] {
        let none = usual.clone().with_exempt_path(all);
        for path in ["/", "/cgi-bin/x", "/x"] {
            assert!(!platform_gives_token(&none, path).await, "{all}: {path}");
        }
        // The longer of two names holds.
        let some = none.without_exempt_path("/cgi-bin/");
        assert!(platform_gives_token(&some, "/cgi-bin/x").await);
        assert!(!platform_gives_token(&some, "/x").await);
        assert!(!platform_gives_token(&some, "/cgi-bin/token").await);

        let lifted = usual.clone().without_exempt_path(all);
        assert!(platform_gives_token(&lifted, "/x").await);
        for exempt in ["/cgi-bin/token", "/cgi-bin/stable_token", "/sns/auth"] {
            assert!(!platform_gives_token(&lifted, exempt).await, "{all}: {exempt}");
        }
    }
}

#[tokio::test]
async fn a_base_url_that_is_too_long_for_its_endpoint_is_an_error() {
    let wechat = FakeWeChat::start().await;
    let url = format!("{}/{}", wechat.url(), "x".repeat(65_500));
    let cache = TokenCache::new(StableToken::new("app", SENTINEL).base_url(&url).unwrap());
    check_token_error(&cache.token().await.unwrap_err(), ErrorKind::Config, "long");
}

// === tokens ===

#[tokio::test]
async fn an_odd_token_arrives_as_it_was_minted() {
    for token in [
        "a#b",
        "a&b=c",
        "a b",
        "密钥é🔑",
        "a%23b",
        "a+b",
        "a/b?c;d",
        "\"'<>\\",
        "%",
        "a&access_token=b",
        "=",
        "&",
    ] {
        let wechat = FakeWeChat::start().await;
        wechat.fail_next_tokens(1, Fault::Token(token.to_owned()));
        let cache = TokenCache::new(classic(&wechat));
        let answer = send(&client(&cache), &wechat).await.unwrap();
        assert_eq!(answer.errcode(), Some(0), "{token}");
        let seen = &wechat.seen()[0];
        assert_eq!(seen.token, Some(cache.current().unwrap().fingerprint()), "{token}");
        assert_eq!(seen.query, "lang=zh_CN&access_token=***", "{token}");
    }
}

#[tokio::test]
async fn a_token_from_an_issuer_cannot_split_the_request() {
    let server = Raw::start().await;
    let token = "a\r\nX-Evil: 1\r\n\r\n\0#é";
    let client = client(&TokenCache::new(Fixed::new(&server.url(), Ok(Minted::new(token, HOURS)))));
    let request = Request::get(format!("{}/x?a=%2f#gone", server.url())).body(Full::<Bytes>::default());
    let sent = tokio::spawn(client.oneshot(request.unwrap()));
    let (head, _stream) = soon(server.accept()).await;
    sent.abort();
    let line = head.lines().next().unwrap();
    assert_eq!(line, "GET /x?a=%2f&access_token=a%0D%0AX-Evil%3A%201%0D%0A%0D%0A%00%23%C3%A9 HTTP/1.1");
    assert!(!head.to_ascii_lowercase().contains("\nx-evil"));
}

#[tokio::test]
async fn an_absurd_token_or_life_is_an_error_until_the_next_mint() {
    let huge = SENTINEL.repeat(700);
    for (fault, transient) in [
        (Fault::ExpiresIn(0), true),
        (Fault::ExpiresIn(-1), true),
        (Fault::ExpiresIn(i64::MIN), true),
        (Fault::Token(huge), false),
        (Fault::Token(" ".into()), false),
        (Fault::Answer(Answer::json(r#"{"access_token":"","expires_in":7200}"#)), true),
        (Fault::Answer(Answer::json(r#"{"access_token":null,"expires_in":7200}"#)), true),
        (Fault::Answer(Answer::json(r#"{"access_token":"SENTINEL-s3cr3t"}"#)), true),
        (Fault::Answer(Answer::json(r#"{"access_token":"SENTINEL-s3cr3t","expires_in":1e99}"#)), true),
        (Fault::Answer(Answer::json("{\"access_token\":\"SENTINEL-s3cr3t\\n\",\"expires_in\":7200}")), true),
        (Fault::Answer(Answer::json(format!("[{}", "[".repeat(60_000)))), true),
        (Fault::Answer(Answer::json("x".repeat(1 << 20))), true),
    ] {
        let what = format!("{fault:.40?}");
        let (wechat, clock) = (FakeWeChat::start().await, ManualClock::new());
        let cache = TokenCache::builder(classic(&wechat)).clock(&clock).build();
        wechat.fail_tokens(fault);
        let error = cache.token().await.unwrap_err();
        check_token_error(&error, ErrorKind::Token, &what);
        assert_eq!(error.is_transient(), transient, "{what}: {error}");
        let error = send(&client(&cache), &wechat).await.err().unwrap();
        check_kind(&error, ErrorKind::BackedOff, &what);
        assert_eq!(wechat.api_requests(), 0, "{what}: never without a token");

        wechat.heal();
        clock.set_forward(Duration::from_secs(10));
        assert_eq!(send(&client(&cache), &wechat).await.unwrap().errcode(), Some(0), "{what}");
    }
}

#[tokio::test]
async fn the_longest_token_is_4096_bytes() {
    for (len, fits) in [(4096, true), (4097, false)] {
        let issuer = Fixed::new("http://127.0.0.1:1", Ok(Minted::new("x".repeat(len), HOURS)));
        assert_eq!(TokenCache::new(issuer).token().await.is_ok(), fits, "{len}");
    }
}

#[tokio::test]
async fn a_life_of_ten_years_is_a_week() {
    let week = Duration::from_secs(7 * 24 * 3600);
    for seconds in [315_360_000, i64::MAX] {
        let wechat = FakeWeChat::start().await;
        wechat.fail_tokens(Fault::ExpiresIn(seconds));
        let token = TokenCache::new(stable(&wechat)).token().await.unwrap();
        assert!(token.expires_in() <= week && token.expires_in() > week / 2);
    }
    let issuer = Fixed::new("http://127.0.0.1:1", Ok(Minted::new("x", Duration::MAX)));
    assert!(TokenCache::new(issuer).token().await.unwrap().expires_in() <= week);
}

#[tokio::test]
async fn a_pause_without_end_asked_by_an_issuer_does_not_panic() {
    let error = TokenError::transient("no").with_retry_after(Duration::MAX);
    let cache = TokenCache::new(Fixed::new("http://127.0.0.1:1", Err(error)));
    check_token_error(&cache.token().await.unwrap_err(), ErrorKind::Token, "first");
    check_error(&cache.token().await.unwrap_err(), "second");
}

// === URIs ===

#[tokio::test]
async fn a_uri_may_be_as_long_as_http_allows_with_its_token() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let client = client(&cache);
    let token = cache.token().await.unwrap();
    let room = 65_534 - format!("{}/x?a=&access_token={}", wechat.url(), token.as_str()).len();
    let request = |len| post(&wechat, &format!("/x?a={}", "y".repeat(len)), Full::from("{}"));

    let answer = soon(client.clone().oneshot(request(room))).await.unwrap();
    assert_eq!(read(answer).await.errcode(), Some(0));
    assert_eq!(wechat.seen()[0].query.len(), "a=&access_token=***".len() + room);

    for len in [room + 1, 65_400] {
        let error = soon(client.clone().oneshot(request(len))).await.err().unwrap();
        check_kind(&error, ErrorKind::Uri, "too long");
    }
    assert_eq!(wechat.api_requests(), 1);
    assert!(format!("{}/{}", wechat.url(), "y".repeat(70_000)).parse::<Uri>().is_err(), "http's own limit");
}

#[tokio::test]
async fn a_replay_whose_token_does_not_fit_is_not_sent() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(classic(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    wechat.fail_next_tokens(1, Fault::Token("x".repeat(4000)));
    let request = post(&wechat, &format!("/x?a={}", "y".repeat(65_000)), Full::from("{}"));
    let answer = read(client(&cache).oneshot(request).await.unwrap()).await;
    assert_eq!(answer.errcode(), Some(40001));
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::Uri));
}

#[tokio::test]
async fn a_request_to_a_pool_that_names_no_account_it_knows_is_an_error() {
    let wechat = FakeWeChat::start().await;
    let pool = TokenPool::new();
    pool.insert("known".into(), TokenCache::new(stable(&wechat)));
    let client: tower_wechat::WeChatAuth<Http<Full<Bytes>>> = layered(WeChatAuthLayer::new(&pool));
    for app in [None, Some("unknown".to_owned()), Some(format!("x\r\n{}", "y".repeat(1 << 20)))] {
        let mut request = call(&wechat);
        if let Some(app) = app {
            request.extensions_mut().insert(AppId::from(app));
        }
        let error = client.clone().oneshot(request).await.err().unwrap();
        check_kind(&error, ErrorKind::UnknownApp, "app");
    }
}

#[tokio::test]
async fn an_odd_app_id_is_a_key_like_any_other_and_one_line_in_an_error() {
    let wechat = FakeWeChat::start().await;
    let long = "y".repeat(1 << 20);
    let odd = ["", " ", "\0", "a\r\nERROR forged", "\u{1b}[31m", "\u{2028}", "\u{202e}", "\u{feff}", &long];
    for app in odd {
        let what: String = app.chars().take(20).collect();
        let made = TokenPool::with_factory(|_| None);
        for pool in [TokenPool::new(), made] {
            pool.insert("known".into(), TokenCache::new(stable(&wechat)));
            let client: tower_wechat::WeChatAuth<Http<Full<Bytes>>> = layered(WeChatAuthLayer::new(&pool));
            let error = soon(client.for_app(app.into()).oneshot(call(&wechat))).await.err().unwrap();
            check_kind(&error, ErrorKind::UnknownApp, &what);
            let forging = |c: char| matches!(c, '\u{2028}' | '\u{202e}' | '\u{feff}');
            assert!(!error.to_string().contains(forging), "{error}");
        }
    }
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (0, 0));
    for app in odd {
        let pool = TokenPool::new();
        pool.insert(app.into(), TokenCache::new(stable(&wechat)));
        assert!(pool.get(&app.into()).is_some() && pool.len() == 1);
        let client: tower_wechat::WeChatAuth<Http<Full<Bytes>>> = layered(WeChatAuthLayer::new(&pool));
        let answer = soon(client.for_app(app.into()).oneshot(call(&wechat))).await.unwrap();
        assert_eq!(read(answer).await.errcode(), Some(0));
    }
}

#[tokio::test]
async fn a_pool_that_keeps_accounts_for_no_time_or_for_ever_serves_them() {
    for idle in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let wechat = FakeWeChat::builder().account("wx1", "s").account("wx2", "s").start().await;
        let url = wechat.url();
        let factory = move |app| Some(TokenCache::new(ClassicToken::new(app, "s").base_url(&url).ok()?));
        let pool = TokenPool::builder().factory(factory).evict_after(idle).build();
        let client: tower_wechat::WeChatAuth<Http<Full<Bytes>>> = layered(WeChatAuthLayer::new(&pool));
        for _ in 0..3 {
            for app in ["wx1", "wx2"] {
                let answer = soon(client.for_app(app.into()).oneshot(call(&wechat))).await.unwrap();
                assert_eq!(read(answer).await.errcode(), Some(0), "{idle:?}");
            }
        }
        if idle == Duration::MAX {
            assert_eq!((pool.len(), wechat.mints()), (2, 2));
        }
    }
    // Without a closure there is nothing to make again.
    let pool = TokenPool::builder().evict_after(Duration::ZERO).build();
    pool.insert("wx".into(), TokenCache::new(instant().0));
    assert!(pool.get(&"wx".into()).is_some());
}

#[tokio::test]
async fn a_source_of_nonsense_is_not_asked_twice() {
    for nonsense in ["", " ", "a\nb", "wrong-too"] {
        let wechat = FakeWeChat::start().await;
        let issuer = StableToken::new(FakeWeChat::APP_ID, SENTINEL).base_url(&wechat.url()).unwrap();
        let cache = TokenCache::new(issuer.secret_source(move || nonsense.into()));
        check_token_error(&cache.token().await.unwrap_err(), ErrorKind::Token, nonsense);
        let asked = if nonsense == "wrong-too" { 2 } else { 1 };
        assert_eq!(wechat.token_requests(), asked, "{nonsense:?}: what can be no secret is not sent");
    }
}

#[test]
fn certificates_that_are_none_are_refused() {
    let begun = "-----BEGIN CERTIFICATE-----\nAAAA";
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nU0VOVElORUw=\n-----END PRIVATE KEY-----\n";
    for bad in ["", SENTINEL, "\0\u{ff}", begun, empty, key] {
        let error = StableToken::new("app", SENTINEL).root_certificates_pem(bad.as_bytes()).err();
        check_kind(&error.expect(bad), ErrorKind::Config, bad);
    }
}

// === settings ===

#[tokio::test]
async fn a_window_longer_than_life_does_not_mint_for_every_call() {
    for ahead in [Duration::from_secs(30 * 86_400), Duration::MAX, Duration::ZERO] {
        let wechat = FakeWeChat::start().await;
        let clock = ManualClock::new();
        let builder = TokenCache::builder(classic(&wechat)).refresh_ahead(ahead);
        let cache = builder.clock(&clock).build();
        for _ in 0..100 {
            assert_eq!(send(&client(&cache), &wechat).await.unwrap().errcode(), Some(0));
        }
        // Not in the first half of its life, either.
        clock.set_forward(Duration::from_secs(3000));
        send(&client(&cache), &wechat).await.unwrap();
        cache.shutdown().await;
        assert_eq!(wechat.token_requests(), 1, "{ahead:?}");
    }
}

#[tokio::test]
async fn no_time_to_wait_is_a_time_out_and_the_fetch_goes_on() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::builder(stable(&wechat)).wait_timeout(Duration::ZERO).build();
    let held = wechat.hold_tokens();
    let error = send(&client(&cache), &wechat).await.err().unwrap();
    check_kind(&error, ErrorKind::Timeout, "no time");
    held.release();
    soon(async {
        while cache.current().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(send(&client(&cache), &wechat).await.unwrap().errcode(), Some(0));
    assert_eq!(wechat.token_requests(), 1);
}

#[tokio::test]
async fn no_time_to_fetch_is_a_time_out() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::builder(stable(&wechat)).fetch_timeout(Duration::ZERO).build();
    // It may come in no time, all the same.
    let _held = wechat.hold_tokens();
    check_token_error(&cache.token().await.unwrap_err(), ErrorKind::Timeout, "no time");
    let error = send(&client(&cache), &wechat).await.err().unwrap();
    check_kind(&error, ErrorKind::BackedOff, "no time");
}

#[tokio::test]
async fn all_the_time_in_the_world_does_not_overflow() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::builder(stable(&wechat))
        .wait_timeout(Duration::MAX)
        .fetch_timeout(Duration::MAX)
        .refresh_ahead(Duration::MAX)
        .build();
    assert_eq!(soon(send(&client(&cache), &wechat)).await.unwrap().errcode(), Some(0));
    wechat.revoke();
    assert!(soon(send(&client(&cache), &wechat)).await.unwrap().replayed());
    let error = cache.token_with_min_ttl(Duration::MAX).await.unwrap_err();
    check_token_error(&error, ErrorKind::Config, "for ever");
}

#[tokio::test]
async fn limits_of_zero_switch_the_look_and_the_recording_off() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    let blind = layered(WeChatAuthLayer::new(&cache).inspect_limit(0));
    let answer = send(&blind, &wechat).await.unwrap();
    assert_eq!(answer.errcode(), Some(40001));
    assert!(!answer.rejected());
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (1, 1));

    // A body in one piece is not recorded; a stream's case is in `bodies.rs`.
    let forgetful = layered(WeChatAuthLayer::new(&cache).replay_limit(0));
    assert!(send(&forgetful, &wechat).await.unwrap().replayed());
}

#[tokio::test]
async fn no_memory_for_replays_replays_what_needs_none() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(classic(&wechat));
    cache.token().await.unwrap();
    let streamed = || post(&wechat, "/cgi-bin/x", Pieces::of(&["in ", "pieces"]));
    let forgetful = || WeChatAuthLayer::new(&cache).replay_memory(0);

    wechat.revoke();
    let answer = read(soon(layered(forgetful()).oneshot(streamed())).await.unwrap()).await;
    assert_eq!(answer.errcode(), Some(40001));
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::ReplayMemoryFull));
    cache.shutdown().await;

    let cache = TokenCache::new(classic(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    let whole = layered(WeChatAuthLayer::new(&cache).replay_memory(0));
    assert!(send(&whole, &wechat).await.unwrap().replayed(), "a body in one piece costs nothing");

    // An answer in many frames cannot be kept, and so is not looked at.
    let rejection = Answer::json(r#"{"errcode":40001}"#).byte_by_byte();
    wechat.fail_next_apis(1, Fault::Answer(rejection.unsized_body()));
    let answer = send(&whole, &wechat).await.unwrap();
    assert_eq!(answer.text, r#"{"errcode":40001}"#);
}

#[tokio::test]
async fn all_the_memory_there_could_be_does_not_overflow() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(classic(&wechat));
    cache.token().await.unwrap();
    let layer = WeChatAuthLayer::new(&cache).replay_memory(usize::MAX).replay_limit(usize::MAX);
    for _ in 0..2 {
        wechat.revoke();
        let request = post(&wechat, "/cgi-bin/x", Pieces::of(&["in ", "pieces"]));
        let answer = read(soon(layered(layer.clone()).oneshot(request)).await.unwrap()).await;
        assert_eq!((answer.errcode(), answer.replayed()), (Some(0), true));
    }
}

#[tokio::test]
async fn no_time_for_a_replay_leaves_the_first_answer() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    let held = wechat.hold_tokens();
    let client = layered(WeChatAuthLayer::new(&cache).replay_timeout(Duration::ZERO));
    let answer = soon(send(&client, &wechat)).await.unwrap();
    assert_eq!(answer.errcode(), Some(40001));
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::TimedOut));
    assert_eq!(wechat.api_requests(), 1);
    held.release();

    // Not even a moment's: this token comes as soon as another task has run.
    let below = Below::new(r#"{"errcode":40001}"#);
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0)).replay_timeout(Duration::ZERO);
    let answer = read(soon(layer.layer(below.clone()).oneshot(api())).await.unwrap()).await;
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::TimedOut));
    soon(layer.layer(below.clone()).oneshot(api())).await.unwrap();
    let uri = "https://api.weixin.qq.com/cgi-bin/x?access_token=TOKEN-";
    assert_eq!(below.take(), [format!("{uri}1"), format!("{uri}2")], "each was sent once");

    wechat.revoke();
    let client = layered(WeChatAuthLayer::new(&cache).replay_timeout(Duration::MAX));
    soon(send(&client, &wechat)).await.unwrap();
    wechat.revoke();
    assert!(soon(send(&client, &wechat)).await.unwrap().replayed(), "as long as it takes");
}

/// The answer to a request whose answer's second half comes when it is asked for.
async fn late_answer(patience: Duration) -> (bool, String) {
    let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
    let inner = service_fn(move |_: Request<ReplayBody<Full<Bytes>>>| {
        let (mut sender, body) = Channel::<Bytes>::new(2);
        sender.try_send(Frame::data(Bytes::from_static(b"{\"errcode\":"))).unwrap();
        give.send(sender).unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0)).inspect_timeout(patience);
    let sending = tokio::spawn(layer.layer(inner).oneshot(api()));
    let mut first = soon(take.recv()).await.unwrap();
    // The layer has begun to wait, or has handed the answer on.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let handed_on = sending.is_finished();
    first.send_data(Bytes::from_static(b"40001}")).await.unwrap();
    drop(first);
    let replays = async {
        while let Some(mut next) = take.recv().await {
            next.send_data(Bytes::from_static(b"0}")).await.unwrap();
        }
    };
    let reading = async { read(sending.await.unwrap().unwrap()).await };
    let (answer, ()) = soon(async { tokio::join!(reading, replays) }).await;
    (handed_on, answer.text)
}

#[tokio::test]
async fn no_time_to_look_takes_what_came_with_the_head() {
    // All of it did.
    let (issuer, _) = instant();
    let below = Below::new(r#"{"errcode":40001}"#);
    let layer = WeChatAuthLayer::new(TokenCache::new(issuer)).inspect_timeout(Duration::ZERO);
    let answer = soon(layer.layer(below.clone()).oneshot(api())).await.unwrap();
    assert!(read(answer).await.replayed());
    assert_eq!(below.take().len(), 2);

    assert_eq!(late_answer(Duration::ZERO).await, (true, r#"{"errcode":40001}"#.to_owned()));
    assert_eq!(late_answer(Duration::MAX).await, (false, r#"{"errcode":0}"#.to_owned()));
}

#[tokio::test]
async fn codes_that_no_answer_has_are_never_seen() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    for codes in [&[][..], &[i64::MIN, i64::MAX], &[-40001]] {
        let client = layered(WeChatAuthLayer::new(&cache).rejection_codes(codes.iter().copied()));
        let answer = send(&client, &wechat).await.unwrap();
        assert_eq!((answer.errcode(), answer.rejected()), (Some(40001), false));
    }
}

// === no runtime ===

/// Polls by hand, with nothing of tokio around.
fn poll_once<T>(future: impl IntoFuture<Output = T>) -> T {
    let mut future = pin!(future.into_future());
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here has to wait"),
    }
}

fn answering(
    cache: &TokenCache,
    answer: &'static str,
) -> impl tower::Service<
    Request<Full<Bytes>>,
    Response = Response<tower_wechat::PeekedBody<Full<Bytes>>>,
    Error = Error,
> {
    ServiceBuilder::new().layer(WeChatAuthLayer::new(cache)).service(service_fn(
        move |_: Request<ReplayBody<Full<Bytes>>>| async move {
            Ok::<_, Infallible>(Response::new(Full::from(answer)))
        },
    ))
}

fn api() -> Request<Full<Bytes>> {
    Request::get("https://api.weixin.qq.com/cgi-bin/x").body(Full::default()).unwrap()
}

#[test]
fn outside_a_runtime_there_is_an_error_and_no_panic() {
    let cache = TokenCache::new(StableToken::new("app", SENTINEL));
    check_token_error(&poll_once(cache.token()).unwrap_err(), ErrorKind::NoRuntime, "token");
    let error = poll_once(answering(&cache, "{}").oneshot(api())).err().unwrap();
    check_kind(&error, ErrorKind::NoRuntime, "call");
    poll_once(cache.shutdown());
}

#[test]
fn outside_a_runtime_a_token_that_is_there_is_used() {
    let issuer = Fixed::new("http://127.0.0.1:1", Ok(Minted::new(SENTINEL, HOURS)));
    let cache = TokenCache::new(issuer);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(cache.token())
        .unwrap();
    let fine = poll_once(answering(&cache, "{\"errcode\":0}").oneshot(api())).unwrap();
    assert_eq!(poll_once(read(fine)).errcode(), Some(0));

    let rejected = poll_once(answering(&cache, "{\"errcode\":40001}").oneshot(api())).unwrap();
    let answer = poll_once(read(rejected));
    assert_eq!(answer.errcode(), Some(40001));
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::RefreshFailed));
    let error = answer.outcome().refresh_error().unwrap();
    check_token_error(error, ErrorKind::NoRuntime, "refresh");
}
