//! [`FileStore`]: the processes of one host share a directory.
//!
//! An account has up to four files, named by the hash that is its [`AccountKey`]:
//!
//! | file | what it is |
//! |---|---|
//! | `<hash>.json` | the state: fence, record, failure, lease. Replaced as a whole by an atomic rename |
//! | `<hash>.lock` | locked for the moment of a change; never removed |
//! | `<hash>.lease` | kept locked by whoever holds the lease, a new file for every lease |
//! | `<hash>.tmp`, `<hash>.new` | the next state and the next lease file, written under the lock and then renamed |
//!
//! The locks are the kernel's (`flock`), so they end with their process, however it ends.

mod change;
mod dir;
mod disk;
mod state;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};

use self::{
    change::Change,
    disk::{Files, HeldLease, Locked},
    watch::FileWatch,
};
use super::{
    Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreError, StoreFuture, TokenStore,
    Usage, Watch,
};
use crate::{clock::Clock, error::Error, issuer::AccountKey};

/// How long a call waits for other processes to finish their changes.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a call waits for the disk itself.
const DISK_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps tokens in a directory that the processes of one host share. Nothing to install, nothing to run. On Unix only.
///
/// ```
/// use tower_wechat::{
///     TokenCache, issuer::StableToken, store::FileStore, testing::FakeWeChat,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = FakeWeChat::start().await;
/// # let dir = std::env::temp_dir().join(format!("tokens-of-{}", std::process::id()));
/// for _two_processes in 0..2 {
///     let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
///         .base_url(&wechat.url())?;
///     let store = FileStore::open(&dir)?; // such as /var/lib/my-bot/tokens
///     let cache = TokenCache::builder(issuer).store(store).build();
///     cache.token().await?;
/// }
/// assert_eq!(wechat.token_requests(), 1);
/// # std::fs::remove_dir_all(dir)?;
/// # Ok(())
/// # }
/// ```
///
/// Every process opens the same directory; clones share what they hold. The directory must be on a local disk and belong
/// to the user that the processes run as. The tokens in it are readable to that user (directory 0700, files 0600).
///
/// # When a process dies or freezes
///
/// Whoever mints keeps a file locked. The kernel frees the lock when the process dies, so others take over at once. A
/// process that is frozen keeps its lock, but can no longer renew its lease: others take over when that has ended, and
/// what the frozen one writes when it wakes up is refused. If it was frozen in the very moment of a change, others get an
/// error after a second, for this account, until it wakes up or dies.
///
/// # When the clock is set
///
/// The wall clock is the only one that processes share, so every life is written down as its beginning and its length.
/// What begins more than a second in the future was written before the clock was set back: it counts as over. Nothing
/// lasts longer than its length after any reading. So a clock set forward ends tokens and leases early; one set back by
/// less than their age lets them last longer by as much; and one set back by more ends them. Budgets and forced refreshes age
/// by the same clock: one set forward forgets them early, and one set back keeps them as they are until somebody tries again.
///
/// # What it costs
///
/// Every change writes a file and waits for the disk (`fsync`). A [watch](TokenStore::watch) reads the state file's
/// attributes every 3 to 7 ms while somebody mints, so that others see the token after 3 ms (in the median), and every 20
/// to 30 ms otherwise; that is one system call of about a microsecond. It also tells when the one who mints has died or
/// let the lease end. For thousands of accounts in one process, share a Redis server rather than a directory.
///
/// # Do not
///
/// Remove single files while a process runs: two could then hold the same lock. Removing the files of an account when
/// nobody uses it is safe, and so is removing all of them.
#[derive(Clone)]
pub struct FileStore(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    clock: Clock,
    leases: Mutex<HashMap<AccountKey, HeldLease>>,
}

