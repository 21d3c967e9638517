//! What the layer says about itself: who is left out and why, and that a rejection does not flood the log.

use crate::support;
use crate::support::events;

use std::{future::Future, time::Duration};

use bytes::Bytes;
use events::{Events, Line};
use http::Request;
use http_body_util::Full;
use support::{below::Below, issuers::instant, *};
use tokio::{task::JoinSet, time::timeout};
use tower::{Layer, ServiceExt};
use tower_wechat::{
    ErrorKind, Platform, SkipAuth, TokenCache, TokenPool, WeChatAuth, WeChatAuthLayer,
    issuer::{AccountKey, Issuer, Mint, MintFuture},
    store::MemoryStore,
    testing::{FakeWeChat, Fault},
};
use tracing::Level;

/// Far more than any of this takes: what does not end by then hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("no hang")
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

// === who is left out ===

/// The one event about this request, which says that it was left out.
async fn left_out(auth: &WeChatAuth<Below>, request: Request<Full<Bytes>>, events: &Events) -> Line {
    events.take();
    let uri = request.uri().to_string();
    soon(auth.clone().oneshot(request)).await.unwrap();
    let mut lines = events.take();
    assert_eq!(lines.len(), 1, "{uri}: {lines:?}");
    let line = lines.remove(0);
    assert_eq!(line.level, Level::DEBUG, "{uri}");
    assert_eq!(line.target, "tower_wechat", "{uri}");
    assert_eq!(line.message, "sent a request without a token", "{uri}");
    for hidden in ["PATH", "QUERY", "THEIRS"] {
        assert!(!format!("{line:?}").contains(hidden), "{uri}: {line:?}");
    }
    line
}

const REASONS: [(&str, &str, Option<&str>); 12] = [
    ("https://mp.weixin.qq.com/PATH?QUERY", "another host", Some("mp.weixin.qq.com")),
    ("http://api.weixin.qq.com/PATH?QUERY", "another scheme or port", Some("api.weixin.qq.com")),
    ("https://api.weixin.qq.com:8443/PATH?QUERY", "another scheme or port", Some("api.weixin.qq.com")),
    ("http://gw.example/wx/PATH?QUERY", "another scheme or port", Some("gw.example")),
    ("https://gw.example/hr/PATH?QUERY", "not below the prefix", Some("gw.example")),
    (
        "https://api.weixin.qq.com/cgi-bin/token?QUERY",
        "no token goes to this path",
        Some("api.weixin.qq.com"),
    ),
    ("https://gw.example/wx/sns/PATH?QUERY", "no token goes to this path", Some("gw.example")),
    (
        "https://api.weixin.qq.com/PATH?access_token=THEIRS",
        "a token of the caller's own",
        Some("api.weixin.qq.com"),
    ),
    (
        "https://api.weixin.qq.com/PATH?component_access_token=THEIRS",
        "a token of the caller's own",
        Some("api.weixin.qq.com"),
    ),
    ("https://api.weixin.qq.com/PATH?QUERY&secret=THEIRS", "a secret", Some("api.weixin.qq.com")),
    ("/PATH?QUERY", "no scheme and host", None),
    ("api.weixin.qq.com:443", "no scheme and host", Some("api.weixin.qq.com")),
];

