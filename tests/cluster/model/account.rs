//! What the store has of the account: the very store that processes share elsewhere, asked at one moment.

use futures_util::FutureExt;
use tower_wechat::{
    issuer::AccountKey,
    store::{
        Claim, Commit, Failure, Lease, LeaseRequest, MemoryStore, Note, Record, Snapshot, StoreFuture,
        TokenStore, Usage,
    },
    testing::ManualClock,
};

pub struct Account {
    store: MemoryStore,
    key: AccountKey,
}

/// It answers at once.
fn now<T>(answer: StoreFuture<'_, T>) -> T {
    answer.now_or_never().expect("a store in memory waits for nobody").expect("and does not fail")
}

impl Account {
    pub fn new(clock: &ManualClock) -> Self {
        Self {
            store: MemoryStore::new().clock(clock),
            key: AccountKey::new("model", "https://model.invalid", "model", None),
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        now(self.store.load(&self.key))
    }

    pub fn try_lease(&self, ask: LeaseRequest) -> Claim {
        now(self.store.try_lease(&self.key, ask))
    }

    pub fn renew(&self, lease: &Lease) -> bool {
        now(self.store.renew(&self.key, lease))
    }

    pub fn commit(&self, lease: &Lease, record: &Record, usage: &Usage) -> Commit {
        now(self.store.commit(&self.key, lease, record, usage))
    }

    pub fn abandon(&self, lease: &Lease, failure: Option<&Failure>, usage: &Usage) {
        now(self.store.abandon(&self.key, lease, failure, usage));
    }

    pub fn note(&self, note: Note) {
        now(self.store.note(&self.key, note));
    }
}
