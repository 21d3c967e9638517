//! What a cache says of its health.

use crate::support;

use std::time::Duration;

use support::mill::Mill;
use tokio::time::advance;
use tower_wechat::{
    ErrorKind, TokenCache, TokenError,
    store::MemoryStore,
    testing::{FakeWeChat, Fault},
};

const LIFE: Duration = Duration::from_secs(7200);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test(start_paused = true)]
async fn a_cache_without_a_token_is_due_and_to_look_costs_nothing() {
    let mill = Mill::new("app", LIFE);
    let cache = TokenCache::builder(mill.clone()).store(MemoryStore::new()).build();
    let health = cache.health();
    assert!(health.token.is_none() && health.token_age.is_none() && health.is_due);
    assert!(health.last_failure.is_none() && health.held_back.is_none() && !health.is_store_down);
    assert!(health.refreshes_left > 0 && health.futile_refreshes_left > 0);
    tokio::task::yield_now().await;
    assert_eq!((mill.mints(), cache.stats().waits), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_token_has_an_age_and_is_due_near_its_end() {
    let mill = Mill::new("app", LIFE);
    let cache = TokenCache::new(mill.clone());
    let token = cache.token().await.unwrap();
    advance(secs(3600)).await;
    let health = cache.health();
    assert_eq!(health.token.unwrap().generation(), token.generation());
    assert_eq!(health.token_age.unwrap().as_secs(), 3600);
    assert!(!health.is_due);
    advance(secs(3600 - 60)).await;
    assert!(cache.health().is_due && cache.health().token.is_some());
    advance(secs(60)).await;
    assert!(cache.health().token.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_failure_holds_back_for_a_while_and_is_remembered_for_longer() {
    let mill = Mill::new("app", LIFE);
    mill.breaks(Some(TokenError::permanent("wrong secret").with_errcode(40125).with_rid("6543-21")));
    let cache = TokenCache::new(mill.clone());
    cache.token().await.unwrap_err();
    advance(secs(1)).await;
    let health = cache.health();
    let failure = health.last_failure.unwrap();
    assert_eq!((failure.error.errcode(), failure.error.rid()), (Some(40125), Some("6543-21")));
    assert!(failure.error.to_string().contains("app app"), "{}", failure.error);
    assert_eq!(failure.ago.as_secs(), 1);
    let held_back = health.held_back.unwrap();
    assert_eq!((held_back.kind(), held_back.errcode()), (ErrorKind::BackedOff, Some(40125)));
    assert!(held_back.retry_after().unwrap() < secs(7));
    assert!(!health.is_held_back_by_rejections);
    advance(secs(6)).await;
    assert!(cache.health().held_back.is_none(), "its time is over");
    mill.breaks(None);
    cache.token().await.unwrap();
    let health = cache.health();
    assert!(health.held_back.is_none());
    assert_eq!(health.last_failure.unwrap().ago.as_secs(), 7, "it is told of still");
    assert_eq!(mill.mints(), 2);
}

#[tokio::test]
async fn refreshes_are_counted_down_until_the_budget_holds_back() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(support::classic(&wechat));
    let mut token = cache.token().await.unwrap();
    let before = cache.health();
    let mut left = before.futile_refreshes_left;
    loop {
        wechat.revoke();
        match cache.refresh(&token).await {
            Ok(better) => token = better,
            Err(error) => {
                let health = cache.health();
                assert_eq!(health.futile_refreshes_left, 0);
                assert!(health.is_held_back_by_rejections);
                let held_back = health.held_back.unwrap();
                assert_eq!(held_back.to_string().split(';').next(), error.to_string().split(';').next());
                assert!(held_back.retry_after().unwrap() > secs(60));
                assert!(health.last_failure.is_none(), "no mint has failed");
                break;
            }
        }
        let health = cache.health();
        assert!(health.refreshes_left < before.refreshes_left);
        assert!(health.futile_refreshes_left <= left);
        left = health.futile_refreshes_left;
    }
    assert_eq!(wechat.mints(), 1 + 5);
}

#[tokio::test]
async fn what_the_platform_says_is_told_without_the_secret() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(support::stable(&wechat));
    wechat.fail_tokens(Fault::Errcode(40164));
    cache.token().await.unwrap_err();
    let health = format!("{:?}", cache.health());
    assert!(health.contains("40164") && !health.contains(FakeWeChat::APP_SECRET), "{health}");
    wechat.heal();
    cache.retry_now();
    let token = cache.token().await.unwrap();
    assert!(!format!("{:?}", cache.health()).contains(token.as_str()));
}
