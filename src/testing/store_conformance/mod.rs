//! The rules of a store, as a test: see the [module docs](crate::store) for the rules themselves.

mod lease;
mod outcome;
mod record;
mod usage;
mod watch;

use std::{future::Future, sync::Arc, time::Duration};

use crate::{
    clock::{Clock, Moment},
    issuer::AccountKey,
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Record, Snapshot, StoreError, TokenStore, Usage},
};

/// A life that is waited for.
const BRIEF: Duration = Duration::from_millis(150);
/// A life that no check outlasts.
const LONG: Duration = Duration::from_secs(60);
/// How long something may take that should happen soon, on a machine that has much else to do.
const LONGEST: Duration = Duration::from_secs(10);
/// How early a store's clock may be: it may count whole milliseconds, and start at a cached reading.
const GRAIN: Duration = Duration::from_millis(10);

/// Checks a store of your own against the [rules of a store](crate::store), but for damaged records (5) and calls that hang
/// (7): test those yourself.
///
/// `make` gives a fresh handle, as another process would have it, onto the *same* storage at every call. The accounts
/// have random names, so the storage may be in use. It takes a few seconds of real time: do not pause tokio's clock, and
/// do not give the store a clock that stands still.
///
/// ```
/// use tower_wechat::{store::MemoryStore, testing::store_conformance};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// store_conformance(|| async { store.clone() }).await;
/// # });
/// ```
///
/// # Panics
///
/// At the first rule that the store breaks, naming it; it is an assertion for tests.
pub async fn store_conformance<F, Fut, S>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: TokenStore,
{
    let lab = Lab { one: Arc::new(make().await), other: Arc::new(make().await) };
    lease::check(&lab).await;
    outcome::check(&lab).await;
    record::check(&lab).await;
    usage::check(&lab).await;
    watch::check(&lab).await;

    // What two handles agreed upon, a third one finds.
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    let record = token("t", &lease);
    committed(&*lab.one, &account, &lease, &record).await;
    let late = make().await;
    same(&loaded(&late, &account).await, &record, "a handle made later sees the record");
}

/// Two handles onto one storage.
struct Lab {
    one: Arc<dyn TokenStore>,
    other: Arc<dyn TokenStore>,
}

fn account() -> AccountKey {
    let name = format!("{}-{:032x}", std::process::id(), fastrand::u128(..));
    AccountKey::new("conformance", "https://store.invalid", name, None)
}

fn now() -> Moment {
    Clock::default().now()
}

fn token(text: &str, lease: &Lease) -> Record {
    Record::new(text, lease.fence, LONG, LONG)
}

#[track_caller]
fn rule(kept: bool, rule: &str) {
    assert!(kept, "store conformance: broken rule: {rule}");
}

#[track_caller]
fn answer<T>(result: Result<T, StoreError>, call: &str) -> T {
    match result {
        Ok(answer) => answer,
        Err(error) => panic!("store conformance: {call} failed on a healthy store: {error} ({error:?})"),
    }
}

async fn loaded(store: &dyn TokenStore, account: &AccountKey) -> Snapshot {
    answer(store.load(account).await, "load")
}

async fn claimed(store: &dyn TokenStore, account: &AccountKey, life: Duration, floor: u64) -> Claim {
    answer(store.try_lease(account, LeaseRequest::new(life, floor)).await, "try_lease")
}

/// A lease that nobody holds.
async fn granted(
    store: &dyn TokenStore,
    account: &AccountKey,
    life: Duration,
    floor: u64,
) -> (Lease, Snapshot) {
    match claimed(store, account, life, floor).await {
        Claim::Granted(lease, snapshot) => {
            rule(lease.fence > floor, "a lease's fence is above the claimant's floor");
            rule(lease.life == life, "a lease has the life that was asked for");
            (lease, snapshot)
        }
        Claim::Held(_) => panic!("store conformance: broken rule: a lease that nobody holds is granted"),
    }
}

/// A lease that somebody holds, as soon as it ends.
async fn granted_in_the_end(store: &dyn TokenStore, account: &AccountKey) -> Lease {
    let start = now();
    loop {
        match claimed(store, account, LONG, 0).await {
            Claim::Granted(lease, _) => return lease,
            Claim::Held(_) => {
                rule(now().since(start) < LONGEST, "a lease that is not renewed ends by itself");
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A lease that has been lost to a later one, which is returned second.
async fn lost(lab: &Lab, account: &AccountKey) -> (Lease, Lease) {
    let (old, _) = granted(&*lab.one, account, BRIEF, 0).await;
    let new = granted_in_the_end(&*lab.other, account).await;
    rule(new.fence > old.fence, "fences rise when a lease ends by itself (rule 1)");
    (old, new)
}

async fn committed(store: &dyn TokenStore, account: &AccountKey, lease: &Lease, record: &Record) {
    let commit = answer(store.commit(account, lease, record, &Usage::default()).await, "commit");
    rule(matches!(commit, Commit::Done), "a commit is accepted unless a later lease was granted (rule 2)");
}

async fn abandoned(store: &dyn TokenStore, account: &AccountKey, lease: &Lease, failure: Option<&Failure>) {
    answer(store.abandon(account, lease, failure, &Usage::default()).await, "abandon");
}

/// Loads until the snapshot is as wanted.
async fn loaded_when(
    store: &dyn TokenStore,
    account: &AccountKey,
    broken: &str,
    wanted: impl Fn(&Snapshot) -> bool,
) -> Snapshot {
    let start = now();
    loop {
        let snapshot = loaded(store, account).await;
        if wanted(&snapshot) {
            return snapshot;
        }
        rule(now().since(start) < LONGEST, broken);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The snapshot holds this record, whatever is left of it.
#[track_caller]
fn same(snapshot: &Snapshot, record: &Record, broken: &str) {
    let same = snapshot.record.as_ref().is_some_and(|found| {
        let Record { token, generation, life, left: _ } = found;
        (token, generation, life) == (&record.token, &record.generation, &record.life)
    });
    rule(same, broken);
}
