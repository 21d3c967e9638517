//! A rejected token heals once, and where it cannot, the caller reads WeChat's own answer.

use crate::support;

use std::{
    future::{Future, pending, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use support::{raw::Raw, *};
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_wechat::{
    ErrorKind, NotReplayed, Platform, SkipAuth, TokenCache, TokenError, WeChatAuthLayer,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted, StableToken},
    store::{
        Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreError, StoreFuture,
        TokenStore, Usage, Watch,
    },
    testing::{self, FakeWeChat, Fault, ManualClock},
};

/// Bytes that no parser would give back as they were, and a header.
const ODD: &[u8] = b" {\"errmsg\":\"invalid \xff\x01 credential\", \"errcode\" : 40001 ,\"x\":[{}]}\r\n\t";

fn odd(name: &'static str) -> testing::Answer {
    testing::Answer::json(ODD).header(HeaderName::from_static("x-answer"), HeaderValue::from_static(name))
}

/// A cache whose clock the test sets, with a first token in it.
async fn warm(issuer: impl Issuer) -> (TokenCache, ManualClock) {
    warm_for(issuer, Duration::from_secs(10)).await
}

/// The same with another `fetch_timeout`.
async fn warm_for(issuer: impl Issuer, fetch_timeout: Duration) -> (TokenCache, ManualClock) {
    let clock = ManualClock::new();
    let cache = TokenCache::builder(issuer).clock(&clock).fetch_timeout(fetch_timeout).build();
    cache.token().await.unwrap();
    (cache, clock)
}

/// So many calls, all sent with the present token before the first is answered.
async fn crowd(cache: &TokenCache, wechat: &FakeWeChat, callers: u64) -> Vec<Answer> {
    let client = client(cache);
    let before = wechat.api_requests();
    let held = wechat.hold_apis();
    let mut crowd = JoinSet::new();
    for _ in 0..callers {
        let (client, wechat) = (client.clone(), wechat.clone());
        crowd.spawn(async move { send(&client, &wechat).await.unwrap() });
    }
    wechat.wait_for_api_requests(before + callers).await;
    held.release();
    crowd.join_all().await
}

// === an API that always rejects ===

#[tokio::test]
async fn always_rejected_one_refresh_two_sends_and_the_second_answer_whole() {
    let wechat = FakeWeChat::start().await;
    let (cache, _) = warm(classic(&wechat)).await;
    wechat.fail_next_apis(1, Fault::Answer(odd("first")));
    wechat.fail_next_apis(1, Fault::Answer(odd("second")));

    let answer = send(&client(&cache), &wechat).await.unwrap();
    assert_eq!(answer.headers["x-answer"], "second");
    assert_eq!(answer.bytes, ODD);
    assert!(answer.replayed() && answer.rejected());
    assert_eq!(answer.outcome().not_replayed(), None);
    assert_eq!(wechat.mints(), 2, "the first, and one refresh");
    assert_eq!(wechat.api_requests(), 2);
}

#[tokio::test]
async fn always_rejected_a_hundred_callers_one_refresh() {
    let wechat = FakeWeChat::start().await;
    let (cache, _) = warm(classic(&wechat)).await;
    wechat.reject_all(Some(40001));
    for answer in crowd(&cache, &wechat, 100).await {
        assert_eq!(answer.errcode(), Some(40001));
        assert!(answer.replayed());
    }
    assert_eq!((wechat.mints(), wechat.api_requests()), (2, 200));
}

#[tokio::test]
async fn a_late_rejection_of_the_token_before_costs_no_mint() {
    let wechat = FakeWeChat::start().await;
    let (cache, _) = warm(classic(&wechat)).await;
    let old = cache.current().unwrap();
    wechat.revoke();
    assert!(send(&client(&cache), &wechat).await.unwrap().replayed());
    for _ in 0..3 {
        let token = cache.refresh(&old).await.unwrap();
        assert!(wechat.accepts(token.as_str()));
    }
    assert_eq!(wechat.mints(), 2);
}

#[tokio::test]
async fn a_replay_that_fails_on_its_way_is_an_error_and_not_a_third_send() {
    let wechat = FakeWeChat::start().await;
    let (cache, _) = warm(classic(&wechat)).await;
    wechat.fail_next_apis(1, Fault::Errcode(42001));
    wechat.fail_next_apis(1, Fault::Lost);
    let Err(error) = send(&client(&cache), &wechat).await else {
        panic!("no answer came to the second send");
    };
    assert_eq!(error.kind(), ErrorKind::Inner);
    assert_eq!(wechat.api_requests(), 2);
}

// === a refresh that fails ===

/// A hundred callers meet a dead token and a token endpoint with this fault, which is asked `asked` times.
async fn refresh_fails(fault: Fault, kind: ErrorKind, errcode: Option<i64>, asked: u64) {
    let wechat = FakeWeChat::start().await;
    let hangs = matches!(fault, Fault::Hang);
    let limit = Duration::from_millis(if hangs { 1000 } else { 10_000 });
    let (cache, clock) = warm_for(stable(&wechat), limit).await;
    wechat.revoke();
    wechat.set_rejection(Some(odd("first")));
    wechat.fail_tokens(fault.clone());
    let what = format!("{fault:.60?}");

    let answers = crowd(&cache, &wechat, 100).await;
    let (mut told, mut transient) = (0, false);
    for answer in &answers {
        assert_eq!(answer.headers["x-answer"], "first", "{what}");
        assert_eq!(answer.bytes, ODD, "{what}");
        let outcome = answer.outcome();
        assert_eq!(outcome.errcode(), 40001, "{what}");
        assert!(!outcome.replayed(), "{what}");
        let error = outcome.refresh_error().unwrap();
        assert_eq!(error.errcode(), errcode, "{what}: {error}");
        match outcome.not_replayed().unwrap() {
            NotReplayed::RefreshFailed => assert_eq!(error.kind(), kind, "{what}: {error}"),
            // Who comes when the fetch has failed already.
            NotReplayed::BackedOff => assert_eq!(error.kind(), ErrorKind::BackedOff, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        told += usize::from(error.kind() == kind);
        transient = error.is_transient();
    }
    assert!(told > 0, "{what}: nobody was told the reason");
    assert_eq!(wechat.token_requests(), 1 + asked, "{what}: one fetch, and at most one more try");
    assert_eq!(wechat.api_requests(), 100, "{what}");

    // Too early for another try, though the endpoint is well again.
    wechat.heal();
    let answer = send(&client(&cache), &wechat).await.unwrap();
    if !answer.rejected() && transient {
        // It is half a second, and this machine was busy for longer than that.
        return;
    }
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::BackedOff), "{what}");
    assert_eq!(answer.bytes, ODD, "{what}");
    assert_eq!(wechat.token_requests(), 1 + asked, "{what}");

    let pause = answer.outcome().refresh_error().unwrap().retry_after().unwrap();
    clock.set_forward(pause + Duration::from_secs(1));
    for _ in 0..2 {
        let answer = send(&client(&cache), &wechat).await.unwrap();
        assert_eq!(answer.errcode(), Some(0), "{what}");
        assert!(!answer.rejected(), "{what}: a token that is known to be dead is replaced before it is sent");
    }
    assert_eq!(wechat.token_requests(), 2 + asked, "{what}");
}

#[tokio::test]
async fn refresh_fails_with_http_500() {
    refresh_fails(Fault::Http(500), ErrorKind::Token, None, 2).await;
}

#[tokio::test]
async fn refresh_fails_while_the_platform_is_busy() {
    refresh_fails(Fault::Busy, ErrorKind::Token, Some(-1), 2).await;
}

#[tokio::test]
async fn refresh_fails_for_the_secret_is_refused() {
    refresh_fails(Fault::Errcode(40125), ErrorKind::Token, Some(40125), 1).await;
}

#[tokio::test]
async fn refresh_fails_with_the_very_code_that_rejects_a_token() {
    refresh_fails(Fault::Errcode(40001), ErrorKind::Token, Some(40001), 1).await;
    refresh_fails(Fault::Errcode(42001), ErrorKind::Token, Some(42001), 1).await;
}

#[tokio::test]
async fn refresh_fails_with_the_quota_gone() {
    refresh_fails(Fault::Errcode(45009), ErrorKind::Token, Some(45009), 1).await;
    refresh_fails(Fault::Errcode(45011), ErrorKind::Token, Some(45011), 1).await;
}

#[tokio::test]
async fn refresh_fails_by_hanging() {
    refresh_fails(Fault::Hang, ErrorKind::Timeout, None, 1).await;
}

#[tokio::test]
async fn refresh_fails_with_garbage() {
    refresh_fails(Fault::Garbage, ErrorKind::Token, None, 2).await;
    refresh_fails(Fault::Empty, ErrorKind::Token, None, 2).await;
    refresh_fails(Fault::Http(404), ErrorKind::Token, None, 1).await;
}

#[tokio::test]
async fn refresh_fails_by_a_connection_that_ends() {
    for fault in [Fault::CutOff, Fault::Lost, Fault::Reset] {
        refresh_fails(fault, ErrorKind::Token, None, 2).await;
    }
}

#[tokio::test]
async fn refresh_fails_with_a_token_that_is_none() {
    for seconds in [0, -1, i64::MIN] {
        refresh_fails(Fault::ExpiresIn(seconds), ErrorKind::Token, None, 2).await;
    }
    let empty = testing::Answer::json(r#"{"access_token":"","expires_in":7200}"#);
    refresh_fails(Fault::Answer(empty), ErrorKind::Token, None, 2).await;
    let huge = format!(r#"{{"access_token":"{}","expires_in":7200}}"#, "x".repeat(10_240));
    let huge = testing::Answer::json(huge);
    refresh_fails(Fault::Answer(huge), ErrorKind::Token, None, 1).await;
}

// === what is a rejection, and what is not ===

/// Whether a call that is answered with this code was refreshed and replayed.
async fn heals(
    errcode: i64,
    issuer: impl Issuer,
    wechat: FakeWeChat,
    set: impl FnOnce(WeChatAuthLayer) -> WeChatAuthLayer,
) -> bool {
    let (cache, _) = warm(issuer).await;
    wechat.reject_all(Some(errcode));
    let client = layered(set(WeChatAuthLayer::new(&cache)));
    let answer = send(&client, &wechat).await.unwrap();
    assert_eq!(answer.errcode(), Some(errcode));
    assert!(answer.outcome.as_ref().is_none_or(|outcome| outcome.errcode() == errcode));
    assert_eq!(answer.rejected(), answer.replayed());
    let times = if answer.rejected() { 2 } else { 1 };
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (times, times));
    answer.rejected()
}

#[tokio::test]
async fn codes_of_an_official_account() {
    for (errcode, expected) in [
        (40001, true),
        (40014, true),
        (42001, true),
        (41001, false),
        (42007, false),
        (48001, false),
        (45009, false),
        (40164, false),
        (61003, false),
        (40082, false),
        (42009, false),
        (-1, false),
        (-40001, false),
        (400_010, false),
    ] {
        let wechat = FakeWeChat::start().await;
        assert_eq!(heals(errcode, stable(&wechat), wechat, |layer| layer).await, expected, "{errcode}");
    }
}

#[tokio::test]
async fn codes_of_wecom() {
    for (errcode, expected) in
        [(40001, false), (40014, true), (42001, true), (41001, false), (42007, false), (48002, false)]
    {
        let wechat = FakeWeChat::start().await;
        assert_eq!(heals(errcode, wecom(&wechat), wechat, |layer| layer).await, expected, "{errcode}");
    }
}

#[tokio::test]
async fn codes_of_ones_own_replace_the_list() {
    for (errcode, expected) in [(48001, true), (40001, false), (42001, false)] {
        let wechat = FakeWeChat::start().await;
        let own = |layer: WeChatAuthLayer| layer.rejection_codes([48001]);
        assert_eq!(heals(errcode, stable(&wechat), wechat, own).await, expected, "{errcode}");
    }
    let wechat = FakeWeChat::start().await;
    assert!(!heals(40001, stable(&wechat), wechat, |layer| layer.rejection_codes([])).await);
}

// === the stable endpoint hands out the rejected text again ===

#[tokio::test]
async fn the_same_text_is_replayed_once_and_then_nobody_asks_until_the_back_off_has_passed() {
    let wechat = FakeWeChat::start().await;
    let (cache, clock) = warm(stable(&wechat)).await;
    wechat.revoke_unnoticed();
    let client = client(&cache);

    let first = send(&client, &wechat).await.unwrap();
    assert_eq!(first.errcode(), Some(40001));
    assert!(first.replayed(), "it may have been a passing trouble");
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (2, 2));

    for _ in 0..20 {
        let answer = send(&client, &wechat).await.unwrap();
        assert_eq!(answer.errcode(), Some(40001));
        assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::BackedOff));
        assert!(answer.outcome().refresh_error().unwrap().retry_after().unwrap() > Duration::ZERO);
    }
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (2, 22));

    clock.set_forward(Duration::from_secs(31));
    let answer = send(&client, &wechat).await.unwrap();
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::BackedOff), "asked before it was sent");
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (3, 23));

    clock.set_forward(Duration::from_secs(31));
    wechat.revoke(); // Now the endpoint knows.
    assert_eq!(send(&client, &wechat).await.unwrap().errcode(), Some(0));
    assert_eq!(wechat.token_requests(), 4);
}

