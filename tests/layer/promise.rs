//! The promise: one cold start, one mint; one revocation, one mint; nobody fails.

use crate::support;

use std::time::Duration;

use support::*;
use tokio::task::JoinSet;
use tower_wechat::{TokenCache, testing::FakeWeChat};

const CALLERS: usize = 1000;

/// All of them at once; returns how many were replayed.
async fn all_succeed(cache: &TokenCache, wechat: &FakeWeChat) -> usize {
    let client = client(cache);
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (client, wechat) = (client.clone(), wechat.clone());
        callers.spawn(async move { send(&client, &wechat).await.unwrap() });
    }
    let mut replayed = 0;
    while let Some(answer) = callers.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.errcode(), Some(0), "{}", answer.text);
        replayed += usize::from(answer.replayed());
    }
    replayed
}

/// A cold start of a thousand; then the tokens die under a thousand more.
async fn cold_start_and_death(cache: TokenCache, wechat: FakeWeChat, kill: impl Fn(&FakeWeChat)) {
    assert_eq!(all_succeed(&cache, &wechat).await, 0);
    assert_eq!(wechat.mints(), 1, "a cold start");
    assert_eq!(wechat.api_requests(), 1000);

    kill(&wechat);
    let held = wechat.hold_apis();
    let release = async {
        wechat.wait_for_api_requests(2000).await;
        held.release();
    };
    let (replayed, ()) = tokio::join!(all_succeed(&cache, &wechat), release);
    assert_eq!(replayed, 1000, "all were in flight when the token was found dead");
    assert_eq!(wechat.mints(), 2, "one more");
    assert_eq!(wechat.api_requests(), 3000, "nobody was sent a third time");
}

#[tokio::test]
async fn a_thousand_callers_with_the_stable_endpoint() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cold_start_and_death(cache, wechat, FakeWeChat::revoke).await;
}

#[tokio::test]
async fn a_thousand_callers_with_an_expired_token() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cold_start_and_death(cache, wechat, FakeWeChat::expire).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_with_the_classic_endpoint_and_no_overlap() {
    let wechat =
        FakeWeChat::builder().overlap(Duration::ZERO).token_latency(Duration::from_millis(20)).start().await;
    let cache = TokenCache::new(classic(&wechat));
    cold_start_and_death(cache, wechat, FakeWeChat::revoke).await;
}

#[tokio::test]
async fn a_thousand_callers_with_wecom() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(wecom(&wechat));
    cold_start_and_death(cache, wechat, FakeWeChat::revoke).await;
}
