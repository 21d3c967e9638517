//! Clocks that are set, or that differ between two processes.

use std::path::PathBuf;

use super::*;
use crate::error::TokenError;

const LIFE: Duration = Duration::from_secs(7200);
const HOUR_MILLIS: i64 = 3_600_000;

struct TestDir(PathBuf);

impl TestDir {
    fn new() -> Self {
        let name = format!("file-store-clocks-{}-{:x}", std::process::id(), fastrand::u64(..));
        Self(std::env::temp_dir().join(name))
    }

    /// A handle, and the clock that only it sees.
    fn open(&self) -> (FileStore, Clock) {
        let clock = Clock::shiftable();
        (FileStore::with_clock(&self.0, clock.clone()).unwrap(), clock)
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn account() -> AccountKey {
    AccountKey::new("stable", "https://api.example", "wx", None)
}

async fn claim(store: &FileStore, life: Duration) -> Claim {
    store.try_lease(&account(), LeaseRequest::new(life, 0)).await.unwrap()
}

async fn granted(store: &FileStore, life: Duration) -> Lease {
    match claim(store, life).await {
        Claim::Granted(lease, _) => lease,
        Claim::Held(seen) => panic!("held: {seen:?}"),
    }
}

async fn commit(store: &FileStore, lease: &Lease) -> Commit {
    let record = Record::new("t", lease.fence, LIFE, LIFE);
    store.commit(&account(), lease, &record, &Usage::default()).await.unwrap()
}

async fn left(store: &FileStore) -> Duration {
    store.load(&account()).await.unwrap().record.unwrap().left
}

#[tokio::test]
async fn a_token_outlives_no_setting_of_the_clock() {
    let dir = TestDir::new();
    let (writer, _) = dir.open();
    let (reader, clock) = dir.open();
    let lease = granted(&writer, LIFE).await;
    commit(&writer, &lease).await;
    assert!(left(&reader).await <= LIFE);
    clock.shift_wall(HOUR_MILLIS);
    let ahead = left(&reader).await;
    assert!(ahead <= LIFE / 2 && ahead > LIFE / 3, "an hour ahead: an hour less");
    clock.shift_wall(HOUR_MILLIS);
    assert_eq!(left(&reader).await, Duration::ZERO, "two hours ahead");
    clock.shift_wall(-3 * HOUR_MILLIS);
    assert_eq!(left(&reader).await, Duration::ZERO, "an hour behind");
    clock.shift_wall(HOUR_MILLIS - 500);
    assert!(left(&reader).await > LIFE / 2, "half a second behind is nothing");
    assert!(left(&reader).await <= LIFE);
}

#[tokio::test]
async fn two_processes_an_hour_apart_still_have_one_fence() {
    let dir = TestDir::new();
    let (one, _) = dir.open();
    let (other, clock) = dir.open();
    for shift in [HOUR_MILLIS, -2 * HOUR_MILLIS] {
        clock.shift_wall(shift);
        let early = granted(&one, LIFE / 4).await;
        let late = granted(&other, LIFE / 4).await;
        assert!(late.fence > early.fence);
        assert!(matches!(commit(&one, &early).await, Commit::Fenced(_)));
        assert!(!one.renew(&account(), &early).await.unwrap());
        assert!(matches!(commit(&other, &late).await, Commit::Done));
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_lease_and_no_failure_last() {
    let dir = TestDir::new();
    let (one, one_clock) = dir.open();
    let (other, other_clock) = dir.open();
    let lease = granted(&one, LIFE).await;
    assert!(matches!(claim(&other, LIFE).await, Claim::Held(_)));
    one_clock.shift_wall(-HOUR_MILLIS);
    other_clock.shift_wall(-HOUR_MILLIS);
    let seen = other.load(&account()).await.unwrap();
    assert!(seen.leased.is_none(), "{seen:?}");
    // Its holder is there still, and nobody has taken over: it goes on from now.
    assert!(one.renew(&account(), &lease).await.unwrap());
    assert!(matches!(claim(&other, LIFE).await, Claim::Held(_)));

    let failure = Failure::new(TokenError::transient("busy"), lease.fence, LIFE);
    one.abandon(&account(), &lease, Some(&failure), &Usage::default()).await.unwrap();
    assert!(other.load(&account()).await.unwrap().failure.is_some());
    other_clock.shift_wall(-HOUR_MILLIS);
    assert!(other.load(&account()).await.unwrap().failure.is_none());
}

/// Budgets and forced refreshes are counted back from the moment at which they were written down.
#[tokio::test]
async fn a_clock_that_was_days_ahead_once_does_not_spoil_what_is_counted() {
    let dir = TestDir::new();
    let (healthy, time) = dir.open();
    let (ahead, wrong) = dir.open();
    wrong.shift_wall(3 * 24 * HOUR_MILLIS);
    let used = Usage { forced: vec![Duration::ZERO], futile: LIFE, ..Usage::default() };
    let lease = granted(&ahead, LIFE / 4).await;
    ahead.abandon(&account(), &lease, None, &used).await.unwrap();
    // Nothing has passed since, as far as anybody can tell.
    let seen = healthy.load(&account()).await.unwrap().usage;
    assert_eq!((seen.forced.as_slice(), seen.futile), ([Duration::ZERO].as_slice(), LIFE));
    // Whoever tries next writes it down anew, and from then on it ages.
    let lease = granted(&healthy, LIFE / 4).await;
    healthy.abandon(&account(), &lease, None, &seen).await.unwrap();
    time.shift_wall(HOUR_MILLIS / 2);
    let seen = healthy.load(&account()).await.unwrap().usage;
    assert!(seen.forced[0] >= LIFE / 4 && seen.futile <= LIFE * 3 / 4, "{seen:?}");
}
