//! Whatever comes in, it ends in a clear error or the documented clamp: no panic, and no secret in a message.

mod support;

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
use http_body_util::Full;
use support::{fixed::Fixed, raw::Raw, *};
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_wechat::{
    AppId, Error, ErrorKind, NotReplayed, ReplayBody, TokenCache, TokenError, TokenPool, WeChatAuthLayer,
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
        ] {
            check_kind(&error.expect(&what), ErrorKind::Config, &what);
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
