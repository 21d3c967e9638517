//! Directories: made private, kept tidy, or refused.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
};

use tower_wechat::{
    ErrorKind,
    store::{FileStore, LeaseRequest, TokenStore, Usage},
};

use crate::file::{LONG, TestDir, account, committed, granted};

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

/// A folder of this mode in `dir`, and one beside it that nobody else can write to.
fn folders(dir: &TestDir, mode: u32) -> [std::path::PathBuf; 2] {
    let folders = ["shared", "private"].map(|name| dir.0.join(name));
    for folder in &folders {
        fs::create_dir_all(folder).unwrap();
    }
    fs::set_permissions(&folders[0], Permissions::from_mode(mode)).unwrap();
    folders
}

fn is_refused_as_planted(path: &Path, link: &Path) {
    let error = FileStore::open(path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let text = error.to_string();
    assert!(text.contains("symbolic link") && text.contains(&link.display().to_string()), "{text}");
    assert!(text.contains("other users can write"), "{text}");
}

#[test]
fn a_link_that_others_may_have_planted_is_refused_and_not_followed() {
    for mode in [0o1777, 0o777, 0o775] {
        let dir = TestDir::new();
        let [shared, private] = folders(&dir, mode);
        let (target, link) = (private.join("target"), shared.join("link"));
        symlink(&target, &link).unwrap();
        is_refused_as_planted(&link, &link);
        assert!(!target.exists(), "nothing is made elsewhere");
        fs::create_dir(&target).unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o755)).unwrap();
        is_refused_as_planted(&link, &link);
        is_refused_as_planted(&shared.join("link/"), &link);
        // As a part of the way.
        is_refused_as_planted(&link.join("tokens"), &link);
        is_refused_as_planted(&private.join("../shared/link/tokens"), &link);
        // Behind a link that is trusted.
        symlink("../shared/link", private.join("current")).unwrap();
        is_refused_as_planted(&private.join("current/tokens"), &link);
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
        assert_eq!(fs::metadata(&target).unwrap().mode() & 0o777, 0o755);
    }
}

#[test]
fn a_link_in_the_folder_of_another_user_is_refused() {
    let dir = TestDir::new();
    let [foreign, private] = folders(&dir, 0o755);
    symlink(&private, foreign.join("link")).unwrap();
    // Only root can give a folder away.
    if chown(&foreign, Some(65534), None).is_ok() {
        is_refused_as_planted(&foreign.join("link/tokens"), &foreign.join("link"));
    }
}

#[tokio::test]
async fn a_link_that_only_oneself_can_have_made_is_followed() {
    let dir = TestDir::new();
    let [shared, private] = folders(&dir, 0o1777);
    fs::create_dir(private.join("release-1")).unwrap();
    symlink("release-1", private.join("current")).unwrap();
    let store = FileStore::open(private.join("current/tokens")).unwrap();
    committed(&store, "t").await;
    assert!(private.join("release-1/tokens").join(format!("{}.json", account())).is_file());
    // A deployment that moves the link does not move a store that is open.
    fs::remove_file(private.join("current")).unwrap();
    symlink("release-2", private.join("current")).unwrap();
    committed(&store, "t").await;

    let itself = private.join("itself");
    symlink(private.join("release-1/tokens"), &itself).unwrap();
    let seen = FileStore::open(&itself).unwrap().load(&account()).await.unwrap();
    assert!(seen.record.is_some());
    // What is no link is welcome anywhere.
    committed(&FileStore::open(shared.join("tokens")).unwrap(), "t").await;
    // A circle is an error like any other.
    symlink("b", private.join("a")).unwrap();
    symlink("a", private.join("b")).unwrap();
    assert_eq!(FileStore::open(private.join("a/tokens")).unwrap_err().kind(), ErrorKind::Store);
}

/// The names are a store's, but others could have made the files.
#[test]
fn files_that_lead_elsewhere_are_refused_in_a_directory_that_was_open_to_others() {
    let dir = TestDir::new();
    let [shared, private] = folders(&dir, 0o777);
    let victim = private.join("victim");
    fs::write(&victim, "precious").unwrap();
    let names = ["json", "lock", "tmp", "new", "lease"].map(|extension| format!("{}.{extension}", account()));
    for name in names {
        for plant in
            [|from: &Path, to: &Path| symlink(from, to), |from: &Path, to: &Path| fs::hard_link(from, to)]
        {
            let planted = shared.join(&name);
            plant(&victim, &planted).unwrap();
            let error = FileStore::open(&shared).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains("a directory of its own"), "{error}");
            assert_eq!(fs::metadata(&shared).unwrap().mode() & 0o777, 0o777);
            fs::remove_file(&planted).unwrap();
        }
        // Of another user. Only root can give it away.
        let planted = shared.join(&name);
        fs::write(&planted, "").unwrap();
        if chown(&planted, Some(65534), None).is_ok() {
            FileStore::open(&shared).unwrap_err();
        }
        fs::remove_file(&planted).unwrap();
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    FileStore::open(&shared).unwrap();
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
