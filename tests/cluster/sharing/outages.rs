//! A store that cannot be used: said once for each outage, also while a good token keeps everybody happy.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower_wechat::{
    TokenCache,
    issuer::AccountKey,
    store::{
        Claim, Commit, Failure, Lease, LeaseRequest, MemoryStore, Note, Record, Snapshot, StoreError,
        StoreFuture, TokenStore, Usage, Watch,
    },
};

use crate::sharing::{process, support::issuers::instant};

/// A store that can be out of reach, and counts what it is asked.
#[derive(Clone, Default)]
struct Shaky {
    store: MemoryStore,
    down: Arc<AtomicBool>,
    /// Whether the answer to a commit comes a second late.
    commits_late: Arc<AtomicBool>,
    looks: Arc<AtomicUsize>,
    renewals: Arc<AtomicUsize>,
    commits_fail: Arc<AtomicBool>,
    /// When it was asked to commit.
    commits: Arc<Mutex<Vec<Instant>>>,
}

impl Shaky {
    fn reached<'a, T: Send + 'a>(&'a self, call: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        if self.down.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::unavailable("it is down")) });
        }
        call
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }
}

impl TokenStore for Shaky {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.reached(self.store.load(account))
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        self.reached(self.store.try_lease(account, ask))
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        self.renewals.fetch_add(1, Ordering::SeqCst);
        self.reached(self.store.renew(account, lease))
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        self.commits.lock().unwrap().push(Instant::now());
        if self.commits_fail.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::unavailable("it takes nothing")) });
        }
        let commit = self.reached(self.store.commit(account, lease, record, usage));
        Box::pin(async move {
            let committed = commit.await;
            if self.commits_late.load(Ordering::SeqCst) {
                sleep(Duration::from_secs(1)).await;
            }
            committed
        })
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        self.reached(self.store.abandon(account, lease, failure, usage))
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        self.reached(self.store.note(account, note))
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        self.store.watch(account)
    }
}

impl fmt::Debug for Shaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shaky")
    }
}

fn scene() -> (TokenCache, Shaky) {
    let store = Shaky::default();
    let (issuer, _) = instant();
    (process(issuer, &store), store)
}

/// Somebody calls once a minute.
async fn is_used_for(cache: &TokenCache, minutes: u32) {
    for _ in 0..minutes {
        cache.token().await.unwrap();
        sleep(Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_under_a_good_token_is_said_once() {
    let (cache, store) = scene();
    is_used_for(&cache, 5).await;
    assert_eq!(cache.stats().store_failures, 0);
    for outage in 1..=3 {
        store.down.store(true, Ordering::SeqCst);
        is_used_for(&cache, 10).await;
        assert_eq!(cache.stats().store_failures, outage, "once, and soon");
        assert!(cache.health().is_store_down);
        store.down.store(false, Ordering::SeqCst);
        is_used_for(&cache, 5).await;
        assert_eq!(cache.stats().store_failures, outage);
        assert!(!cache.health().is_store_down);
    }
}

/// A disk that is full, or a Redis without memory: what is there can be read.
#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_is_down_until_it_does() {
    let (cache, store) = scene();
    cache.token().await.unwrap();
    for outage in 1..=2 {
        store.commits_fail.store(true, Ordering::SeqCst);
        cache.refresh(&cache.current().unwrap()).await.unwrap();
        for minute in 0..20 {
            assert!(cache.health().is_store_down, "after {minute} minutes");
            is_used_for(&cache, 1).await;
        }
        assert_eq!(cache.stats().store_failures, outage, "said once");
        store.commits_fail.store(false, Ordering::SeqCst);
        is_used_for(&cache, 1).await;
        assert!(!cache.health().is_store_down);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_nobody_uses_costs_the_store_nothing() {
    let (cache, store) = scene();
    is_used_for(&cache, 5).await;
    let used = store.looks();
    assert!((8..=20).contains(&used), "{used} looks in five minutes");
    sleep(Duration::from_secs(2 * 3600)).await;
    let idle = store.looks();
    sleep(Duration::from_secs(12 * 3600)).await;
    assert_eq!(store.looks(), idle, "nobody looks any more");
    cache.token().await.unwrap();
    is_used_for(&cache, 5).await;
    assert!(store.looks() >= idle + 8, "used again, followed again");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_shut_down_costs_the_store_nothing() {
    let (cache, store) = scene();
    is_used_for(&cache, 5).await;
    cache.shutdown().await;
    let looks = store.looks();
    is_used_for(&cache, 60).await;
    assert_eq!(store.looks(), looks);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_accounts_share_the_looks() {
    const ACCOUNTS: usize = 10_000;
    let store = Shaky::default();
    let mill = crate::sharing::support::mill::Mill::new("app", crate::sharing::TWO_HOURS);
    let caches: Vec<_> =
        (0..ACCOUNTS).map(|app| process(mill.for_app(&format!("app{app}")), &store)).collect();
    for cache in &caches {
        cache.token().await.unwrap();
    }
    sleep(Duration::from_secs(120)).await;
    let before = store.looks();
    sleep(Duration::from_secs(600)).await;
    let a_second = (store.looks() - before) / 600;
    assert!((50..=150).contains(&a_second), "{a_second} looks a second");
}

#[tokio::test(start_paused = true)]
async fn accounts_that_are_gone_make_nobody_look_more_rarely() {
    let store = Shaky::default();
    for _ in 0..10_000 {
        process(instant().0, &store).token().await.unwrap();
    }
    let cache = process(instant().0, &store);
    is_used_for(&cache, 1).await;
    let before = store.looks();
    is_used_for(&cache, 10).await;
    let looks = store.looks() - before;
    assert!((14..=31).contains(&looks), "{looks} looks in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_shared_is_served_after_three_tries() {
    let (cache, store) = scene();
    store.commits_fail.store(true, Ordering::SeqCst);
    cache.token().await.unwrap();
    let served = Instant::now();
    let commits = store.commits.lock().unwrap().clone();
    let &[first, second, third] = &commits[..] else { panic!("{commits:?}") };
    for pause in [second - first, third - second] {
        assert!(pause >= Duration::from_millis(80), "{pause:?}");
    }
    assert_eq!(served, third, "there is nothing left to wait for");
    assert_eq!(cache.stats().store_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_not_renewed_before_its_time() {
    let (cache, store) = scene();
    let token = cache.token().await.unwrap();
    cache.refresh(&token).await.unwrap();
    assert_eq!(store.renewals.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn ones_own_token_is_not_that_of_another_process_though_the_store_has_it_first() {
    let (cache, store) = scene();
    let first = cache.token().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    store.commits_late.store(true, Ordering::SeqCst);
    let better = cache.refresh(&first).await.unwrap();
    assert_eq!(cache.current().unwrap().generation(), better.generation());
    assert_eq!((cache.stats().mints(), cache.stats().shared), (2, 0));
}
