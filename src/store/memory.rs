//! [`MemoryStore`]: the simplest store, for the caches of one process.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{
    Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreFuture, TokenStore, Usage,
    Watch,
};
use crate::{
    clock::{Clock, Deadline, Moment},
    issuer::AccountKey,
};

/// Keeps tokens in this process. Clones share what they hold.
///
/// A cache needs none to keep its token to itself. Give one to several caches of the same account and they share it.
///
/// ```
/// use tower_wechat::{
///     TokenCache, issuer::StableToken, store::MemoryStore, testing::FakeWeChat,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = FakeWeChat::start().await;
/// let store = MemoryStore::new();
/// for _ in 0..2 {
///     let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
///         .base_url(&wechat.url())?;
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
    /// Of the lease with this fence.
    owner: u64,
    record: Option<(Record, Deadline)>,
    failure: Option<(Failure, Deadline)>,
    /// As it was at that moment.
    usage: Option<(Usage, Moment)>,
    lease: Option<Deadline>,
    watchers: Option<watch::Sender<()>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the wall clock from `clock`, which a test can move.
    ///
    /// ```
    /// use tower_wechat::{store::MemoryStore, testing::ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let store = MemoryStore::new().clock(&clock);
    /// # drop(store);
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn clock(mut self, clock: &crate::testing::ManualClock) -> Self {
        self.clock = clock.clock();
        self
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
            .map(|(failure, end)| Failure { left: end.left(now), ..failure.clone() });
        let usage = self.usage.as_ref().map(|(usage, at)| usage.clone().aged(now.since(*at)));
        let leased = self.lease.map(|end| end.left(now)).filter(|left| !left.is_zero());
        Snapshot { record, failure, usage: usage.unwrap_or_default(), leased }
    }

    /// Whether this is the latest lease, ended or not.
    fn is_latest(&self, lease: &Lease) -> bool {
        (self.fence, self.owner) == (lease.fence, lease.owner)
    }

    /// Ends the lease. What was noted meanwhile stays.
    fn end(&mut self, usage: &Usage, now: Moment) {
        let accepted = self.usage.as_ref().map_or(0, |(usage, _)| usage.accepted).max(usage.accepted);
        self.usage = Some((Usage { accepted, ..usage.clone() }, now));
        self.lease = None;
        self.tell();
    }

    fn tell(&self) {
        if let Some(watchers) = &self.watchers {
            watchers.send_replace(());
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
            let highest = account.fence.max(ask.floor).saturating_add(1);
            (account.fence, account.owner) = (highest.max(now.unix_millis()), ask.owner);
            account.lease = Some(now.after(ask.life));
            Claim::Granted(Lease::new(account.fence, &ask), snapshot)
        })
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        self.with(account, |account, now| {
            let held = account.is_latest(lease) && account.lease.is_some();
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
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        self.with(account, |account, now| {
            // What was granted before the store was made is in no store of this kind: there is always an owner.
            if account.fence > lease.fence || (account.fence == lease.fence && !account.is_latest(lease)) {
                return Commit::Fenced(account.snapshot(now));
            }
            (account.fence, account.owner) = (lease.fence, lease.owner);
            account.record = Some((record.clone(), now.after(record.left.min(record.life))));
            account.failure = None;
            account.end(usage, now);
            Commit::Done
        })
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        self.with(account, |account, now| {
            if account.is_latest(lease) {
                account.failure = failure.map(|failure| (failure.clone(), now.after(failure.left)));
                account.end(usage, now);
            }
        })
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        self.with(account, |account, now| match note {
            // Of nobody there is nothing to note.
            Note::Accepted { .. } if account.fence == 0 => {}
            Note::Accepted { generation } => {
                let (usage, _) = account.usage.get_or_insert_with(|| (Usage::default(), now));
                usage.accepted = usage.accepted.max(generation);
            }
            Note::Doubtful { generation, most } => {
                if let Some((record, end)) = &mut account.record
                    && record.generation == generation
                    && end.left(now) > most
                {
                    *end = now.after(most);
                    account.tell();
                }
            }
        })
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        let mut accounts = self.lock();
        let watchers =
            accounts.entry(account.clone()).or_default().watchers.get_or_insert_with(|| watch::channel(()).0);
        Box::new(MemoryWatch(watchers.subscribe()))
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
