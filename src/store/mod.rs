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
//! | `FileStore` (feature `file`) | the processes of one host | a directory |
//! | `RedisStore` (feature `redis`) | processes anywhere | a Redis server, Sentinel set or Cluster |
//!
//! `Sealed` (feature `seal`) keeps the tokens of any of them encrypted.
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
//! Whoever writes a store of their own can check it against these rules with the conformance suite of feature `testing`.

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
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps the newest token of each account, and the lease to mint the next.
///
/// See the [module docs](self) for the rules.
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

    /// Watches the account from now on. A hint only: it may report too much, and may miss a change.
    fn watch(&self, account: &AccountKey) -> Box<dyn Watch>;
}

/// Tells of changes to one account.
pub trait Watch: Send {
    /// Ends when the account may have changed since the watch began or since this last ended. May never end. It may be dropped
    /// at any time: what it would have told then is told by the next.
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What a store has of an account at one moment.
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
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LeaseRequest {
    /// How long the lease lasts unless it is renewed. A holder that dies is replaced after that time at the latest.
    pub life: Duration,
    /// The lease's fence must be above this, whatever the store remembers.
    pub floor: u64,
    /// Tells this claimant from all others: a random number.
    pub owner: u64,
}

/// The answer to a [`LeaseRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Claim {
    /// The claimant mints. The snapshot was taken in the same moment, so it need not be read again.
    Granted(Lease, Snapshot),
    /// Somebody else mints.
    Held(Snapshot),
}

/// The right to mint, until it ends or is lost.
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
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Commit {
    /// The record is the newest.
    Done,
    /// A later lease was granted meanwhile, so the record was thrown away. This is what is there instead.
    Fenced(Snapshot),
}

/// Why a store could not answer.
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
