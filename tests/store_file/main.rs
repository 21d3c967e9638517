//! `FileStore`: the rules of a store, between processes, on a damaged disk, and in directories that will not do.
#![cfg(unix)]

mod damage;
mod directory;
mod processes;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::FutureExt;
use tower_wechat::{
    issuer::AccountKey,
    store::{Claim, Commit, FileStore, Lease, LeaseRequest, Record, TokenStore},
    testing::store_conformance,
};

const LONG: Duration = Duration::from_secs(60);

/// A directory name of the test's own, removed with what is in it in the end.
struct TestDir(PathBuf);

impl TestDir {
    fn new() -> Self {
        let name = format!("file-store-test-{}-{:x}", std::process::id(), fastrand());
        Self(std::env::temp_dir().join(name))
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

/// A random number.
fn fastrand() -> u64 {
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
    let commit = store.commit(&account(), &lease, &token(text, &lease)).await;
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
    granted(&one, LONG).await;
    drop(one);
    assert!(
        other.load(&account()).await.unwrap().leased.is_some(),
        "a clone holds it"
    );
    drop(clone);
    assert!(other.load(&account()).await.unwrap().leased.is_none());
    granted(&other, LONG).await;
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
    assert!(
        error.to_string().contains(&format!("{}.lock", account())),
        "{error}"
    );
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
        store
            .load(&account)
            .now_or_never()
            .unwrap()
            .map(drop)
            .unwrap_err(),
        store
            .try_lease(&account, LeaseRequest::new(LONG, 0))
            .now_or_never()
            .unwrap()
            .map(drop)
            .unwrap_err(),
    ] {
        assert!(error.to_string().contains("tokio runtime"), "{error}");
    }
}
