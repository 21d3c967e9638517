//! The files of one account: read, lock, replace.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind::NotFound, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::state::State;
use crate::{
    clock::{Clock, Moment},
    issuer::AccountKey,
    store::{Snapshot, StoreError},
};

/// More than any state can be: a token has 4 KiB at most.
const MAX_STATE: u64 = 1 << 20;

/// Where the files of one account are.
#[derive(Clone)]
pub(super) struct Files {
    dir: PathBuf,
    stem: String,
}

/// What tells two versions of the state file apart without reading them.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    modified: Option<SystemTime>,
}

impl Files {
    pub(super) fn new(dir: &Path, account: &AccountKey) -> Self {
        Self { dir: dir.to_owned(), stem: account.to_string() }
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", self.stem))
    }

    /// Whether a store may have made the file of this name.
    pub(super) fn may_own(name: &str) -> bool {
        name.split_once('.').is_some_and(|(stem, extension)| {
            stem.len() == 32
                && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
                && ["json", "lock", "lease", "tmp", "new"].contains(&extension)
        })
    }

    /// The state and whether the lease's holder is alive, at one moment, without the lock.
    pub(super) fn load(&self, clock: &Clock) -> Result<Snapshot, StoreError> {
        loop {
            let written = self.read_bytes()?;
            let state = self.decode(written.as_deref())?;
            let alive = state.leased(clock.now()).is_some() && self.lease_is_held()?;
            // A lease file that is free may belong to a later state: a holder writes its token before it lets go.
            if alive || state.lease.is_none() || written == self.read_bytes()? {
                return state.snapshot(clock.now(), alive, self);
            }
        }
    }

    /// The state, empty if there is none.
    pub(super) fn read(&self) -> Result<State, StoreError> {
        self.decode(self.read_bytes()?.as_deref())
    }

    fn decode(&self, written: Option<&[u8]>) -> Result<State, StoreError> {
        written.map_or_else(|| Ok(State::default()), |written| State::decode(written, self))
    }

    fn read_bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path("json");
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(&path)?.take(MAX_STATE).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, error)),
        }
    }

    /// What the state file looks like from outside; `None` if there is none to be seen.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(self.path("json")).ok()?;
        Some(Stamp { inode: metadata.ino(), modified: metadata.modified().ok() })
    }

    /// The lock for a change, if nobody has it.
    pub(super) fn try_lock(&self) -> Result<Option<Locked>, StoreError> {
        let path = self.path("lock");
        let try_lock = || {
            let file = create(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            Ok(Some(Held(file)))
        };
        let held = try_lock().map_err(|error| failed("lock", &path, error))?;
        Ok(held.map(|held| Locked { files: self.clone(), _held: held }))
    }

    /// Whether the newest lease's holder is alive: the kernel frees its lock when it dies.
    pub(super) fn lease_is_held(&self) -> Result<bool, StoreError> {
        let path = self.path("lease");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == NotFound => return Ok(false),
            Err(error) => return Err(failed("read", &path, error)),
        };
        match file.try_lock_shared() {
            Ok(()) => {
                drop(Held(file));
                Ok(false)
            }
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(failed("lock", &path, error)),
        }
    }

    pub(super) fn unreadable(&self, what: &str) -> StoreError {
        StoreError::unreadable(format!(
            "{} {what}; it is left as it is. Move it away to start anew",
            self.path("json").display()
        ))
    }

    pub(super) fn locked_for_too_long(&self) -> StoreError {
        StoreError::unavailable(format!(
            "{} is locked by another process for too long; is one frozen, or the disk very slow?",
            self.path("lock").display()
        ))
    }

    pub(super) fn used_up(&self) -> StoreError {
        self.unreadable("has the highest fence there can be, which no store has written")
    }
}

/// An account that nobody else changes meanwhile.
pub(super) struct Locked {
    files: Files,
    _held: Held,
}

/// A state that is on the disk, but not yet in its place.
pub(super) struct Draft<'a>(&'a Files);

impl Locked {
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Writes the state beside the one there is. There is but one such file, for the lock's holder: no litter.
    pub(super) fn draft(&self, state: &State, now: Moment) -> Result<Draft<'_>, StoreError> {
        let path = self.files.path("tmp");
        let write = || {
            let mut file = create(&path)?;
            file.set_len(0)?;
            file.write_all(&state.encode())?;
            // Kernels count this in ticks of some milliseconds, and watchers look at it.
            file.set_modified(now.wall)?;
            file.sync_all()
        };
        write().map_err(|error| failed("write", &path, error))?;
        Ok(Draft(&self.files))
    }

    /// Makes a new lease file and keeps it locked. Who holds the one before is left with a file that has no name.
    pub(super) fn hold_lease(&self, fence: u64) -> Result<HeldLease, StoreError> {
        let path = self.files.path("new");
        let make = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != NotFound => return Err(error),
                _ => {}
            }
            let file = create(&path)?;
            file.try_lock()?;
            let held = Held(file);
            fs::rename(&path, self.files.path("lease"))?;
            Ok(held)
        };
        let held = make().map_err(|error| failed("write", &path, error))?;
        Ok(HeldLease { fence, _held: held })
    }

    /// Lets a change outlive a loss of power.
    pub(super) fn sync_dir(&self) -> Result<(), StoreError> {
        let dir = &self.files.dir;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| failed("write", dir, error))
    }
}

impl Draft<'_> {
    /// Puts it in the place of the state before.
    pub(super) fn publish(self) -> Result<(), StoreError> {
        let path = self.0.path("json");
        fs::rename(self.0.path("tmp"), &path).map_err(|error| failed("write", &path, error))
    }
}

/// The sign that the holder of a lease is alive.
pub(super) struct HeldLease {
    fence: u64,
    _held: Held,
}

impl HeldLease {
    pub(super) fn fence(&self) -> u64 {
        self.fence
    }
}

/// A locked file. It is unlocked by name: a child that is being started may have a copy of it for a moment, and closing
/// ours would not end the lock.
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Can fail only for what is not a file.
        let _ = self.0.unlock();
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn failed(what: &str, path: &Path, error: io::Error) -> StoreError {
    let advice = advice(&error);
    StoreError::unavailable(format!("cannot {what} {}: {error}{advice}", path.display())).with_source(error)
}

/// What to do about it.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; make room for it"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; let the user that this process runs as write there"
        }
        io::ErrorKind::NotFound => "; make the directory",
        _ => "",
    }
}
