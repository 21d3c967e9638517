//! Nobody who waits is forgotten: refreshes race callers, over an issuer that answers at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Barrier, task::JoinSet, time::timeout};
use tower_wechat::{ErrorKind, TokenCache, issuer::Minted};

use crate::failures::support::issuers::{TWO_HOURS, instant, scripted};

const TASKS: usize = 16;
const ROUNDS: usize = 200;

async fn stress() {
    let barrier = Arc::new(Barrier::new(TASKS));
    let caches: Arc<Vec<_>> = Arc::new((0..ROUNDS).map(|_| TokenCache::new(instant().0)).collect());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (barrier, caches) = (barrier.clone(), caches.clone());
        tasks.spawn(async move {
            for cache in caches.iter() {
                barrier.wait().await;
                let token = cache.token().await.unwrap();
                assert!(!token.as_str().is_empty());
                if task % 2 == 0 {
                    match cache.refresh(&token).await {
                        Ok(better) => assert!(better.generation() > token.generation()),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::BackedOff, "the budget"),
                    }
                }
                assert!(cache.token().await.unwrap().generation() >= token.generation());
            }
        });
    }
    timeout(Duration::from_secs(30), tasks.join_all()).await.expect("somebody was forgotten");
    for cache in caches.iter() {
        // One cold start, and one for each token that was named as rejected: the first, and those that came late to the
        // round named; five that help nobody is the budget.
        let mints = cache.stats().mints();
        assert!((2..=6).contains(&mints), "{mints}");
    }
}

#[tokio::test]
async fn on_one_thread() {
    stress().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads() {
    stress().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failure_is_everybodys_failure() {
    let mints = Arc::new(AtomicU64::new(0));
    let count = mints.clone();
    let (open, gate) = tokio::sync::watch::channel(false);
    let cache = TokenCache::new(scripted(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        let mut gate = gate.clone();
        async move {
            gate.wait_for(|open| *open).await.unwrap();
            Err::<Minted, _>(tower_wechat::TokenError::permanent("no").with_errcode(40164))
        }
    }));
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let cache = cache.clone();
        callers.spawn(async move { cache.token().await });
    }
    // All but the first have joined its fetch; who is only about to would come too late.
    while cache.stats().coalesced < 49 {
        tokio::task::yield_now().await;
    }
    open.send_replace(true);
    for outcome in callers.join_all().await {
        let error = outcome.expect_err("no empty token either");
        assert_eq!((error.kind(), error.errcode()), (ErrorKind::Token, Some(40164)));
    }
    assert_eq!(mints.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refresh_waits_for_no_fetch_that_began_before_its_rejection() {
    // The first mint is for a token; the second, by then under way, must not be handed to a caller whose token is newer.
    let cache = TokenCache::new(scripted({
        let count = AtomicU64::new(0);
        move |how| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            assert_eq!(how.rejected().is_some(), number > 0);
            std::future::ready(Ok(Minted::new(format!("T{number}"), TWO_HOURS)))
        }
    }));
    let mut token = cache.token().await.unwrap();
    for _ in 0..4 {
        let next = cache.refresh(&token).await.unwrap();
        assert!(next.generation() > token.generation());
        assert_ne!(next.as_str(), token.as_str());
        token = next;
    }
}