#[tokio::test]
async fn the_same_text_is_replaced_by_force_where_that_is_allowed_once_in_thirty_seconds() {
    let wechat = FakeWeChat::start().await;
    let (cache, clock) = warm(stable(&wechat).allow_forced_refresh()).await;
    let client = client(&cache);
    let pass = |time| {
        clock.set_forward(time);
        wechat.advance(time);
    };

    wechat.revoke_unnoticed();
    let healed = send(&client, &wechat).await.unwrap();
    assert_eq!(healed.errcode(), Some(0));
    assert!(healed.replayed());
    assert_eq!((wechat.mints(), wechat.token_requests()), (2, 3));
    assert_eq!(cache.stats().mints_forced, 1);

    pass(Duration::from_secs(20));
    wechat.revoke_unnoticed();
    assert_eq!(send(&client, &wechat).await.unwrap().errcode(), Some(40001));
    assert_eq!(cache.stats().mints_forced, 1, "too early for another");
    assert_eq!((wechat.mints(), wechat.token_requests()), (2, 4));

    pass(Duration::from_secs(31));
    assert_eq!(send(&client, &wechat).await.unwrap().errcode(), Some(0));
    assert_eq!(cache.stats().mints_forced, 2);
    assert_eq!((wechat.mints(), wechat.token_requests()), (3, 6));
}

