//! Where processes share a token, and choose who mints the next one.
//!
//! A [`TokenStore`] keeps one [`Record`] an account: the newest token. It also keeps a *lease*, held by whoever is
//! minting; the [`Failure`] of the last mint, so that nobody repeats it at once; and the [`Usage`] of what the platform
//! allows, so that all who share the store keep to its limits together. The election itself is not here: the cache runs it
//! over these few calls, the same way for every store.
//!
//! | store | who shares | needs |
//! |---|---|---|
//! | [`MemoryStore`] | the caches of one process | nothing |
//! | [`FileStore`] (feature `file`) | the processes of one host | a directory |
//! | [`RedisStore`] (feature `redis`) | processes anywhere | a Redis server, Sentinel set or Cluster |
//!
//! [`Sealed`] (feature `seal`) keeps the tokens of any of them encrypted.
//!
//! ```
//! use tower_wechat::{
//!     TokenCache, issuer::ClassicToken, store::MemoryStore, testing::FakeWeChat,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let wechat = FakeWeChat::start().await;
//! let (app, secret) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
//! let issuer = || ClassicToken::new(app, secret).base_url(&wechat.url());
//! let store = MemoryStore::new(); // or FileStore::open("/var/lib/my-bot")?
//! let one = TokenCache::builder(issuer()?).store(store.clone()).build();
//! let other = TokenCache::builder(issuer()?).store(store).build();
//!
//! let (one, other) = tokio::join!(one.token(), other.token());
//! assert_eq!(one?.as_str(), other?.as_str());
//! assert_eq!(wechat.mints(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Which one
//!
//! With [`StableToken`](crate::issuer::StableToken) and [`WeCom`](crate::issuer::WeCom) a store saves calls, spreads the news
//! of a rejection, and keeps budgets and pauses for all processes together. With
//! [`ClassicToken`](crate::issuer::ClassicToken) all processes of an account **must** share one: each mint ends the life of
//! the token before (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>). With
//! [`HubToken`](crate::issuer::HubToken) none is needed: the hub is one.
//!
//! A store that fails is not the end. The cache serves the token that it has; when that is no longer good, it mints without
//! the store if the issuer's [mints are independent](crate::issuer::Issuer::mints_are_independent).
//!
//! # The rules of a store
//!
//! 1. Every lease of an account has a higher *fence* than all leases and records before it, and than the floor that the
//!    claimant names. It is not below the milliseconds of the store's clock since the Unix epoch, so that fences rise even
//!    over what the store has forgotten. The token minted under a lease has the lease's fence as its generation.
//! 2. [`commit`](TokenStore::commit) is refused once a later lease was granted, or the same fence to another owner (by a
//!    replica that had not heard of the first): a minter that slept through its lease cannot overwrite the token of the
//!    one that took over.
//! 3. [`load`](TokenStore::load) and [`try_lease`](TokenStore::try_lease) see all there is of an account at one moment.
//! 4. Remaining lives and the age of what was used are counted by the store's clock, never by comparing the clocks of two
//!    processes.
//! 5. A record that the store cannot read is an error while it has life left; it is not taken for "no record" and not
//!    overwritten. Once its life is over it counts as absent. So a damaged record heals when somebody removes it, or by
//!    itself after the life of its token, two hours at most.
//! 6. Fence and usage outlive the record, by a day at least.
//! 7. Every call ends in a time of the store's own, with [`StoreError`] if need be.
//!
//! Whoever writes a store of their own can check it against these rules with
//! [`store_conformance`](crate::testing::store_conformance) (feature `testing`), but for 5 and 7: it can neither damage a
//! record nor take the storage away.

#[cfg(all(feature = "file", unix))]
mod file;
mod memory;
mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "seal")]
mod sealed;
mod usage;

