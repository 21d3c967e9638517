//! A cache gives a store back what that has lost, and only what is better than what is there.

use crate::support;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use support::issuers::{TWO_HOURS, instant};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tower_wechat::{
    AccessToken, ErrorKind, TokenCache, TokenError,
    issuer::AccountKey,
    store::{
        Claim, Commit, Failure, Lease, LeaseRequest, MemoryStore, Note, Record, Snapshot, StoreError,
        StoreFuture, TokenStore, Usage, Watch,
    },
    testing::ManualClock,
};

/// Longer than a cache waits between two looks.
const A_LOOK: Duration = Duration::from_secs(45);
const LONG: Duration = Duration::from_secs(3600);
/// More leases than anybody asks for who does not go round in circles.
const TOO_MANY: u64 = 100;

/// A store that can lose everything, be out of reach and keep a lease waiting.
#[derive(Clone, Debug, Default)]
struct Lossy(Arc<State>);

#[derive(Debug, Default)]
struct State {
    store: Mutex<MemoryStore>,
    changes: watch::Sender<()>,
    down: AtomicBool,
    leases: AtomicU64,
    /// Whether the next lease waits, and the signals that it does and that it may go on.
    holds: AtomicBool,
    held: Notify,
    released: Notify,
}

impl Lossy {
    fn store(&self) -> MemoryStore {
        self.0.store.lock().unwrap().clone()
    }

    /// Begins anew, without anything, on a server whose clock is behind the one before: it counts from a lower number on.
    fn forget(&self) {
        let behind = ManualClock::new();
        behind.set_back(LONG);
        *self.0.store.lock().unwrap() = MemoryStore::new().clock(&behind);
    }

    fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    fn leases(&self) -> u64 {
        self.0.leases.load(Ordering::SeqCst)
    }

    fn reached(&self) -> Result<MemoryStore, StoreError> {
        if self.0.down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("out of reach"));
        }
        Ok(self.store())
    }
}

impl TokenStore for Lossy {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        Box::pin(async move { self.reached()?.load(account).await })
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            if self.0.leases.fetch_add(1, Ordering::SeqCst) > TOO_MANY {
                return Err(StoreError::unavailable("asked again and again"));
            }
            if self.0.holds.swap(false, Ordering::SeqCst) {
                self.0.held.notify_one();
                self.0.released.notified().await;
            }
            self.reached()?.try_lease(account, ask).await
        })
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        Box::pin(async move { self.reached()?.renew(account, lease).await })
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        Box::pin(async move {
            let done = self.reached()?.commit(account, lease, record, usage).await;
            self.0.changes.send_replace(());
            done
        })
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let done = self.reached()?.abandon(account, lease, failure, usage).await;
            self.0.changes.send_replace(());
            done
        })
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.reached()?.note(account, note).await })
    }

    fn watch(&self, _: &AccountKey) -> Box<dyn Watch> {
        Box::new(Bell(self.0.changes.subscribe()))
    }
}

struct Bell(watch::Receiver<()>);

impl Watch for Bell {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { self.0.changed().await.unwrap() })
    }
}

/// A cache with a token in it, over such a store; the lease of its first mint is not counted.
struct Scene {
    cache: TokenCache,
    store: Lossy,
    token: AccessToken,
    account: AccountKey,
    mints: Arc<AtomicU64>,
}

impl Scene {
    async fn new() -> Self {
        let (issuer, mints) = instant();
        let store = Lossy::default();
        let cache = TokenCache::builder(issuer).store(store.clone()).build();
        let token = cache.token().await.unwrap();
        store.0.leases.store(0, Ordering::SeqCst);
        let account = AccountKey::new("scripted", "https://tokens.example", "wxscripted", None);
        Self { cache, store, token, account, mints }
    }

    /// Somebody asks for the token, and the cache has looked.
    async fn is_in_use(&self) {
        self.cache.token().await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }

    /// What is in the store, asked past everything that stands in the way.
    async fn stored(&self) -> Snapshot {
        self.store.store().load(&self.account).await.unwrap()
    }

