//! The end of a cache: in order, and without a trace.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio_test::{assert_pending, task};
use tower::ServiceExt;
use tower_wechat::{
    ErrorKind, TokenCache,
    issuer::AccountKey,
    store::{
        Claim, Commit, Failure, Lease, LeaseRequest, MemoryStore, Note, Record, Snapshot, StoreFuture,
        TokenStore, Usage, Watch,
    },
    testing::FakeWeChat,
};

use crate::failures::support::{call, client, stable};

/// A memory store that counts what is written, after a while.
#[derive(Clone, Debug, Default)]
struct Counted {
    store: MemoryStore,
    commits: Arc<AtomicU64>,
}

impl TokenStore for Counted {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        self.store.load(account)
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        self.store.try_lease(account, ask)
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        self.store.renew(account, lease)
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        Box::pin(async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            let done = self.store.commit(account, lease, record, usage).await;
            self.commits.fetch_add(1, Ordering::SeqCst);
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
        self.store.abandon(account, lease, failure, usage)
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        self.store.note(account, note)
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        self.store.watch(account)
    }
}

#[tokio::test]
async fn a_shutdown_waits_for_the_mint_and_its_write() {
    let wechat = FakeWeChat::start().await;
    let store = Counted::default();
    let cache = TokenCache::builder(stable(&wechat)).store(store.clone()).build();
    let held = wechat.hold_tokens();
    let caller = cache.clone();
    let waiting = tokio::spawn(async move { caller.token().await });
    wechat.wait_for_token_requests(1).await;

    let mut shutdown = task::spawn(cache.shutdown());
    assert_pending!(shutdown.poll());
    held.release();
    shutdown.await;
    assert_eq!(store.commits.load(Ordering::SeqCst), 1, "written before the end");
    let token = waiting.await.unwrap().unwrap();

    assert_eq!(cache.token().await.unwrap().as_str(), token.as_str(), "still good");
    let error = cache.refresh(&token).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    cache.shutdown().await;
    assert_eq!(wechat.token_requests(), 1);

    // Another process finds it there.
    let other = TokenCache::builder(stable(&wechat)).store(store).build();
    assert_eq!(other.token().await.unwrap().as_str(), token.as_str());
    assert_eq!(wechat.token_requests(), 1);
}

#[tokio::test]
async fn a_cold_cache_that_was_shut_down_says_so() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.shutdown().await;
    assert_eq!(cache.token().await.unwrap_err().kind(), ErrorKind::Closed);
    let error = client(&cache).oneshot(call(&wechat)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (0, 0));
}

#[test]
fn nothing_runs_on_after_the_last_handle_is_gone() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // The platform runs elsewhere, so that only the cache's tasks are counted.
    let (servers, clients) = (runtime(), runtime());
    let wechat = servers.block_on(FakeWeChat::start());
    let tasks = || clients.metrics().num_alive_tasks();
    for store in [None, Some(MemoryStore::new())] {
        let followed = store.is_some();
        let cache = TokenCache::builder(stable(&wechat));
        let cache = match store {
            Some(store) => cache.store(store).build(),
            None => cache.build(),
        };
        clients.block_on(async {
            let token = cache.token().await.unwrap();
            wechat.revoke();
            cache.refresh(&token).await.unwrap();
        });
        let settled = |most| {
            clients.block_on(async {
                let settling = async {
                    while tasks() > most {
                        tokio::task::yield_now().await;
                    }
                };
                let limit = std::time::Duration::from_secs(5);
                tokio::time::timeout(limit, settling).await.expect("a task stays");
            });
        };
        settled(usize::from(followed));
        assert_eq!(tasks(), usize::from(followed), "the follower lives as long as the cache");
        drop(cache);
        settled(0);
    }
}
