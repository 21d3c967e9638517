//! [`RedisStore`]: processes of many hosts share a Redis server, Sentinel set or Cluster.
//!
//! Each account is one hash, at `<prefix>:{<hash of the account>}`; no app id, secret or token is in its name. Scripts
//! read and change it, each in one step and by the server's clock. The braces keep an account in one slot of a Cluster.
//! One channel, `<prefix>:changed`, carries the hashes of accounts that have changed.
//!
//! A store has one connection, which its clones share however many accounts they serve. One task makes it, watches it and
//! makes it again; the task ends with the last clone.

mod bell;
mod connection;
mod endpoint;
mod fault;
mod link;
mod scripts;

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use redis::{ScriptInvocation, TlsCertificates};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::{runtime::Handle, task::JoinHandle};

use self::{
    bell::Bell,
    endpoint::Endpoint,
    link::{Link, Plan},
    scripts::{Place, Status},
};
use super::{
    Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreError, StoreFuture, TokenStore,
    Usage, Watch,
};
use crate::{
    error::{Error, ErrorKind},
    issuer::AccountKey,
};

/// Keeps tokens in Redis 6.0 or later.
///
/// # URLs
///
/// | URL | means |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server |
/// | `redis+unix:///run/redis.sock?db=0&user=…&pass=…` | one server, through a Unix socket |
/// | `redis-sentinel://user:password@host:26379,host:26379/name?db=0` | the primary of that name; user and password are the primary's, `sentinel_user` and `sentinel_password` in the query the Sentinels' |
/// | `redis-cluster://user:password@host:6379,host:6379` | a Cluster; any of its nodes will do |
///
/// `rediss`, `rediss-sentinel` and `rediss-cluster` are the same over TLS, checked against the roots of Mozilla or those
/// given to [`root_certificates`](RedisStoreBuilder::root_certificates). TLS uses the process's default crypto provider of
/// `rustls`; if there is none when the store is connected, `ring` becomes it.
///
/// # When Redis is away
///
/// Every call ends within the [time-out](RedisStoreBuilder::timeout), with an error that says what is wrong. The store
/// connects again by itself, within a second of the server's return; watchers are then told to look again.
///
/// # The server
///
/// What Redis forgets is minted again, so persistence is not needed. Do not let it evict keys at will (`maxmemory-policy`
/// `allkeys-…`) if minting too often would harm. Whoever can read the server's memory can read the tokens.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    bell: Arc<Bell>,
    prefix: Cow<'static, str>,
    channel: String,
    keeper: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Settings of a [`RedisStore`].
#[must_use = "nothing happens until `connect`"]
pub struct RedisStoreBuilder {
    url: String,
    prefix: Cow<'static, str>,
    timeout: Duration,
    root_certificates: Option<Vec<u8>>,
}

impl RedisStore {
    /// Connects with the default settings.
    ///
    /// A server that cannot be reached is no error: the store goes on trying in the background. This waits for the first
    /// attempt, as long as for any other call (500 ms).
    ///
    /// ```
    /// use tower_wechat::{TokenCache, issuer::StableToken, store::RedisStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = RedisStore::connect("redis://127.0.0.1/").await?; // fine even if no server is there yet
    /// let issuer = StableToken::new("wx0123456789abcdef", "the app's secret");
    /// let cache = TokenCache::builder(issuer).store(store).build();
    /// # drop(cache);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`RedisStoreBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// A store with settings of your own.
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder {
            url: url.to_owned(),
            prefix: "tower-wechat".into(),
            timeout: Duration::from_millis(500),
            root_certificates: None,
        }
    }

    fn place(&self, account: &AccountKey) -> Place {
        Place { key: format!("{}:{{{account}}}", self.0.prefix) }
    }

    async fn run(
        &self,
        place: &Place,
        script: &ScriptInvocation<'_>,
    ) -> Result<(Status, u64, Snapshot), StoreError> {
        if self.0.keeper.is_finished() {
            return Err(StoreError::unavailable(
                "the tokio runtime that the Redis store was connected on is gone; connect on one that lasts",
            ));
        }
        place.read(self.0.link.run(script, &place.key).await?)
    }
}

