//! `FileStore`: the rules of a store, between processes, on a damaged disk, and in directories that will not do.
#![cfg(unix)]

mod damage;
mod directory;
mod processes;
use crate::support::signal;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tower_wechat::{
    issuer::AccountKey,
    store::{Claim, Commit, FileStore, Lease, LeaseRequest, Record, TokenStore, Usage},
    testing::store_conformance,
};

const LONG: Duration = Duration::from_secs(60);

/// A directory name of the test's own, removed with what is in it in the end.
struct TestDir(PathBuf);

impl TestDir {
    fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// In memory where there is such a place, for tests whose many changes would only wait for the disk.
    fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory) } else { Self::new() }
    }

    fn below(parent: &Path) -> Self {
        let name = format!("file-store-test-{}-{:x}", std::process::id(), random());
        Self(parent.join(name))
    }

    fn open(&self) -> FileStore {
        FileStore::open(&self.0).unwrap()
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.0.join(format!("{}.{extension}", account()))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl AsRef<Path> for TestDir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

fn account() -> AccountKey {
    AccountKey::new("stable", "https://api.example", "wx-SENTINEL", None)
}

fn token(text: &str, lease: &Lease) -> Record {
    Record::new(text, lease.fence, LONG, LONG)
}

async fn granted(store: &FileStore, life: Duration) -> Lease {
    match store.try_lease(&account(), LeaseRequest::new(life, 0)).await {
        Ok(Claim::Granted(lease, _)) => lease,
        other => panic!("{other:?}"),
    }
}

async fn committed(store: &FileStore, text: &str) -> Lease {
    let lease = granted(store, LONG).await;
    let commit = store.commit(&account(), &lease, &token(text, &lease), &Usage::default()).await;
    assert!(matches!(commit, Ok(Commit::Done)), "{commit:?}");
    lease
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_store_keeps_the_rules() {
    let dir = TestDir::new();
    store_conformance(|| async { dir.open() }).await;
}

#[tokio::test]
async fn a_handle_that_is_dropped_lets_go_of_its_lease() {
    let dir = TestDir::new();
    let (one, other) = (dir.open(), dir.open());
    let clone = one.clone();
    let lease = granted(&one, LONG).await;
    drop(one);
    assert!(other.load(&account()).await.unwrap().leased.is_some(), "a clone holds it");
    drop(clone);
    assert!(other.load(&account()).await.unwrap().leased.is_none());
    let renewed = other.renew(&account(), &lease).await.unwrap();
    assert!(!renewed, "nobody would see that this handle is alive");
    granted(&other, LONG).await;
}

/// Rule 3: record and lease at one moment, though readers take no lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_record_and_lease_at_one_moment() {
    let dir = TestDir::in_memory();
    let store = dir.open();
    let held = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (reader, held) = (dir.open(), held.clone());
        readers.spawn(async move {
            loop {
                let fence = held.load(Ordering::SeqCst);
                let seen = reader.load(&account()).await.unwrap();
                let generation = seen.record.map_or(0, |record| record.generation);
                assert!(
                    seen.leased.is_some() || generation >= fence,
                    "lease {fence} is over, but the record is still {generation}"
                );
            }
        });
    }
    for _ in 0..2000 {
        let lease = granted(&store, LONG).await;
        held.store(lease.fence, Ordering::SeqCst);
        let commit = store.commit(&account(), &lease, &token("t", &lease), &Usage::default()).await;
        assert!(matches!(commit, Ok(Commit::Done)), "{commit:?}");
    }
    // The readers are still at it, so none has seen a contradiction.
    assert!(readers.try_join_next().is_none());
    readers.abort_all();
}

#[tokio::test]
async fn a_lock_that_is_not_freed_is_a_typed_error_in_time() {
    let dir = TestDir::new();
    let store = dir.open();
    committed(&store, "t").await;
    // As a process leaves it that is frozen in the moment of a change.
    let frozen = fs::File::open(dir.file("lock")).unwrap();
    frozen.lock().unwrap();
    let claim = tokio::time::timeout(Duration::from_secs(10), async {
        store.try_lease(&account(), LeaseRequest::new(LONG, 0)).await
    });
    let error = claim.await.expect("it ends in a time of its own").unwrap_err();
    assert!(!error.is_unreadable());
    assert!(error.to_string().contains(&format!("{}.lock", account())), "{error}");
    let seen = store.load(&account()).await.unwrap();
    assert_eq!(&*seen.record.expect("readers need no lock").token, "t");
    frozen.unlock().unwrap();
    granted(&store, LONG).await;
}

#[test]
fn outside_a_runtime_it_is_a_typed_error() {
    let dir = TestDir::new();
    let store = dir.open();
    let account = account();
    for error in [
        store.load(&account).now_or_never().unwrap().map(drop).unwrap_err(),
        store.try_lease(&account, LeaseRequest::new(LONG, 0)).now_or_never().unwrap().map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("tokio runtime"), "{error}");
    }
}
