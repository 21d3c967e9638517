//! Callers that give up, fetches that panic, runtimes that go away.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Wake},
    time::Duration,
};

use tokio::{runtime::Builder, sync::watch, task::JoinSet, time::timeout};
use tower::ServiceExt;
use tower_wechat::{
    ErrorKind, TokenCache,
    issuer::{Issuer, Minted},
    testing::FakeWeChat,
};

use crate::failures::support::{
    call, client,
    issuers::{TWO_HOURS, scripted},
    stable,
};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_first_caller_gives_up() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let held = wechat.hold_tokens();
    let first = tokio::spawn(client(&cache).oneshot(call(&wechat)));
    wechat.wait_for_token_requests(1).await;
    let second = tokio::spawn(client(&cache).oneshot(call(&wechat)));
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    held.release();
    timeout(SOON, second).await.unwrap().unwrap().unwrap();
    timeout(SOON, client(&cache).oneshot(call(&wechat))).await.unwrap().unwrap();
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (1, 2));
}

#[tokio::test]
async fn all_callers_give_up() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let held = wechat.hold_tokens();
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        callers.spawn(client(&cache).oneshot(call(&wechat)));
    }
    wechat.wait_for_token_requests(1).await;
    callers.shutdown().await;
    held.release();
    // The fetch goes on, and its token is kept.
    timeout(SOON, cache.token()).await.unwrap().unwrap();
    assert_eq!(wechat.token_requests(), 1);
    assert_eq!(wechat.api_requests(), 0);
}

/// Holds nothing but the count of its clones.
struct Asleep;

impl Wake for Asleep {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test]
async fn who_gives_up_leaves_nothing_behind_while_the_fetch_goes_on() {
    let cache = TokenCache::new(scripted(|_| std::future::pending()));
    let asleep = Arc::new(Asleep);
    let waker = asleep.clone().into();
    let mut waiting = Box::pin(cache.token());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(Arc::strong_count(&asleep) > 2, "it is to be woken");
    drop(waiting);
    assert_eq!(Arc::strong_count(&asleep), 2, "nobody is");
}

/// All who wait for a mint that panics get one error that says so, and soon.
async fn everybody_hears_of_the_panic(issuer: impl Issuer, mints: &AtomicU64) {
    let cache = TokenCache::new(issuer);
    for kind in [ErrorKind::Token, ErrorKind::BackedOff] {
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            let cache = cache.clone();
            callers.spawn(async move { cache.token().await });
        }
        for outcome in timeout(SOON, callers.join_all()).await.unwrap() {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains("the issuer panicked"), "{error}");
        }
        assert_eq!(mints.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn the_issuer_panics_before_it_returns_a_future() {
    let mints = Arc::new(AtomicU64::new(0));
    let count = mints.clone();
    let issuer = scripted(move |_| -> std::future::Ready<_> {
        count.fetch_add(1, Ordering::SeqCst);
        panic!("in mint itself");
    });
    everybody_hears_of_the_panic(issuer, &mints).await;
}

#[tokio::test]
async fn the_issuer_panics_in_its_future() {
    let mints = Arc::new(AtomicU64::new(0));
    let count = mints.clone();
    let issuer = scripted(move |_| {
        let count = count.clone();
        async move {
            tokio::task::yield_now().await;
            count.fetch_add(1, Ordering::SeqCst);
            panic!("in mint's future")
        }
    });
    everybody_hears_of_the_panic(issuer, &mints).await;
}

#[test]
fn the_runtime_of_the_fetch_goes_away_under_callers_of_another() {
    let (asked, mut ask) = watch::channel(0_u64);
    let issuer = scripted(move |_| {
        asked.send_modify(|asked| *asked += 1);
        let first = *asked.borrow() == 1;
        async move {
            if first {
                std::future::pending::<()>().await;
            }
            Ok(Minted::new("FROM-THE-OTHER", TWO_HOURS))
        }
    });
    // Less than a lease lasts: the one that went down with its runtime is given back at once.
    let cache = TokenCache::builder(issuer).wait_timeout(Duration::from_secs(1)).build();
    let runtime = || Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (one, two) = (runtime(), runtime());

    let starter = cache.clone();
    one.spawn(async move { starter.token().await });
    two.block_on(ask.wait_for(|asked| *asked == 1)).unwrap();
    let waiters: Vec<_> = (0..20)
        .map(|_| {
            let cache = cache.clone();
            two.spawn(async move { cache.token().await })
        })
        .collect();
    two.block_on(async {
        while cache.stats().coalesced < 20 {
            tokio::task::yield_now().await;
        }
    });
    one.shutdown_background();
    for waiter in waiters {
        let token = two.block_on(async { timeout(SOON, waiter).await.unwrap().unwrap() });
        assert_eq!(token.unwrap().as_str(), "FROM-THE-OTHER");
    }
    assert_eq!(*ask.borrow(), 2, "one fetch each");
}

#[test]
fn outside_any_runtime_there_is_a_clear_error() {
    let (issuer, mints) = crate::failures::support::issuers::instant();
    let cache = TokenCache::new(issuer);
    let error = futures_util::FutureExt::now_or_never(cache.token()).expect("at once").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoRuntime);
    assert_eq!(mints.load(Ordering::SeqCst), 0);
}

/// A runtime that is kept, but that nobody polls: what it was fetching never ends.
#[test]
fn a_fetch_on_a_runtime_that_nobody_polls_stops_nobody_for_long() {
    let (asked, mut ask) = watch::channel(0_u64);
    let issuer = scripted(move |_| {
        asked.send_modify(|asked| *asked += 1);
        async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(Minted::new("T", TWO_HOURS))
        }
    });
    let cache = TokenCache::builder(issuer)
        .wait_timeout(Duration::from_millis(1500))
        .fetch_timeout(Duration::from_secs(1))
        .build();
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (kept, other) = (runtime(), runtime());
    let gives_up = async { timeout(Duration::from_millis(50), cache.token()).await };
    assert!(kept.block_on(gives_up).is_err(), "the caller gives up, and nobody polls its runtime any more");
    assert_eq!(*ask.borrow_and_update(), 1);

    other.block_on(async {
        // The fetch may take its second and a little; whoever comes first after that begins anew.
        let token = timeout(SOON, async {
            loop {
                match cache.token().await {
                    Ok(token) => return token,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout, "{error}"),
                }
            }
        });
        assert_eq!(token.await.expect("not for ever").as_str(), "T");
        assert_eq!(*ask.borrow_and_update(), 2);
        timeout(SOON, cache.shutdown()).await.expect("nothing is left to wait for");
    });
    // When it is polled after all, it ends for itself alone.
    kept.block_on(async { tokio::time::sleep(Duration::from_millis(300)).await });
    assert_eq!(cache.current().unwrap().as_str(), "T");
}

#[test]
fn a_shutdown_waits_for_a_runtime_that_nobody_polls_no_longer_than_a_fetch_takes() {
    let issuer = scripted(|_| std::future::pending());
    let cache = TokenCache::builder(issuer).fetch_timeout(Duration::from_millis(500)).build();
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (kept, other) = (runtime(), runtime());
    assert!(kept.block_on(async { timeout(Duration::from_millis(50), cache.token()).await }).is_err());
    other.block_on(async { timeout(SOON, cache.shutdown()).await.expect("a fetch's time, and a second") });
}