use std::{borrow::Cow, error::Error as StdError, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

#[cfg(all(feature = "file", unix))]
pub use self::file::FileStore;
#[cfg(feature = "redis")]
pub use self::redis::{RedisStore, RedisStoreBuilder};
#[cfg(feature = "seal")]
pub use self::sealed::{SealKey, Sealed};
pub use self::{
    memory::MemoryStore,
    record::{Failure, Record},
    usage::Usage,
};
use crate::issuer::AccountKey;

/// The future of a store's call.
///
/// ```
/// use tower_wechat::store::{Snapshot, StoreError, StoreFuture};
///
/// fn load<'a>() -> StoreFuture<'a, Snapshot> {
///     Box::pin(async { Err(StoreError::unavailable("the disk is full")) })
/// }
/// # drop(load());
/// ```
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps the newest token of each account, and the lease to mint the next.
///
/// See the [module docs](self) for the rules. What a cache does with one, when it has no token:
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::{issuer::AccountKey, store::*};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let store = MemoryStore::new();
/// # let account = AccountKey::new("of-ours", "https://tokens.example", "wx01", None);
/// let mut watch = store.watch(&account);
/// let seen = store.load(&account).await?;
/// assert!(seen.record.is_none());
///
/// let ask = LeaseRequest::new(Duration::from_secs(10), 0);
/// let (lease, usage) = match store.try_lease(&account, ask).await? {
///     Claim::Granted(lease, seen) => (lease, seen.usage),
///     _ => unreachable!("nobody else is here"),
/// };
/// assert!(store.renew(&account, &lease).await?, "it is still ours");
///
/// // The token that the platform gave, under the lease's fence.
/// let life = Duration::from_secs(7200);
/// let record = Record::new("a-token", lease.fence, life, life);
/// let commit = store.commit(&account, &lease, &record, &usage).await?;
/// assert!(matches!(commit, Commit::Done));
/// watch.changed().await; // and everybody else hears of it
///
/// // A request was accepted with it.
/// let note = Note::Accepted { generation: lease.fence };
/// store.note(&account, note).await?;
/// # Ok::<(), StoreError>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// Every call may fail with a [`StoreError`]. The cache then serves the token it has. When that is no longer good, it
/// mints without the store if the issuer's [mints are independent](crate::issuer::Issuer::mints_are_independent); if not,
/// callers get [`ErrorKind::Store`](crate::ErrorKind::Store).
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
    /// What there is of an account.
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot>;

    /// Asks to be the one who mints. The lease ends after `ask.life` unless it is renewed.
    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim>;

    /// Makes the lease last for its whole life again, from now. `false`: it was lost, and somebody else may be minting.
    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool>;

    /// Ends the lease with a token, keeps the usage (what was noted as accepted stays), and tells the watchers. Removes the
    /// failure.
    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit>;

    /// Ends the lease without a token, keeps the usage, and tells the watchers. The failure, or none, replaces the one there
    /// is, and is kept as long as it lasts. Does nothing if the lease was lost.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_wechat::{TokenError, issuer::AccountKey, store::*};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let store = MemoryStore::new();
    /// # let account = AccountKey::new("of-ours", "https://tokens.example", "wx01", None);
    /// # let ask = LeaseRequest::new(Duration::from_secs(10), 0);
    /// # let Claim::Granted(lease, seen) = store.try_lease(&account, ask).await? else { panic!() };
    /// let error = TokenError::permanent("the secret is wrong").with_errcode(40125);
    /// let failure = Failure::new(error, lease.fence, Duration::from_secs(5));
    /// store.abandon(&account, &lease, Some(&failure), &seen.usage).await?;
    ///
    /// let seen = store.load(&account).await?;
    /// assert_eq!(seen.failure.unwrap().error.errcode(), Some(40125));
    /// assert!(seen.leased.is_none());
    /// # Ok::<(), StoreError>(())
    /// # }).unwrap();
    /// ```
    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()>;

    /// Takes note of what somebody has learned of a token, whoever holds the lease. Does nothing to an account of which it
    /// has nothing.
    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()>;

    /// Watches the account from now on. A hint only: it may report too much, and may miss a change. Caches look by
    /// themselves as well, every 30 to 90 ms while they wait for a mint, and every 20 to 40 s otherwise.
    fn watch(&self, account: &AccountKey) -> Box<dyn Watch>;
}

/// Tells of changes to one account.
///
/// ```
/// use std::{future::Future, pin::Pin};
/// use tokio::sync::watch::Receiver;
/// use tower_wechat::store::Watch;
///
/// /// A watch over a channel that the store of your own writes to.
/// struct Channel(Receiver<()>);
///
/// impl Watch for Channel {
///     fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
///         Box::pin(async {
///             if self.0.changed().await.is_err() {
///                 std::future::pending().await // the store is gone
///             }
///         })
///     }
/// }
/// # let (sender, receiver) = tokio::sync::watch::channel(());
/// # sender.send(()).unwrap();
/// # tokio::runtime::Runtime::new().unwrap().block_on(Channel(receiver).changed());
/// ```
pub trait Watch: Send {
    /// Ends when the account may have changed since the watch began or since this last ended. May never end. It may be dropped
    /// at any time: what it would have told then is told by the next.
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What a store has of an account at one moment.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::store::{Record, Snapshot, Usage};
///
/// let life = Duration::from_secs(7200);
/// let record = Record::new("a-token", 7, life, Duration::from_secs(3000));
/// let snapshot = Snapshot::new(Some(record), None, Usage::default(), None);
/// assert!(snapshot.leased.is_none(), "nobody is minting");
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// The newest token, even if it has expired.
    pub record: Option<Record>,
    /// The failure of the last mint, while it lasts.
    pub failure: Option<Failure>,
    /// What was used of what the platform allows.
    pub usage: Usage,
    /// How long the present lease still lasts, if somebody holds one.
    pub leased: Option<Duration>,
}