#[tokio::test]
async fn a_request_that_is_left_out_is_an_event_with_the_reason() {
    let (events, _guard) = Events::catch();
    let single = WeChatAuthLayer::new(TokenCache::new(instant().0));
    let pool = TokenPool::new();
    pool.insert("wx".into(), TokenCache::new(instant().0));
    let below = Below::new(r#"{"errcode":0}"#);
    let over =
        |layer: WeChatAuthLayer| layer.allow_origin("https://gw.example/wx").unwrap().layer(below.clone());
    let (single, pool) = (over(single), over(WeChatAuthLayer::new(pool)));
    for auth in [single.clone(), pool.clone(), pool.for_app("wx".into())] {
        for (uri, why, host) in REASONS {
            let line = left_out(&auth, get(uri), &events).await;
            assert!(line.get("why").unwrap().contains(why), "{uri}: {line:?}");
            assert_eq!(line.get("host"), host, "{uri}");
        }
        let mut skipped = get("https://api.weixin.qq.com/PATH?QUERY");
        skipped.extensions_mut().insert(SkipAuth);
        let by_handle = left_out(&auth.without_auth(), get("https://api.weixin.qq.com/PATH"), &events).await;
        for line in [by_handle, left_out(&single, skipped, &events).await] {
            assert_eq!(line.get("why"), Some("the caller asked for that"));
            assert_eq!(line.get("host"), Some("api.weixin.qq.com"));
        }
    }
}

#[tokio::test]
async fn a_request_with_a_token_is_not_said_to_be_left_out() {
    let (events, _guard) = Events::catch();
    let cache = TokenCache::new(instant().0);
    cache.token().await.unwrap();
    events.take();
    let auth = WeChatAuthLayer::new(&cache).layer(Below::new(r#"{"errcode":0}"#));
    soon(auth.oneshot(get("https://api.weixin.qq.com/cgi-bin/x"))).await.unwrap();
    let lines = events.take();
    assert!(lines.is_empty(), "{lines:?}");
}

// === a rejection ===

#[tokio::test]
async fn three_hundred_rejections_of_one_token_are_one_line() {
    const CALLERS: u64 = 300;
    let (events, _guard) = Events::catch();
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let client = client(&cache);
    cache.token().await.unwrap();
    events.take();

    let held = wechat.hold_apis();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (client, wechat) = (client.clone(), wechat.clone());
        callers.spawn(async move { send(&client, &wechat).await.unwrap() });
    }
    soon(wechat.wait_for_api_requests(CALLERS)).await;
    wechat.revoke();
    held.release();
    let answers = soon(callers.join_all()).await;
    assert!(answers.iter().all(|answer| answer.replayed() && answer.errcode() == Some(0)));
    assert_eq!(wechat.mints(), 2);

    let lines = events.take();
    let shown: Vec<_> = lines.iter().filter(|line| line.level <= Level::INFO).collect();
    let rejections: Vec<_> =
        shown.iter().filter(|line| line.message == "WeChat rejected the token").collect();
    assert_eq!(rejections.len(), 1, "{shown:?}");
    let rejection = rejections[0];
    assert_eq!(rejection.level, Level::INFO);
    assert_eq!(rejection.get("app"), Some(FakeWeChat::APP_ID));
    assert_eq!(rejection.get("errcode"), Some("40001"));
    assert_eq!(rejection.get("account").unwrap().len(), 32);
    let rid = rejection.get("rid").expect("the platform's id of the request");
    assert!(rid.len() == 26 && rid.split('-').count() == 3, "{rid}");
    assert!(shown.len() <= 3, "{} lines: {shown:?}", shown.len());

    let others =
        lines.iter().filter(|line| line.level == Level::DEBUG && line.message.contains("rejected the token"));
    assert_eq!(others.count() as u64, CALLERS - 1);
    let replayed = lines.iter().filter(|line| line.message.contains("sent the request again"));
    assert_eq!(replayed.count() as u64, CALLERS);
}

#[tokio::test]
async fn each_rejected_token_is_a_line_of_its_own() {
    let (events, _guard) = Events::catch();
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let client = client(&cache);
    for _ in 0..3 {
        send(&client, &wechat).await.unwrap();
        wechat.revoke();
    }
    assert!(send(&client, &wechat).await.unwrap().replayed());
    let rejections = events.take().into_iter().filter(|line| line.message == "WeChat rejected the token");
    assert_eq!(rejections.count(), 3);
}

#[tokio::test]
async fn every_event_has_the_target_that_the_docs_name() {
    let (events, _guard) = Events::catch();
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let client = client(&cache);
    send(&client, &wechat).await.unwrap();
    wechat.revoke();
    send(&client, &wechat).await.unwrap();
    wechat.revoke();
    wechat.fail_tokens(Fault::Errcode(40125));
    assert!(!send(&client, &wechat).await.unwrap().replayed());
    let lines = events.take();
    for message in [
        "minted a token",
        "waited for a token",
        "WeChat rejected the token",
        "sent the request again with another token",
        "could not mint a token",
        "handed WeChat's rejection on",
    ] {
        let mut of_this = lines.iter().filter(|line| line.message == message).peekable();
        assert!(of_this.peek().is_some(), "no {message:?} in {lines:?}");
        assert!(of_this.all(|line| line.target == "tower_wechat"), "{message:?} has another target");
    }
}

#[tokio::test]
async fn an_app_id_with_lines_in_it_is_one_line_in_the_log() {
    let (events, _guard) = Events::catch();
    let issuer = tower_wechat::issuer::StableToken::new("wx\nINFO forged\u{2028}\u{202e}x", "secret");
    let error = TokenCache::new(issuer).token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for line in events.take() {
        for (field, value) in &line.fields {
            let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}');
            assert!(!value.contains(odd), "{field}: {value:?}");
        }
    }
}

// === an inner failure ===

#[tokio::test]
async fn the_text_of_an_inner_failure_has_its_cause() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.token().await.unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let auth = layered::<Full<Bytes>>(
        WeChatAuthLayer::new(&cache).allow_origin(&format!("http://{closed}")).unwrap(),
    );
    let error = soon(auth.oneshot(get(&format!("http://{closed}/cgi-bin/x")))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inner);
    let text = error.to_string();
    assert!(text.starts_with("the HTTP client below the WeChat layer failed: "), "{text}");
    assert!(text.to_lowercase().contains("refused"), "{text}");

    wechat.fail_apis(Fault::Reset);
    let error = soon(send(&client(&cache), &wechat)).await.err().unwrap();
    let cause = std::error::Error::source(&error).unwrap();
    assert!(error.to_string().contains(&cause.to_string()), "{error}");
    assert!(error.to_string().contains("reset"), "{error}");
}