/// Hands out one text, fails when forced, and counts that.
struct FailsWhenForced {
    platform: Platform,
    forced: Arc<AtomicUsize>,
}

impl Issuer for FailsWhenForced {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            if how.is_forced() {
                self.forced.fetch_add(1, Ordering::SeqCst);
                return Err(TokenError::transient("the answer was lost"));
            }
            Ok(Minted::new("always-the-same", Duration::from_secs(7200)))
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("test", "", "app", None)
    }

    fn mints_are_independent(&self) -> bool {
        true
    }

    fn can_force(&self) -> bool {
        true
    }
}

/// How often it is forced in twenty seconds of rejections.
async fn forced_in_twenty_seconds(store: Option<Gone>) -> usize {
    let forced = Arc::new(AtomicUsize::new(0));
    let issuer = FailsWhenForced { platform: Platform::wechat(), forced: forced.clone() };
    let clock = ManualClock::new();
    let builder = TokenCache::builder(issuer).clock(&clock);
    let cache = match store {
        Some(store) => builder.store(store).build(),
        // One of its own, on the same clock.
        None => builder.build(),
    };
    let token = cache.token().await.unwrap();
    for _ in 0..4 {
        let _ = cache.refresh(&token).await;
        clock.set_forward(Duration::from_secs(5));
    }
    forced.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_forced_refresh_that_failed_counts_too() {
    assert_eq!(forced_in_twenty_seconds(None).await, 1);
}

#[tokio::test]
async fn a_forced_refresh_counts_without_a_store() {
    assert_eq!(forced_in_twenty_seconds(Some(Gone)).await, 1);
}

/// A store that is out of reach.
#[derive(Debug)]
struct Gone;

fn gone<T: Send + 'static>() -> StoreFuture<'static, T> {
    Box::pin(ready(Err(StoreError::unavailable("it is gone"))))
}

impl TokenStore for Gone {
    fn load<'a>(&'a self, _: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        gone()
    }

    fn try_lease<'a>(&'a self, _: &'a AccountKey, _: LeaseRequest) -> StoreFuture<'a, Claim> {
        gone()
    }

    fn renew<'a>(&'a self, _: &'a AccountKey, _: &'a Lease) -> StoreFuture<'a, bool> {
        gone()
    }

    fn commit<'a>(
        &'a self,
        _: &'a AccountKey,
        _: &'a Lease,
        _: &'a Record,
        _: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        gone()
    }

    fn abandon<'a>(
        &'a self,
        _: &'a AccountKey,
        _: &'a Lease,
        _: Option<&'a Failure>,
        _: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        gone()
    }

    fn note<'a>(&'a self, _: &'a AccountKey, _: Note) -> StoreFuture<'a, ()> {
        gone()
    }

    fn watch(&self, _: &AccountKey) -> Box<dyn Watch> {
        Box::new(Silent)
    }
}