/// A wish to mint.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::store::LeaseRequest;
///
/// let newest = 1_700_000_000_000; // generation of the newest token seen
/// let ask = LeaseRequest::new(Duration::from_secs(10), newest);
/// assert_eq!((ask.life.as_secs(), ask.floor), (10, newest));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LeaseRequest {
    /// How long the lease lasts unless it is renewed. A holder that dies is replaced after that time at the latest.
    pub life: Duration,
    /// The lease's fence must be above this, whatever the store remembers.
    pub floor: u64,
    /// Tells this claimant from all others: a random number, of all 64 bits.
    pub owner: u64,
}

/// The answer to a [`LeaseRequest`].
///
/// ```
/// use tower_wechat::store::{Claim, Lease};
///
/// /// The lease to mint under, if it is ours.
/// fn lease(claim: Claim) -> Option<Lease> {
///     match claim {
///         Claim::Granted(lease, _) => Some(lease),
///         _ => None,
///     }
/// }
/// # drop(lease);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Claim {
    /// The claimant mints. The snapshot was taken in the same moment, so it need not be read again.
    Granted(Lease, Snapshot),
    /// Somebody else mints.
    Held(Snapshot),
}

/// The right to mint, until it ends or is lost.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::store::{Lease, LeaseRequest};
///
/// let ask = LeaseRequest::new(Duration::from_secs(10), 41);
/// let lease = Lease::new(42, &ask); // a store grants it
/// assert_eq!((lease.fence, lease.owner), (42, ask.owner));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// Higher than that of every lease before; the generation of the token minted under it.
    pub fence: u64,
    /// The claimant that it was granted to.
    pub owner: u64,
    /// How long it lasts unless it is renewed.
    pub life: Duration,
}

/// What somebody has learned of a token.
///
/// ```
/// use tower_wechat::store::Note;
///
/// /// Which token it is about.
/// fn generation(note: Note) -> Option<u64> {
///     match note {
///         Note::Accepted { generation, .. } => Some(generation),
///         Note::Doubtful { generation, .. } => Some(generation),
///         _ => None, // of a later version of this crate
///     }
/// }
/// # drop(generation);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The platform accepted the token of this generation where it had rejected the one before.
    Accepted {
        /// The token's.
        generation: u64,
    },
    /// Another token may have been minted whose text nobody has got, and that ends the life of this one. Ignored if the
    /// newest record is another one; tells the watchers.
    Doubtful {
        /// The token's.
        generation: u64,
        /// The longest that it may still be trusted.
        most: Duration,
    },
}

/// How a [`commit`](TokenStore::commit) went.
///
/// ```
/// use tower_wechat::store::{Commit, Record};
///
/// /// The token to go on with.
/// fn newest(commit: Commit, ours: Record) -> Option<Record> {
///     match commit {
///         Commit::Done => Some(ours),
///         Commit::Fenced(snapshot) => snapshot.record,
///         _ => None,
///     }
/// }
/// # drop(newest);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Commit {
    /// The record is the newest.
    Done,
    /// A later lease was granted meanwhile, so the record was thrown away. This is what is there instead.
    Fenced(Snapshot),
}

/// Why a store could not answer.
///
/// ```
/// use tower_wechat::store::StoreError;
///
/// let refused = std::io::Error::from(std::io::ErrorKind::StorageFull);
/// let error = StoreError::unavailable("the disk is full").with_source(refused);
/// assert_eq!(error.to_string(), "token store: the disk is full");
/// assert!(!error.is_unreadable());
/// assert!(StoreError::unreadable("wx01.json is damaged").is_unreadable());
/// ```
#[derive(Clone, Debug)]
pub struct StoreError {
    message: Cow<'static, str>,
    unreadable: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Snapshot {
    /// What there is.
    #[must_use]
    pub fn new(
        record: Option<Record>,
        failure: Option<Failure>,
        usage: Usage,
        leased: Option<Duration>,
    ) -> Self {
        Self { record, failure, usage, leased }
    }
}

impl LeaseRequest {
    /// A lease for `life`, with a fence above `floor`, for a new owner.
    #[must_use]
    pub fn new(life: Duration, floor: u64) -> Self {
        Self { life, floor, owner: fastrand::u64(..) }
    }
}

impl Lease {
    /// The lease that was asked for, granted with this fence.
    #[must_use]
    pub fn new(fence: u64, ask: &LeaseRequest) -> Self {
        Self { fence, owner: ask.owner, life: ask.life }
    }
}

impl StoreError {
    /// The store is out of reach, too slow, full or read-only. The message says which, and what to do; no URLs, no tokens.
    #[must_use]
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), unreadable: false, source: None }
    }

    /// There is a record, but it is damaged, foreign or of a future format. The message names it.
    #[must_use]
    pub fn unreadable(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), unreadable: true, source: None }
    }

    /// Adds the error underneath, which must not show a token, a secret or a URL either.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(Arc::from(source.into())), ..self }
    }

    /// Whether somebody must look at the record before the store can be used for this account.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token store: {}", self.message)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
