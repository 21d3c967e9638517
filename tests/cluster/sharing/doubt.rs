//! A mint of which nobody got the answer: the token that it may have ended is trusted by nobody for long.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};
use tower_wechat::{
    TokenCache, TokenError,
    issuer::{AccountKey, Minted},
    store::{LeaseRequest, MemoryStore, Record, TokenStore, Usage},
};

use crate::sharing::{TWO_HOURS, process, support::issuers::scripted};

/// WeChat keeps the old token for five minutes.
const OVERLAP: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_all_of_them_doubt() {
    let store = MemoryStore::new();
    let mints = Arc::new(AtomicUsize::new(0));
    let count = mints.clone();
    let minter = process(
        scripted(move |_| {
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            ready(if first {
                Ok(Minted::new("T1", TWO_HOURS))
            } else {
                Err(TokenError::transient("the connection broke"))
            })
        }),
        &store,
    );
    let other = process(scripted(|_| ready(Err(TokenError::transient("not asked")))), &store);
    let token = minter.token().await.unwrap();
    assert_eq!(other.token().await.unwrap().as_str(), "T1");
    assert!(minter.refresh(&token).await.is_err());
    sleep(Duration::from_secs(1)).await;
    for cache in [&minter, &other] {
        let left = cache.current().unwrap().expires_in();
        assert!(left < OVERLAP, "{left:?} of a token that may be dead by then");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_a_cache_doubt_that_shares_with_nobody() {
    let mints = AtomicUsize::new(0);
    let cache = TokenCache::new(scripted(move |_| {
        let first = mints.fetch_add(1, Ordering::SeqCst) == 0;
        let lost = || TokenError::transient("the connection broke");
        ready(if first { Ok(Minted::new("T1", TWO_HOURS)) } else { Err(lost()) })
    }));
    let token = cache.token().await.unwrap();
    assert!(cache.refresh(&token).await.is_err());
    let left = cache.current().unwrap().expires_in();
    assert!(left < OVERLAP, "{left:?} of a token that may be dead by then");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_no_leaves_no_doubt() {
    let refused = [
        TokenError::permanent("the secret is wrong").with_errcode(40125),
        TokenError::permanent("the answer is none of a token endpoint"),
        TokenError::transient("busy").with_errcode(-1),
        TokenError::transient("there is no way to the endpoint").of_this_host(),
    ];
    for error in refused {
        let mints = AtomicUsize::new(0);
        let failure = error.clone();
        // What one has met holds for all who share a store.
        let store = MemoryStore::new();
        let cache = process(
            scripted(move |_| {
                let first = mints.fetch_add(1, Ordering::SeqCst) == 0;
                ready(if first { Ok(Minted::new("T1", TWO_HOURS)) } else { Err(failure.clone()) })
            }),
            &store,
        );
        let token = cache.token().await.unwrap();
        assert!(cache.refresh(&token).await.is_err());
        assert_eq!(cache.stats().mint_failures, 1, "{error}");
        assert!(cache.current().unwrap().expires_in() > TWO_HOURS / 2, "{error}");
    }
}

/// A minter that was taken over from has thrown its token away, which may be the later of the two.
#[tokio::test(start_paused = true)]
async fn a_token_that_was_thrown_away_makes_all_of_them_doubt_the_other() {
    let store = MemoryStore::new();
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tells, waits) = (asked.clone(), answer.clone());
    let slow = process(
        scripted(move |_| {
            let (tells, waits) = (tells.clone(), waits.clone());
            async move {
                tells.notify_one();
                waits.notified().await;
                Ok(Minted::new("LATE", TWO_HOURS))
            }
        }),
        &store,
    );
    let looks_on = process(scripted(|_| ready(Err(TokenError::transient("not asked")))), &store);
    let caller = slow.clone();
    let waiting = tokio::spawn(async move { caller.token().await });
    asked.notified().await;
    // Another process takes over, as if this one had slept through its lease.
    let account = slow.account().clone();
    takes_over(&store, &account).await;
    answer.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().as_str(), "TAKEN-OVER");
    assert_eq!(slow.stats().fenced, 1);
    looks_on.token().await.unwrap();
    for cache in [&slow, &looks_on] {
        let left = cache.current().unwrap().expires_in();
        assert!(left < OVERLAP, "{left:?} of a token that may be dead by then");
    }
}

async fn takes_over(store: &MemoryStore, account: &AccountKey) {
    let seen = store.load(account).await.unwrap();
    assert!(seen.leased.is_some());
    // A replica that knows nothing of the lease.
    let lease = tower_wechat::store::Lease::new(u64::MAX / 2, &LeaseRequest::new(TWO_HOURS, 0));
    let record = Record::new("TAKEN-OVER", lease.fence, TWO_HOURS, TWO_HOURS);
    store.commit(account, &lease, &record, &Usage::default()).await.unwrap();
}