    /// Another process's lease.
    async fn lease(&self) -> Lease {
        match self.store.store().try_lease(&self.account, LeaseRequest::new(LONG, 0)).await.unwrap() {
            Claim::Granted(lease, _) => lease,
            other => panic!("somebody holds it: {other:?}"),
        }
    }

    /// Another process's token in a store that has just begun anew.
    async fn begins_anew_with(&self, text: &str, age: Duration) {
        self.store.forget();
        let lease = self.lease().await;
        let record = Record::new(text, lease.fence, TWO_HOURS, TWO_HOURS.checked_sub(age).unwrap());
        self.store.store().commit(&self.account, &lease, &record, &Usage::default()).await.unwrap();
    }

    /// WeChat rejects the token while the store cannot be asked for a better one.
    async fn rejected_while_the_store_is_down(&self) {
        self.store.down(true);
        assert_eq!(self.cache.refresh(&self.token).await.unwrap_err().kind(), ErrorKind::Store);
        // The fetch may outlast its caller by a little.
        sleep(Duration::from_secs(1)).await;
        self.store.down(false);
    }

    /// Waits until the cache has looked, and is about to ask for the lease.
    async fn is_about_to_ask(&self) {
        self.store.0.holds.store(true, Ordering::SeqCst);
        timeout(LONG, self.store.0.held.notified()).await.expect("it looks now and then");
    }