// === a fetch ===

#[tokio::test]
async fn what_happens_in_a_fetch_is_in_a_span_with_its_cause() {
    let (events, _guard) = Events::catch();
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let caller = tracing::info_span!("the caller's own");
    let token = caller.in_scope(|| cache.token()).await.unwrap();
    wechat.fail_tokens(Fault::Errcode(40125));
    cache.refresh(&token).await.unwrap_err();
    for (message, cause) in [("minted a token", "cold"), ("could not mint a token", "rejected")] {
        let lines = events.0.lock().unwrap().clone();
        let line = lines.iter().find(|line| line.message == message).unwrap_or_else(|| panic!("{lines:?}"));
        let [span] = line.spans.as_slice() else { panic!("it belongs to none of those who wait: {line:?}") };
        assert_eq!((span.message.as_str(), span.target.as_str()), ("fetch", "tower_wechat"));
        assert_eq!(span.get("cause"), Some(cause));
        assert_eq!(span.get("app"), Some(FakeWeChat::APP_ID));
        assert_eq!(span.get("account"), Some(cache.account().to_string().as_str()));
    }
    let minted = events.take().into_iter().find(|line| line.message == "minted a token").unwrap();
    assert!(minted.get("took_ms").is_some(), "{minted:?}");
}

// === another program ===

/// What is said of another program that mints for the same app, after two signs of it.
async fn alarm(issuer: impl Issuer, shared: bool) -> Vec<Line> {
    let (events, _guard) = Events::catch();
    let builder = TokenCache::builder(issuer);
    let cache = if shared { builder.store(MemoryStore::new()).build() } else { builder.build() };
    let mut token = cache.token().await.unwrap();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(302)).await;
        token = cache.refresh(&token).await.unwrap();
    }
    events.take().into_iter().filter(|line| line.message == "another program mints for this app").collect()
}

#[tokio::test(start_paused = true)]
async fn the_advice_about_another_program_fits_issuer_and_store() {
    for (shared, advice) in
        [(false, "let all of them share one store"), (true, "it does not share this store")]
    {
        let lines = alarm(instant().0, shared).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0].level, Level::WARN);
        assert_eq!(lines[0].get("app"), Some("wxscripted"));
        assert!(lines[0].get("advice").unwrap().contains(advice), "{lines:?}");
    }
    // WeCom hands out one token to all who ask: nobody's mint ends another's.
    assert!(alarm(Independent(instant().0), false).await.is_empty());
}

/// An issuer whose mints do each other no harm.
struct Independent<I>(I);

impl<I: Issuer> Issuer for Independent<I> {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        self.0.mint(how)
    }

    fn platform(&self) -> &Platform {
        self.0.platform()
    }

    fn account(&self) -> AccountKey {
        self.0.account()
    }

    fn mints_are_independent(&self) -> bool {
        true
    }
}