impl RedisStore {
    /// Runs a script that changes the account, and tells those who watch it.
    async fn change(
        &self,
        account: &AccountKey,
        script: &ScriptInvocation<'_>,
    ) -> Result<(Status, Snapshot), StoreError> {
        let (status, _, snapshot) = self.run(&self.place(account), script).await?;
        if status == Status::Done {
            self.0.link.publish(&self.0.channel, &account.to_string()).await;
        }
        Ok((status, snapshot))
    }
}

impl RedisStoreBuilder {
    /// What keys and the channel begin with: `tower-wechat` unless you say otherwise. Processes that are to share tokens
    /// must agree on it.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into().into();
        self
    }

    /// The longest that any call may take: 500 ms unless you say otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Trusts servers with a certificate below these, in PEM, and no others.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for what can never work: a URL that makes no sense, braces in the prefix, a time-out of zero,
    /// certificates that are none. [`ErrorKind::NoRuntime`] outside a tokio runtime. The message shows no URL.
    pub async fn connect(self) -> Result<RedisStore, Error> {
        let endpoint = Endpoint::parse(&self.url)?;
        if self.prefix.contains(['{', '}']) {
            return Err(Error::config(
                "the key prefix must have no braces: they choose the slot in a Cluster",
            ));
        }
        if self.timeout.is_zero() {
            return Err(Error::config("a time-out of zero leaves Redis no time to answer"));
        }
        if endpoint.uses_tls() && rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that somebody else was faster, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let certificates =
            self.root_certificates.map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) });
        let holds_none = |pem: &Vec<u8>| CertificateDer::pem_slice_iter(pem).next().is_none();
        if endpoint.check(certificates.as_ref()).is_err()
            || certificates.as_ref().is_some_and(|given| given.root_cert.iter().any(holds_none))
        {
            return Err(Error::config("the root certificates for Redis are not certificates in PEM"));
        }
        let runtime = Handle::try_current().map_err(|_| {
            Error::new(ErrorKind::NoRuntime, "a Redis store must be connected on a tokio runtime")
        })?;

        let (link, bell) = (Link::new(self.timeout), Arc::new(Bell::default()));
        let channel = format!("{}:changed", self.prefix);
        let keeper = runtime.spawn(link.clone().keep(Plan {
            endpoint,
            certificates,
            channel: channel.clone(),
            bell: bell.clone(),
        }));
        let store = RedisStore(Arc::new(Inner { link, bell, prefix: self.prefix, channel, keeper }));
        store.0.link.settled().await;
        Ok(store)
    }
}

impl TokenStore for RedisStore {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        Box::pin(async move {
            let place = self.place(account);
            let (_, _, snapshot) = self.run(&place, &place.load()).await?;
            Ok(snapshot)
        })
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            let place = self.place(account);
            Ok(match self.run(&place, &place.lease(&ask)).await? {
                (Status::Done, fence, snapshot) => Claim::Granted(Lease::new(fence, &ask), snapshot),
                (Status::Refused, _, snapshot) => Claim::Held(snapshot),
            })
        })
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let place = self.place(account);
            let (status, ..) = self.run(&place, &place.renew(lease)).await?;
            Ok(status == Status::Done)
        })
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        Box::pin(async move {
            let place = self.place(account);
            Ok(match self.change(account, &place.commit(lease, record, usage)).await? {
                (Status::Done, _) => Commit::Done,
                (Status::Refused, snapshot) => Commit::Fenced(snapshot),
            })
        })
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.change(account, &self.place(account).abandon(lease, failure, usage)).await?;
            Ok(())
        })
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let (place, script) = (self.place(account), self.place(account).note(note));
            match note {
                // Nobody waits for that.
                Note::Accepted { .. } => drop(self.run(&place, &script).await?),
                Note::Doubtful { .. } => drop(self.change(account, &script).await?),
            }
            Ok(())
        })
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        Box::new(self.0.bell.watch(account.to_string()))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.0.prefix)
            .field("status", &self.0.link.status())
            .field("watched", &self.0.bell.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