    async fn goes_on(&self) {
        self.store.0.released.notify_one();
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_forgot_the_token_gets_it_back() {
    let scene = Scene::new().await;
    sleep(Duration::from_secs(600)).await;
    scene.is_in_use().await;
    scene.store.forget();
    sleep(A_LOOK).await;
    let record = scene.stored().await.record.expect("it was given back");
    assert_eq!(&*record.token, scene.token.as_str());
    assert_eq!(record.life, TWO_HOURS);
    assert!(record.left + Duration::from_secs(600) < TWO_HOURS, "with the life that it has left");
    assert!(scene.stored().await.leased.is_none());

    let (issuer, others) = instant();
    let other = TokenCache::builder(issuer).store(scene.store.clone()).build();
    assert_eq!(other.token().await.unwrap().as_str(), scene.token.as_str());
    assert_eq!((scene.mints.load(Ordering::SeqCst), others.load(Ordering::SeqCst)), (1, 0));
    for _ in 0..10 {
        sleep(A_LOOK).await;
        scene.is_in_use().await;
    }
    assert_eq!(scene.store.leases(), 1, "once");
}

#[tokio::test(start_paused = true)]
async fn the_token_keeps_its_number_whatever_the_store_has_counted_to() {
    let scene = Scene::new().await;
    scene.store.forget();
    let far = scene.token.generation() + 1_000_000_000;
    let ask = LeaseRequest::new(LONG, far);
    let Claim::Granted(lease, _) = scene.store.store().try_lease(&scene.account, ask).await.unwrap() else {
        panic!("somebody holds it");
    };
    scene.store.store().abandon(&scene.account, &lease, None, &Usage::default()).await.unwrap();
    sleep(A_LOOK).await;
    let record = scene.stored().await.record.expect("it was given back");
    assert!(record.generation < lease.fence);
    for generation in [record.generation, scene.cache.current().unwrap().generation()] {
        assert_eq!(generation, scene.token.generation());
    }
    let better = scene.cache.refresh(&scene.token).await.unwrap();
    assert!(better.generation() > lease.fence, "and the next is above all of them");
    assert_eq!(scene.cache.stats().shared, 0, "nobody else minted it");
}

#[tokio::test(start_paused = true)]
async fn an_older_record_gives_way() {
    let scene = Scene::new().await;
    scene.cache.refresh(&scene.token).await.unwrap();
    sleep(Duration::from_secs(100)).await;
    scene.begins_anew_with("OLDER", Duration::from_secs(200)).await;
    sleep(A_LOOK).await;
    assert_eq!(&*scene.stored().await.record.unwrap().token, "TOKEN-2");
}

#[tokio::test(start_paused = true)]
async fn a_younger_record_of_a_store_that_began_anew_stays() {
    let scene = Scene::new().await;
    scene.cache.refresh(&scene.token).await.unwrap();
    sleep(Duration::from_secs(100)).await;
    scene.begins_anew_with("YOUNGER", Duration::ZERO).await;
    sleep(A_LOOK).await;
    assert_eq!(&*scene.stored().await.record.unwrap().token, "YOUNGER");
}

#[tokio::test(start_paused = true)]
async fn a_younger_record_that_comes_at_the_last_moment_stays() {
    let scene = Scene::new().await;
    scene.cache.refresh(&scene.token).await.unwrap();
    sleep(Duration::from_secs(100)).await;
    scene.store.forget();
    scene.is_about_to_ask().await;
    scene.begins_anew_with("YOUNGER", Duration::ZERO).await;
    scene.goes_on().await;
    let stored = scene.stored().await;
    assert_eq!(&*stored.record.unwrap().token, "YOUNGER");
    assert!(stored.leased.is_none(), "and the lease is not kept");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_while_somebody_holds_the_lease() {
    let scene = Scene::new().await;
    scene.store.forget();
    let lease = scene.lease().await;
    sleep(A_LOOK).await;
    assert_eq!(scene.store.leases(), 0);
    let stored = scene.stored().await;
    assert!(stored.record.is_none() && stored.leased.is_some());
    scene.store.store().abandon(&scene.account, &lease, None, &Usage::default()).await.unwrap();
    sleep(A_LOOK).await;
    assert!(scene.stored().await.record.is_some(), "after that it is");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_over_a_failure() {
    for at_the_last_moment in [false, true] {
        let scene = Scene::new().await;
        scene.store.forget();
        if at_the_last_moment {
            scene.is_about_to_ask().await;
        }
        let lease = scene.lease().await;
        let failure = Failure::new(TokenError::transient("busy"), lease.fence, LONG);
        scene.store.store().abandon(&scene.account, &lease, Some(&failure), &Usage::default()).await.unwrap();
        scene.goes_on().await;
        sleep(A_LOOK).await;
        let stored = scene.stored().await;
        assert!(stored.record.is_none() && stored.failure.is_some() && stored.leased.is_none());
        assert_eq!(scene.store.leases(), u64::from(at_the_last_moment));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_kept_back_and_the_store_left_alone() {
    let scene = Scene::new().await;
    scene.rejected_while_the_store_is_down().await;
    scene.store.forget();
    sleep(A_LOOK * 10).await;
    assert!(scene.stored().await.record.is_none());
    assert_eq!(scene.store.leases(), 0, "nobody asks for a lease that is of no use");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_rejected_at_the_last_moment_is_kept_back() {
    let scene = Scene::new().await;
    scene.store.forget();
    scene.is_about_to_ask().await;
    scene.rejected_while_the_store_is_down().await;
    scene.goes_on().await;
    sleep(A_LOOK).await;
    let stored = scene.stored().await;
    assert!(stored.record.is_none() && stored.leased.is_none());
    assert_eq!(scene.store.leases(), 1);
}

/// Whether the refresh that brought it has helped is judged by the next one, whoever asks for that.
#[tokio::test(start_paused = true)]
async fn what_is_known_of_the_token_is_given_back_with_it() {
    let scene = Scene::new().await;
    let better = scene.cache.refresh(&scene.token).await.unwrap();
    let used = scene.stored().await.usage;
    assert_eq!(used.refreshed, better.generation());
    scene.store.forget();
    sleep(A_LOOK).await;
    let stored = scene.stored().await;
    assert_eq!(stored.record.expect("it was given back").generation, better.generation());
    assert_eq!(stored.usage.refreshed, better.generation());
    assert!(stored.usage.refreshes > Duration::ZERO && stored.usage.refreshes <= used.refreshes);
}