struct Silent;

impl Watch for Silent {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(pending())
    }
}

// === requests that are not ours ===

async fn untouched(wechat: &FakeWeChat, request: Request<Full<Bytes>>) -> Answer {
    let cache = TokenCache::new(stable(wechat));
    let answer = read(client(&cache).oneshot(request).await.unwrap()).await;
    assert!(answer.outcome.is_none());
    assert_eq!(cache.stats(), tower_wechat::Stats::default());
    answer
}

#[tokio::test]
async fn a_token_of_the_callers_own_is_left_alone() {
    let wechat = FakeWeChat::start().await;
    for query in [
        "access_token=mine",
        "a=1&access_token=mine&b=%2f",
        "access_token=",
        "access_token",
        "access%5ftoken=mine",
    ] {
        wechat.clear_seen();
        let path = format!("/cgi-bin/user/info?{query}");
        let answer = untouched(&wechat, post(&wechat, &path, Full::from("{}"))).await;
        assert_ne!(answer.errcode(), Some(0), "{query}");
        let seen = wechat.seen();
        assert_eq!(seen.len(), 1, "{query}");
        assert_eq!(seen[0].generation, None, "{query}");
        assert_eq!(seen[0].query.split('&').count(), query.split('&').count(), "{query}");
    }
    assert_eq!(wechat.token_requests(), 0);
}

