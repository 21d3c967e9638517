//! A token endpoint that fails, in every way it can.

// How long callers really waited is what is tested here.
#![allow(clippy::disallowed_methods)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tower_wechat::{
    ErrorKind, NotReplayed, TokenCache, TokenError,
    issuer::StableToken,
    testing::{FakeWeChat, Fault},
};

use crate::failures::support::{classic, client, http, send, stable};

const CALLERS: usize = 200;
/// Of those who need not wait for it to run out.
const PATIENT: Duration = Duration::from_secs(5);
const IMPATIENT: Duration = Duration::from_millis(400);
/// What a busy machine with two hundred callers may add.
const SLACK: Duration = Duration::from_secs(1);

/// Two hundred at once; how each of them ended, each in its own time.
async fn callers(cache: &TokenCache, patience: Duration) -> Vec<Result<(), TokenError>> {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let cache = cache.clone();
        callers.spawn(async move {
            let began = Instant::now();
            let outcome = cache.token().await;
            let waited = began.elapsed();
            assert!(waited <= patience + SLACK, "waited for {waited:?}");
            assert!(outcome.as_ref().is_ok_and(|token| !token.as_str().is_empty()) || outcome.is_err());
            outcome.map(drop)
        });
    }
    callers.join_all().await
}

/// Calls on for a second; every answer is an error that says why.
async fn a_second_of_calls(cache: &TokenCache, says: &str) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        let error = cache.token().await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::BackedOff | ErrorKind::Token | ErrorKind::Timeout),
            "{error}"
        );
        assert!(error.to_string().contains(says), "{error}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn cache(issuer: StableToken, patience: Duration) -> TokenCache {
    TokenCache::builder(issuer).wait_timeout(patience).fetch_timeout(patience * 2).build()
}

/// How a failure has to look from outside.
struct Case {
    fault: Fault,
    says: &'static str,
    errcode: Option<i64>,
    /// The errors come at once and are not worth another try for seconds.
    permanent: bool,
}

async fn one_clear_error(case: Case) {
    let wechat = FakeWeChat::start().await;
    let cache = cache(stable(&wechat), PATIENT);
    wechat.fail_tokens(case.fault);
    for outcome in callers(&cache, PATIENT).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.errcode(), case.errcode);
        assert_eq!(error.is_transient(), !case.permanent);
        assert!(error.to_string().contains(case.says), "{error}");
    }
    let tries = if case.permanent { 1 } else { 2 };
    assert_eq!(wechat.token_requests(), tries, "one mint, and one more try if that can help");

    a_second_of_calls(&cache, case.says).await;
    // The pause after a first transient failure is half a second, give or take a quarter; after the second, twice that.
    let most = if case.permanent { 1 } else { 6 };
    let requests = wechat.token_requests();
    assert!(requests <= most, "{requests} requests");
}

#[tokio::test]
async fn busy() {
    one_clear_error(Case { fault: Fault::Busy, says: "busy", errcode: Some(-1), permanent: false }).await;
}

#[tokio::test]
async fn http_500() {
    one_clear_error(Case { fault: Fault::Http(500), says: "HTTP 500", errcode: None, permanent: false })
        .await;
}

#[tokio::test]
async fn garbage() {
    one_clear_error(Case { fault: Fault::Garbage, says: "no JSON object", errcode: None, permanent: false })
        .await;
}

#[tokio::test]
async fn nothing() {
    one_clear_error(Case { fault: Fault::Empty, says: "is empty", errcode: None, permanent: false }).await;
}

#[tokio::test]
async fn cut_off() {
    one_clear_error(Case { fault: Fault::CutOff, says: "broke off", errcode: None, permanent: false }).await;
}

#[tokio::test]
async fn reset() {
    one_clear_error(Case { fault: Fault::Reset, says: "did not answer", errcode: None, permanent: false })
        .await;
}

#[tokio::test]
async fn a_wrong_secret_called_40001() {
    one_clear_error(Case {
        fault: Fault::Errcode(40001),
        says: "secret",
        errcode: Some(40001),
        permanent: true,
    })
    .await;
}

