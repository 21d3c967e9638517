//! [`MemoryStore`]: the simplest store, for the caches of one process.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{Claim, Commit, Failure, Lease, LeaseRequest, Record, Snapshot, StoreFuture, TokenStore, Watch};
use crate::{
    clock::{Clock, Deadline, Moment},
    issuer::AccountKey,
};

/// Keeps tokens in this process. Clones share what they hold.
///
/// A cache needs none to keep its token to itself. Give one to several caches of the same account and they share it.
///
/// ```
/// use tower_wechat::{TokenCache, issuer::StableToken, store::MemoryStore, testing::FakeWeChat};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = FakeWeChat::start().await;
/// let store = MemoryStore::new();
/// for _ in 0..2 {
///     let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
///     TokenCache::builder(issuer).store(store.clone()).build().token().await?;
/// }
/// assert_eq!(wechat.token_requests(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    accounts: Arc<Mutex<HashMap<AccountKey, Account>>>,
    clock: Clock,
}

#[derive(Default)]
struct Account {
    fence: u64,
    record: Option<(Record, Deadline)>,
    failure: Option<(Failure, Deadline)>,
    lease: Option<Deadline>,
    bell: Option<watch::Sender<()>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountKey, Account>> {
        // Nothing below can panic half-way through a change.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one account under the lock; a store in memory is never out of reach.
    fn with<'a, T: Send + 'a>(
        &'a self,
        account: &AccountKey,
        change: impl FnOnce(&mut Account, Moment) -> T,
    ) -> StoreFuture<'a, T> {
        let now = self.clock.now();
        let result = change(self.lock().entry(account.clone()).or_default(), now);
        Box::pin(std::future::ready(Ok(result)))
    }
}

impl Account {
    fn snapshot(&self, now: Moment) -> Snapshot {
        let record =
            self.record.as_ref().map(|(record, expiry)| Record { left: expiry.left(now), ..record.clone() });
        let failure = self
            .failure
            .as_ref()
            .filter(|(_, end)| !end.has_passed(now))
            .map(|(failure, end)| Failure::new(failure.error.clone(), failure.generation, end.left(now)));
        let leased = self.lease.map(|end| end.left(now)).filter(|left| !left.is_zero());
        Snapshot { record, failure, leased }
    }

    fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.send_replace(());
        }
    }
}

impl TokenStore for MemoryStore {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        self.with(account, |account, now| account.snapshot(now))
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        self.with(account, |account, now| {
            let snapshot = account.snapshot(now);
            if snapshot.leased.is_some() {
                return Claim::Held(snapshot);
            }
            account.fence = account.fence.max(ask.floor).saturating_add(1);
            account.lease = Some(now.after(ask.life));
            Claim::Granted(Lease::new(account.fence, ask.life), snapshot)
        })
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        self.with(account, |account, now| {
            let held = account.fence == lease.fence && account.lease.is_some();
            if held {
                account.lease = Some(now.after(lease.life));
            }
            held
        })
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
    ) -> StoreFuture<'a, Commit> {
        self.with(account, |account, now| {
            if account.fence > lease.fence {
                return Commit::Fenced(account.snapshot(now));
            }
            account.fence = lease.fence;
            account.record = Some((record.clone(), now.after(record.left.min(record.life))));
            account.failure = None;
            account.lease = None;
            account.ring();
            Commit::Done
        })
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
    ) -> StoreFuture<'a, ()> {
        self.with(account, |account, now| {
            if account.fence == lease.fence {
                account.lease = None;
                account.failure = failure.map(|failure| (failure.clone(), now.after(failure.left)));
                account.ring();
            }
        })
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        let mut accounts = self.lock();
        let bell =
            accounts.entry(account.clone()).or_default().bell.get_or_insert_with(|| watch::channel(()).0);
        Box::new(MemoryWatch(bell.subscribe()))
    }
}

struct MemoryWatch(watch::Receiver<()>);

impl Watch for MemoryWatch {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if self.0.changed().await.is_err() {
                // The store is gone: nothing will ever change.
                std::future::pending::<()>().await;
            }
        })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("accounts", &self.lock().len()).finish()
    }
}