#[tokio::test]
async fn a_request_that_skips_the_layer_is_left_alone() {
    let wechat = FakeWeChat::start().await;
    let mut request = call(&wechat);
    request.extensions_mut().insert(SkipAuth);
    assert_eq!(untouched(&wechat, request).await.errcode(), Some(41001));

    let cache = TokenCache::new(stable(&wechat));
    let skipping = client(&cache).without_auth();
    let answer = send(&skipping, &wechat).await.unwrap();
    assert_eq!(answer.errcode(), Some(41001));
    assert!(answer.outcome.is_none());
    assert_eq!(wechat.token_requests(), 0);
}

#[tokio::test]
async fn paths_and_secrets_that_need_no_token_are_left_alone() {
    let wechat = FakeWeChat::start().await;
    let (id, secret) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    for path in [
        "/sns/userinfo?openid=x",
        "/cgi-bin/clear_quota/v2",
        &format!("/cgi-bin/clear_quota?appid={id}&appsecret={secret}"),
    ] {
        untouched(&wechat, post(&wechat, path, Full::default())).await;
        assert_eq!(wechat.seen().last().unwrap().token, None, "{path}");
    }
    assert_eq!(wechat.token_requests(), 0);

    let path = format!("/cgi-bin/token?grant_type=client_credential&appid={id}&secret={secret}");
    let request = Request::get(format!("{}{path}", wechat.url())).body(Full::default()).unwrap();
    assert!(untouched(&wechat, request).await.text.contains("access_token"));
    let body = format!(r#"{{"grant_type":"client_credential","appid":"{id}","secret":"{secret}"}}"#);
    let request = post(&wechat, "/cgi-bin/stable_token", Full::from(body));
    assert!(untouched(&wechat, request).await.text.contains("access_token"));
    assert_eq!(wechat.token_requests(), 2, "the caller's own");
}

#[tokio::test]
async fn the_answer_to_a_request_that_is_not_ours_is_not_looked_at() {
    let server = Raw::start().await;
    let issuer = StableToken::new("app", "secret").base_url(&server.url()).unwrap();
    let cache = TokenCache::new(issuer);
    let request =
        Request::get(format!("{}/x?access_token=mine", server.url())).body(Full::<Bytes>::default()).unwrap();
    // The start of a rejection; a look at it would wait for the rest.
    let answer = server.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{\"errcode\"");
    let (response, _open) = tokio::join!(client(&cache).oneshot(request), answer);
    let response = response.unwrap();
    assert!(response.extensions().get::<tower_wechat::AuthOutcome>().is_none());
}

// === the budget ===

#[tokio::test]
async fn refreshes_that_help_are_cheap() {
    let wechat = FakeWeChat::start().await;
    let (cache, _) = warm(classic(&wechat)).await;
    let client = client(&cache);
    for round in 1..=60 {
        wechat.revoke();
        let answer = send(&client, &wechat).await.unwrap();
        assert_eq!(answer.errcode(), Some(0), "{round}");
        assert_eq!(wechat.mints(), 1 + round);
    }
    // The share of the day: WeChat allows 2 000 mints.
    wechat.revoke();
    let answer = send(&client, &wechat).await.unwrap();
    let error = answer.outcome().refresh_error().unwrap();
    assert!(error.to_string().contains("budget"), "{error}");
    assert!((90..=100).contains(&error.retry_after().unwrap().as_secs()), "{error}");
}

#[tokio::test]
async fn five_refreshes_that_do_not_help_and_then_one_every_five_minutes() {
    let wechat = FakeWeChat::start().await;
    let (cache, clock) = warm(classic(&wechat)).await;
    let client = client(&cache);
    wechat.reject_all(Some(40001));
    for round in 1..=5 {
        let answer = send(&client, &wechat).await.unwrap();
        assert!(answer.replayed() && answer.errcode() == Some(40001), "{round}");
        assert_eq!(wechat.mints(), 1 + round);
    }
    for _ in 0..20 {
        let answer = send(&client, &wechat).await.unwrap();
        assert_eq!(answer.errcode(), Some(40001));
        assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::BackedOff));
        let error = answer.outcome().refresh_error().unwrap();
        assert_eq!(error.kind(), ErrorKind::BackedOff);
        assert!(error.to_string().contains("budget"), "{error}");
        assert!((290..=300).contains(&error.retry_after().unwrap().as_secs()), "{error}");
    }
    assert_eq!((wechat.mints(), wechat.token_requests()), (6, 6));

    clock.set_forward(Duration::from_secs(301));
    assert!(!send(&client, &wechat).await.unwrap().replayed(), "a token known to be dead is replaced first");
    assert_eq!(wechat.mints(), 7);
}

