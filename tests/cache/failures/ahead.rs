//! Refreshes ahead of the end, and tokens near their end.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tower_wechat::{
    ErrorKind, TokenCache,
    issuer::Minted,
    testing::{FakeWeChat, Fault, ManualClock},
};

use crate::failures::support::{
    classic,
    issuers::{TWO_HOURS, instant, scripted},
    stable,
};

#[tokio::test]
async fn a_good_token_is_served_while_the_next_one_does_not_come() {
    let wechat = FakeWeChat::start().await;
    let clock = ManualClock::new();
    let cache = TokenCache::builder(stable(&wechat)).clock(&clock).build();
    let token = cache.token().await.unwrap();
    wechat.fail_tokens(Fault::Http(500));
    clock.set_forward(TWO_HOURS - Duration::from_secs(100));
    for _ in 0..2 {
        assert_eq!(cache.token().await.unwrap().as_str(), token.as_str());
    }
    wechat.wait_for_token_requests(3).await;
    while cache.stats().mint_failures == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        assert_eq!(cache.token().await.unwrap().as_str(), token.as_str());
    }
    assert_eq!(wechat.token_requests(), 3, "the pause after a failure is kept");
    assert_eq!(cache.current().unwrap().as_str(), token.as_str());
    assert_eq!(cache.stats().waits, 1, "only the cold start");
}

#[tokio::test]
async fn the_next_one_comes_without_anybody_waiting() {
    let wechat = FakeWeChat::start().await;
    let clock = ManualClock::new();
    let cache = TokenCache::builder(classic(&wechat)).clock(&clock).build();
    let old = cache.token().await.unwrap();
    clock.set_forward(TWO_HOURS - Duration::from_secs(100));
    let held = wechat.hold_tokens();
    for _ in 0..100 {
        assert_eq!(cache.token().await.unwrap().as_str(), old.as_str());
    }
    wechat.wait_for_token_requests(2).await;
    held.release();
    while cache.token().await.unwrap().as_str() == old.as_str() {
        tokio::task::yield_now().await;
    }
    assert_eq!((wechat.mints(), cache.stats().waits), (2, 1));
}

#[tokio::test]
async fn a_token_with_200_seconds_left_is_not_minted_for_every_call() {
    let mints = Arc::new(AtomicU64::new(0));
    let count = mints.clone();
    let cache = TokenCache::new(scripted(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Minted::new("STABLE", Duration::from_secs(200))))
    }));
    for _ in 0..100 {
        assert_eq!(cache.token().await.unwrap().as_str(), "STABLE");
        tokio::task::yield_now().await;
    }
    assert_eq!(mints.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stable_token_in_its_last_200_seconds_is_asked_for_once() {
    let wechat = FakeWeChat::start().await;
    let clock = ManualClock::new();
    let cache = TokenCache::builder(stable(&wechat)).clock(&clock).build();
    let token = cache.token().await.unwrap();
    // The platform's clock stands still, so it hands out the very same token again, if asked.
    wechat.fail_tokens(Fault::ExpiresIn(200));
    clock.set_forward(TWO_HOURS - Duration::from_secs(150));
    for _ in 0..100 {
        assert_eq!(cache.token().await.unwrap().as_str(), token.as_str());
        tokio::task::yield_now().await;
    }
    wechat.wait_for_token_requests(2).await;
    while cache.stats().mints() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        assert_eq!(cache.token().await.unwrap().as_str(), token.as_str());
        tokio::task::yield_now().await;
    }
    assert_eq!(wechat.token_requests(), 2);
}

#[tokio::test]
async fn a_generation_that_has_been_replaced_is_answered_from_the_slot() {
    let (issuer, mints) = instant();
    let cache = TokenCache::new(issuer);
    let first = cache.token().await.unwrap();
    let second = cache.refresh(&first).await.unwrap();
    for _ in 0..100 {
        let again = cache.refresh(&first).await.unwrap();
        assert_eq!(again.generation(), second.generation());
    }
    assert_eq!(mints.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_wish_that_no_token_can_fulfil_is_not_minted_for() {
    let (issuer, mints) = instant();
    let clock = ManualClock::new();
    let cache = TokenCache::builder(issuer).clock(&clock).build();
    for wish in [TWO_HOURS, TWO_HOURS - Duration::from_millis(500), Duration::MAX] {
        for _ in 0..10 {
            let error = cache.token_with_min_ttl(wish).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            clock.set_forward(Duration::from_secs(1));
        }
    }
    assert_eq!(mints.load(Ordering::SeqCst), 1);
    cache.token_with_min_ttl(TWO_HOURS / 2).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_came_too_late_for_one_token_is_fulfilled_by_the_next() {
    let mints = Arc::new(AtomicU64::new(0));
    let count = mints.clone();
    // As the stable endpoint does: what is left of the old token, then a new one.
    let cache = TokenCache::new(scripted(move |_| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        let life = if first { Duration::from_secs(400) } else { TWO_HOURS };
        ready(Ok(Minted::new(if first { "OLD" } else { "NEW" }, life)))
    }));
    let wish = Duration::from_secs(600);
    for _ in 0..10 {
        assert_eq!(cache.token_with_min_ttl(wish).await.unwrap_err().kind(), ErrorKind::Config);
    }
    assert_eq!(mints.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(cache.token_with_min_ttl(wish).await.unwrap().as_str(), "NEW");
    assert_eq!(mints.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_that_is_dead_on_arrival_is_a_failure() {
    let mints = Arc::new(AtomicU64::new(0));
    let count = mints.clone();
    let clock = ManualClock::new();
    let moved = clock.clone();
    let issuer = scripted(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        // A machine that slept while it waited for the answer.
        moved.set_forward(TWO_HOURS);
        std::future::ready(Ok(Minted::new("LATE", TWO_HOURS)))
    });
    let cache = TokenCache::builder(issuer).clock(&clock).build();
    let error = cache.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Token, "{error}");
    assert!(error.is_transient());
    for _ in 0..10 {
        assert_eq!(cache.token().await.unwrap_err().kind(), ErrorKind::BackedOff);
    }
    assert_eq!(mints.load(Ordering::SeqCst), 2, "one, and the one more try");
}

#[tokio::test]
async fn the_longest_settings_overflow_nothing() {
    let (issuer, _) = instant();
    let cache = TokenCache::builder(issuer)
        .fetch_timeout(Duration::MAX)
        .wait_timeout(Duration::MAX)
        .refresh_ahead(Duration::MAX)
        .build();
    let first = cache.token().await.unwrap();
    cache.refresh(&first).await.unwrap();
}