#[tokio::test]
async fn a_wrong_secret_called_40125() {
    one_clear_error(Case {
        fault: Fault::Errcode(40125),
        says: "secret",
        errcode: Some(40125),
        permanent: true,
    })
    .await;
}

#[tokio::test]
async fn a_hang() {
    let wechat = FakeWeChat::start().await;
    let cache = cache(stable(&wechat), IMPATIENT);
    wechat.fail_tokens(Fault::Hang);
    for outcome in callers(&cache, IMPATIENT).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.is_transient());
    }
    assert_eq!(wechat.token_requests(), 1);
    a_second_of_calls(&cache, "").await;
    let requests = wechat.token_requests();
    assert!(requests <= 3, "{requests} requests");
    // Nothing is for ever.
    wechat.heal();
    let healed = async {
        while cache.token().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(5), healed).await.unwrap();
}

#[tokio::test]
async fn a_closed_port() {
    let tries = Arc::new(AtomicU64::new(0));
    let count = tries.clone();
    let counted = http().map_request(move |request: Request<Full<Bytes>>| {
        count.fetch_add(1, Ordering::SeqCst);
        request
    });
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let issuer = StableToken::new("wx", "secret").base_url(&url).unwrap();
    let cache = cache(issuer.http_client(counted), PATIENT);
    for outcome in callers(&cache, PATIENT).await {
        let error = outcome.unwrap_err();
        assert!(error.is_transient());
        assert!(error.to_string().contains("did not answer"), "{error}");
    }
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    a_second_of_calls(&cache, "did not answer").await;
    let tries = tries.load(Ordering::SeqCst);
    assert!(tries <= 6, "{tries} tries");
}

#[tokio::test]
async fn one_hiccup_is_seen_by_nobody() {
    for fault in [Fault::Busy, Fault::Http(502), Fault::Garbage, Fault::Reset, Fault::CutOff, Fault::Lost] {
        let wechat = FakeWeChat::start().await;
        let cache = cache(stable(&wechat), PATIENT);
        wechat.fail_next_tokens(1, fault);
        assert!(callers(&cache, PATIENT).await.iter().all(Result::is_ok));
        assert_eq!(wechat.token_requests(), 2);
    }
}

#[tokio::test]
async fn a_slow_endpoint_fails_nobody_who_has_the_time() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(classic(&wechat));
    let held = wechat.hold_tokens();
    let mut waiting = JoinSet::new();
    for _ in 0..50 {
        let cache = cache.clone();
        waiting.spawn(async move { cache.token().await });
    }
    wechat.wait_for_token_requests(1).await;
    while cache.stats().waits < 50 {
        tokio::task::yield_now().await;
    }
    held.release();
    for token in waiting.join_all().await {
        assert!(!token.unwrap().as_str().is_empty());
    }
    assert_eq!((wechat.token_requests(), wechat.mints()), (1, 1));
}

#[tokio::test]
async fn callers_with_a_dead_token_share_one_failure() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    wechat.fail_tokens(Fault::Http(500));
    let client = client(&cache);
    let mut callers = JoinSet::new();
    let held = wechat.hold_apis();
    for _ in 0..50 {
        let (client, wechat) = (client.clone(), wechat.clone());
        callers.spawn(async move { send(&client, &wechat).await.unwrap() });
    }
    wechat.wait_for_api_requests(50).await;
    held.release();
    for answer in callers.join_all().await {
        assert_eq!(answer.errcode(), Some(40001), "WeChat's own answer");
        let why = answer.outcome().not_replayed().unwrap();
        assert!(matches!(why, NotReplayed::RefreshFailed | NotReplayed::BackedOff), "{why:?}");
        assert!(answer.outcome().refresh_error().unwrap().is_transient());
    }
    assert_eq!(wechat.api_requests(), 50, "nothing was sent again");
    assert_eq!(wechat.token_requests(), 3, "the first, and the one refresh with its second try");
}