#[tokio::test]
async fn a_refresh_by_hand_has_helped_once_a_request_is_accepted() {
    let wechat = FakeWeChat::start().await;
    let (cache, _) = warm(classic(&wechat)).await;
    for round in 1..=10 {
        wechat.revoke();
        let dead = cache.current().unwrap();
        cache.refresh(&dead).await.unwrap_or_else(|error| panic!("{round}: {error}"));
        assert_eq!(send(&client(&cache), &wechat).await.unwrap().errcode(), Some(0));
    }
    assert_eq!(wechat.mints(), 11);
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_the_token_is_no_proof_that_a_refresh_helped() {
    let busy = || Fault::Errcode(-1);
    let gateway = || Fault::Answer(testing::Answer::json(r#"{"errcode":0}"#).status(StatusCode::BAD_GATEWAY));
    for second in [&busy as &dyn Fn() -> Fault, &gateway] {
        let wechat = FakeWeChat::start().await;
        let (cache, _) = warm(classic(&wechat)).await;
        let client = client(&cache);
        for round in 1..=6 {
            wechat.fail_next_apis(1, Fault::Errcode(40001));
            wechat.fail_next_apis(1, second());
            let answer = send(&client, &wechat).await.unwrap();
            assert_eq!(answer.replayed(), round <= 5, "{round}");
        }
        assert_eq!(wechat.mints(), 6);
    }
}

#[tokio::test]
async fn nor_is_it_after_a_refresh_by_hand() {
    let busy = || Fault::Errcode(-1);
    let gateway = || Fault::Answer(testing::Answer::json(r#"{"errcode":0}"#).status(StatusCode::BAD_GATEWAY));
    for answer in [&busy as &dyn Fn() -> Fault, &gateway] {
        let wechat = FakeWeChat::start().await;
        let (cache, _) = warm(classic(&wechat)).await;
        for round in 1..=6 {
            let dead = cache.current().unwrap();
            assert_eq!(cache.refresh(&dead).await.is_ok(), round <= 5, "{round}");
            wechat.fail_next_apis(1, answer());
            send(&client(&cache), &wechat).await.unwrap();
        }
        assert_eq!(wechat.mints(), 6);
    }
}
