//! Directories: made private, kept tidy, or refused.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
};

use tower_wechat::{
    ErrorKind,
    store::{FileStore, LeaseRequest, TokenStore, Usage},
};

use crate::{LONG, TestDir, account, committed, granted};

#[tokio::test]
async fn nobody_else_may_read_it() {
    let dir = TestDir::new();
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    let store = dir.open();
    committed(&store, "SENTINEL").await;
    granted(&store, LONG).await;
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    for name in dir.names() {
        let mode = fs::metadata(dir.0.join(&name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(!format!("{store:?}").contains("SENTINEL"));
}

#[tokio::test]
async fn nothing_piles_up_and_names_tell_nothing() {
    let dir = TestDir::new();
    // As processes leave it that were killed in the moment of a change.
    fs::create_dir(&dir).unwrap();
    for extension in ["tmp", "new"] {
        fs::write(dir.file(extension), "left by a dead process ".repeat(100)).unwrap();
    }
    let store = dir.open();
    for _ in 0..20 {
        let lease = granted(&store, LONG).await;
        assert!(store.renew(&account(), &lease).await.unwrap());
        store.abandon(&account(), &lease, None, &Usage::default()).await.unwrap();
        committed(&store, "t").await;
    }
    let expected = ["json", "lease", "lock"].map(|extension| format!("{}.{extension}", account()));
    assert_eq!(dir.names(), expected);
}

#[test]
fn parents_are_made_too() {
    let dir = TestDir::new();
    FileStore::open(dir.0.join("a/b")).unwrap();
    assert_eq!(fs::metadata(dir.0.join("a/b")).unwrap().mode() & 0o777, 0o700);
    assert!(dir.0.join("a/b").read_dir().unwrap().next().is_none());
}

#[test]
fn a_file_is_no_directory() {
    let dir = TestDir::new();
    fs::write(&dir, "x").unwrap();
    let error = FileStore::open(&dir).unwrap_err();
    fs::remove_file(&dir).unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("not a directory"), "{error}");
}

#[test]
fn a_directory_of_another_user_is_refused_and_left_alone() {
    let dir = TestDir::new();
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
    // Only root can give a directory away. Anybody else tries one of root's.
    let foreign = if chown(&dir, Some(65534), None).is_ok() { dir.as_ref() } else { "/etc".as_ref() };
    let before = fs::metadata(foreign).unwrap().mode();
    let error = FileStore::open(foreign).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Config | ErrorKind::Store), "{error}");
    assert!(error.to_string().contains("user"), "{error}");
    assert_eq!(fs::metadata(foreign).unwrap().mode(), before);
}

#[test]
fn a_directory_that_others_use_is_refused_and_left_alone() {
    let dir = TestDir::new();
    fs::create_dir(&dir).unwrap();
    fs::write(dir.0.join("letters.txt"), "x").unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    let error = FileStore::open(&dir).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("a directory of its own"), "{error}");
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o755);
    assert_eq!(dir.names(), ["letters.txt"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_cannot_be_written_is_refused() {
    for path in ["/proc/tokens", "/sys/kernel", "/proc/self/task"] {
        let error = FileStore::open(path).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Store | ErrorKind::Config), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[tokio::test]
async fn a_directory_that_is_removed_meanwhile_is_a_typed_error_and_may_come_back() {
    let dir = TestDir::new();
    let store = dir.open();
    committed(&store, "t").await;
    fs::remove_dir_all(&dir).unwrap();
    let error = store.try_lease(&account(), LeaseRequest::new(LONG, 0)).await.unwrap_err();
    assert!(error.to_string().contains("make the directory"), "{error}");
    assert!(store.load(&account()).await.unwrap().record.is_none());
    dir.open();
    committed(&store, "t").await;
}

#[tokio::test]
async fn a_lock_file_that_is_removed_meanwhile_does_no_harm() {
    let dir = TestDir::new();
    let (one, other) = (dir.open(), dir.open());
    committed(&one, "t").await;
    let stale = fs::File::open(dir.file("lock")).unwrap();
    stale.lock().unwrap();
    fs::remove_file(dir.file("lock")).unwrap();
    granted(&one, LONG).await;
    assert!(other.load(&account()).await.unwrap().leased.is_some());
}
