//! Folders that cannot be a store, and files that are none of its own.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::FutureExt;
use tower_wechat::{
    TokenCache,
    issuer::{AccountKey, Issuer, StableToken},
    store::{FileStore, LeaseRequest, Record, StoreError, TokenStore},
};

use crate::{catalogue::Catalogue, support::Folder};

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    folders(&mut seen);
    files(&mut seen).await;
    records(&mut seen);
    seen
}

/// The same name on every machine.
fn shown(folder: &Folder, text: &impl ToString) -> String {
    text.to_string().replace(&*folder.path().to_string_lossy(), "/var/lib/tokens")
}

fn folders(seen: &mut Catalogue) {
    let folder = Folder::new();
    let within = |name: &str| folder.path().join(name);
    let mut refused = |dir: PathBuf| {
        let error = FileStore::open(dir).map(drop).expect_err("no store");
        seen.add("store-folder", shown(&folder, &error));
    };
    fs::write(within("file"), "").expect("a file");
    refused(within("file"));
    let open = within("open");
    fs::create_dir(&open).expect("a folder");
    fs::set_permissions(&open, Permissions::from_mode(0o777)).expect("its mode");
    fs::create_dir(within("real")).expect("a folder");
    symlink(within("real"), open.join("link")).expect("a link");
    refused(open.join("link"));
    refused(open);
    symlink(within("round"), within("round")).expect("a link");
    refused(within("round"));
    let cannot = "cannot use /var/lib/tokens as a token store: ";
    let denied = format!("{cannot}Permission denied (os error 13)");
    for (before, text) in [
        (cannot, "it belongs to another user; give it to the user that this process runs as"),
        (cannot, "it was replaced while it was being opened; see who can write to the folder it is in"),
        (&*denied, "; let the user that this process runs as write there"),
    ] {
        seen.quote("store-folder", before, text, "other users, and other times");
    }
}

async fn files(seen: &mut Catalogue) {
    let folder = Folder::new();
    let store = FileStore::open(folder.path().join("store")).expect("a store");
    let issuer = StableToken::new("wx0123456789abcdef", "secret");
    let account = issuer.account();
    let lease = store.try_lease(&account, LeaseRequest::new(HOUR, 0)).await;
    drop(lease.expect("a lease"));
    let state = file(&folder.path().join("store"), "json");
    for written in ["{\"v\":", "{\"v\":99}"] {
        fs::write(&state, written).expect("a state");
        seen.add("store-file", shown_file(&folder, &state, &failure(&store, &account).await));
    }
    let file = "/var/lib/tokens/0123456789abcdef0123456789abcdef";
    for text in ["cannot be read", "has the highest fence there can be, which no store has written"] {
        let before = format!("token store: {file}.json ");
        seen.quote("store-file", &before, text, "a state with a sound frame and a damaged record");
    }
    fs::remove_file(&state).expect("it was there");
    fs::create_dir(&state).expect("a folder");
    seen.add("store-disk", shown_file(&folder, &state, &failure(&store, &account).await));
    fs::remove_dir(&state).expect("it was there");
    let lock = fs::File::open(state.with_extension("lock")).expect("a lock");
    lock.lock().expect("nobody has it");
    let stuck = store.try_lease(&account, LeaseRequest::new(HOUR, 0)).await.expect_err("locked");
    seen.add("store-disk", shown_file(&folder, &state, &stuck));
    let cannot = format!("token store: cannot write {file}.tmp: ");
    for (before, text) in [
        (format!("{cannot}No space left on device (os error 28)"), "; make room for it"),
        (format!("{cannot}No such file or directory (os error 2)"), "; make the directory"),
        (
            "token store: ".to_owned(),
            "the disk under /var/lib/tokens has not answered for 5 s; look after it",
        ),
    ] {
        seen.quote("store-disk", &before, text, "a full disk, or one that hangs");
    }
    let outside = std::thread::spawn(move || store.load(&account).now_or_never().expect("at once"));
    let outside = outside.join().expect("no panic").expect_err("no runtime");
    seen.add("no-runtime", outside);
    seen.quote(
        "no-runtime",
        "token store: ",
        "the tokio runtime is shutting down",
        "a runtime that ends at that moment",
    );
    drop(TokenCache::new(issuer));
}

async fn failure(store: &FileStore, account: &AccountKey) -> StoreError {
    store.load(account).await.expect_err("it cannot be read")
}

/// The store's only file with this ending.
fn file(dir: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(dir).expect("the store").map(|entry| entry.expect("a file").path());
    files.filter(|path| path.extension().is_some_and(|found| found == ending)).last().expect("it is there")
}

fn shown_file(folder: &Folder, state: &Path, error: &StoreError) -> String {
    let stem = state.file_stem().expect("a name").to_string_lossy().into_owned();
    shown(folder, error).replace(&stem, "0123456789abcdef0123456789abcdef").replace("tokens/store", "tokens")
}

fn records(seen: &mut Catalogue) {
    let sound = String::from_utf8(Record::new("t", 7, HOUR, HOUR).encode()).expect("JSON");
    let damaged = sound.replace("\"generation\":7", "\"generation\":8");
    for written in [&*damaged, "{", "{\"v\":99}", "{\"v\":0}"] {
        seen.add("store-record", Record::decode(written.as_bytes(), HOUR).expect_err("no record"));
    }
}