impl FileStore {
    /// Opens the directory, and makes it (and its parents) if it is not there. Nobody but its owner may enter it from then
    /// on. It may be called outside a tokio runtime; the store's other calls may not.
    ///
    /// ```
    /// use tower_wechat::{ErrorKind, store::FileStore};
    ///
    /// # let dir = std::env::temp_dir().join(format!("opened-by-{}", std::process::id()));
    /// let store = FileStore::open(&dir)?; // its tokens are for this user only
    ///
    /// # std::fs::remove_dir_all(dir)?;
    /// let error = FileStore::open("/dev/null").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Config);
    /// # drop(store);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if `dir` is not a directory, belongs to another user, leads through
    /// a symbolic link in a folder that others can write to (give the real path), or is open to others and holds files that
    /// are not plainly this user's store (so that a slip does not lock others out of a directory they use).
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if it cannot be made or written to.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::with_clock(dir.as_ref(), Clock::default())
    }

    pub(crate) fn with_clock(dir: &Path, clock: Clock) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner { dir: dir::open(dir)?, clock, leases: Mutex::default() })))
    }

    /// Reads the wall clock from `clock`, which a test can move. Call it before the store is cloned: the clones made before
    /// keep the machine's clock.
    ///
    /// ```
    /// use tower_wechat::{store::FileStore, testing::ManualClock};
    ///
    /// # let dir = std::env::temp_dir().join(format!("clock-of-{}", std::process::id()));
    /// let clock = ManualClock::new();
    /// let store = FileStore::open(&dir)?.clock(&clock);
    /// # std::fs::remove_dir_all(dir)?;
    /// # drop(store);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn clock(self, clock: &crate::testing::ManualClock) -> Self {
        let (dir, clock) = (self.0.dir.clone(), clock.clock());
        Self(Arc::new(Inner { dir, clock, leases: Mutex::default() }))
    }

    fn files(&self, account: &AccountKey) -> Files {
        Files::new(&self.0.dir, account)
    }

    /// Waits until nobody else changes the account. Not in a blocking thread: waiters would fill those up.
    async fn lock(&self, account: &AccountKey) -> Result<Locked, StoreError> {
        runtime()?;
        let files = self.files(account);
        let polled = timeout(LOCK_TIMEOUT, async {
            loop {
                if let Some(locked) = files.try_lock()? {
                    return Ok(locked);
                }
                sleep(Duration::from_micros(fastrand::u64(500..3000))).await;
            }
        });
        polled.await.unwrap_or_else(|_| Err(files.locked_for_too_long()))
    }

    /// Changes one account under its lock.
    async fn change<T: Send + 'static>(
        &self,
        account: &AccountKey,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let locked = self.lock(account).await?;
        let (store, account) = (self.clone(), account.clone());
        self.blocking(move || change(&mut Change::begin(&store.0, &account, &locked)?)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match timeout(DISK_TIMEOUT, runtime()?.spawn_blocking(work)).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::unavailable("the tokio runtime is shutting down")),
            Err(_) => Err(StoreError::unavailable(format!(
                "the disk under {} has not answered for {} s; look after it",
                self.0.dir.display(),
                DISK_TIMEOUT.as_secs()
            ))),
        }
    }
}

fn runtime() -> Result<Handle, StoreError> {
    Handle::try_current()
        .map_err(|_| StoreError::unavailable("a file store works inside a tokio runtime only"))
}

impl Inner {
    fn leases(&self) -> MutexGuard<'_, HashMap<AccountKey, HeldLease>> {
        // Nothing can panic half-way through a change of the map.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self, account: &AccountKey, lease: &Lease) -> bool {
        self.leases().get(account).is_some_and(|held| held.fence() == lease.fence)
    }

    fn release(&self, account: &AccountKey, lease: &Lease) {
        if self.holds(account, lease) {
            self.leases().remove(account);
        }
    }
}

impl TokenStore for FileStore {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        let (files, clock) = (self.files(account), self.0.clock.clone());
        Box::pin(self.blocking(move || files.load(&clock)))
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        Box::pin(self.change(account, move |change| change.grant(ask)))
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        let lease = lease.clone();
        Box::pin(self.change(account, move |change| change.renew(&lease)))
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        let (lease, record, usage) = (lease.clone(), record.clone(), usage.clone());
        Box::pin(self.change(account, move |change| change.commit(&lease, &record, &usage)))
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        let (lease, failure, usage) = (lease.clone(), failure.cloned(), usage.clone());
        Box::pin(self.change(account, move |change| change.abandon(&lease, failure.as_ref(), &usage)))
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        Box::pin(self.change(account, move |change| change.note(note)))
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        Box::new(FileWatch::new(self.files(account), self.0.clock.clone()))
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("dir", &self.0.dir).finish_non_exhaustive()
    }
}
