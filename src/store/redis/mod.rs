//! [`RedisStore`]: processes of many hosts share a Redis server, Sentinel set or Cluster.
//!
//! Each account is one hash, at `<prefix>:{<hash of the account>}`; no app id, secret or token is in its name. Scripts
//! read and change it, each in one step and by the server's clock. The braces keep an account in one slot of a Cluster.
//! One channel, `<prefix>:changed`, carries the hashes of accounts that have changed. Whoever changed one sends it, after
//! the script: proxies of managed servers let no script publish.
//!
//! A store has one connection, which its clones share however many accounts they serve. One task makes it, watches it and
//! makes it again; the task ends with the last clone.

mod connection;
mod endpoint;
mod eviction;
mod fault;
mod keeper;
mod link;
mod pause;
mod scripts;
mod watchers;

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use redis::{ScriptInvocation, TlsCertificates};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::{runtime::Handle, task::JoinHandle};

use self::{
    endpoint::Endpoint,
    keeper::Plan,
    link::Link,
    scripts::{Answer, Place, Status, usage},
    watchers::Watchers,
};
use super::{
    Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreError, StoreFuture, TokenStore,
    Usage, Watch,
};
use crate::{
    clock::Clock,
    error::{Error, ErrorKind},
    issuer::AccountKey,
};

/// Keeps tokens in Redis 6.0 or later, for processes on any number of hosts. Clones share a connection.
///
/// ```
/// use tower_wechat::{TokenCache, issuer::StableToken, store::RedisStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://127.0.0.1/").await?;
/// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret");
/// let cache = TokenCache::builder(issuer).store(store).build();
/// # drop(cache);
/// # Ok(())
/// # }
/// ```
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
/// connects again by itself, within a second of the server's return; watchers are then told to look again, a hundred
/// accounts at a time, so that other calls need not wait behind all of them. A connection is given up when it breaks, or
/// when nothing has come over it for one and a half seconds after a PING.
///
/// A server that *refuses* the store (user, password, permission, database, certificate) is asked again after 5 to 10 s,
/// and ever more rarely, up to every 30 to 60 s. Calls fail at once meanwhile.
///
/// # The server
///
/// What Redis forgets is minted again, so persistence is not needed. Whoever can read the server's memory can read the
/// tokens.
///
/// *Memory.* Do not let the server evict keys (`maxmemory-policy`) if minting too often would harm. All keys of this store
/// have a time to live, so the `volatile-…` policies find them as well as the `allkeys-…` do, and in a cache whose other
/// keys have none they find nothing else. If `maxmemory` is set and the policy is one of these, there is one event of level
/// `WARN` (where the user may ask for `INFO memory`; it is not needed). See
/// [key eviction](https://redis.io/docs/latest/develop/reference/eviction/).
///
/// *Permissions.* A user needs the keys and channels of the prefix, and these commands (`AUTH` and `HELLO` are always
/// allowed, by Redis 7 at least):
///
/// ```text
/// ACL SETUSER tokens on >password ~tower-wechat:* &tower-wechat:*
///     +evalsha +script|load +ping +subscribe +publish
///     +time +hmget +hget +hset +hdel +hincrby +pttl +pexpire
///     +select          # for a database other than 0
///     +role            # behind Sentinels
///     +cluster|slots   # in a Cluster
/// ```
///
/// *Without notices.* Where the server, or a proxy before it, does not take `HELLO 3`, `SUBSCRIBE` or `PUBLISH`, the store
/// does without: watchers are told of nothing but gaps, and those who wait for a token find it by looking. A cache then
/// takes over what others mint within 40 s, or when it needs a token.
///
/// *Managed servers.* The proxies of Alibaba Cloud's cluster architecture take only scripts whose keys they can see. This
/// store's are such scripts; see [its limits](https://help.aliyun.com/document_detail/92942.html).
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    watchers: Arc<Watchers>,
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
///
/// ```no_run
/// use std::time::Duration;
/// use tower_wechat::store::RedisStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::builder("rediss://tokens:password@redis.example/0")
///     .key_prefix("my-bot")
///     .timeout(Duration::from_millis(200))
///     .root_certificates(std::fs::read("/etc/ssl/our-authority.pem")?)
///     .connect()
///     .await?;
/// # drop(store);
/// # Ok(())
/// # }
/// ```
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
    /// use tower_wechat::{ErrorKind, store::RedisStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Fine, even if no server is there yet.
    /// RedisStore::connect("redis://127.0.0.1:1/").await?;
    ///
    /// let error = RedisStore::connect("http://127.0.0.1/").await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Config);
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
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_wechat::store::RedisStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = RedisStore::builder("redis://127.0.0.1/2")
    ///     .key_prefix("my-bot")
    ///     .timeout(Duration::from_millis(200))
    ///     .connect()
    ///     .await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder {
            url: url.to_owned(),
            prefix: "tower-wechat".into(),
            timeout: Duration::from_millis(500),
            root_certificates: None,
        }
    }

    fn place(&self, account: &AccountKey) -> Place {
        Place { key: format!("{}:{{{account}}}", self.0.prefix), account: account.to_string() }
    }

    async fn run(
        &self,
        place: &Place,
        script: &ScriptInvocation<'_>,
    ) -> Result<(Status, u64, Snapshot), StoreError> {
        place.read(self.ask(place, script).await?)
    }

    async fn ask(&self, place: &Place, script: &ScriptInvocation<'_>) -> Result<Answer, StoreError> {
        if self.0.keeper.is_finished() {
            return Err(StoreError::unavailable(
                "the tokio runtime that the Redis store was connected on is gone; connect on one that lasts",
            ));
        }
        self.0.link.run(script, &place.key).await
    }

    /// Runs a script that may change the account, and tells the other stores if it did.
    async fn change(
        &self,
        place: &Place,
        script: &ScriptInvocation<'_>,
    ) -> Result<(Status, u64, Snapshot), StoreError> {
        let since = Clock::default().now();
        let answer = self.run(place, script).await?;
        if answer.0 == Status::Done {
            self.0.link.publish(&self.0.channel, &place.account, since).await;
        }
        Ok(answer)
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

        let (link, watchers) = (Link::new(self.timeout), Arc::new(Watchers::default()));
        let channel = format!("{}:changed", self.prefix);
        let keeper = runtime.spawn(link.clone().keep(Plan {
            endpoint,
            certificates,
            channel: channel.clone(),
            watchers: watchers.clone(),
        }));
        let store = RedisStore(Arc::new(Inner { link, watchers, prefix: self.prefix, channel, keeper }));
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
            let answer = self.ask(&place, &place.lease(&ask)).await?;
            let (fence, usage) = (answer.1, usage(&answer));
            match place.read(answer) {
                Ok((Status::Done, fence, snapshot)) => Ok(Claim::Granted(Lease::new(fence, &ask), snapshot)),
                Ok((Status::Refused, _, snapshot)) => Ok(Claim::Held(snapshot)),
                Err(error) => {
                    // Whoever can read the record may mint. Without a grant there is nothing to end; if this fails, the
                    // lease ends by itself.
                    let _ = self.abandon(account, &Lease::new(fence, &ask), None, &usage).await;
                    Err(error)
                }
            }
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
            Ok(match self.change(&place, &place.commit(lease, record, usage)).await? {
                (Status::Done, ..) => Commit::Done,
                (Status::Refused, _, snapshot) => Commit::Fenced(snapshot),
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
            let place = self.place(account);
            self.change(&place, &place.abandon(lease, failure, usage)).await?;
            Ok(())
        })
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let (place, script) = (self.place(account), self.place(account).note(note));
            match note {
                // Nobody waits for that.
                Note::Accepted { .. } => drop(self.run(&place, &script).await?),
                Note::Doubtful { .. } => drop(self.change(&place, &script).await?),
            }
            Ok(())
        })
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        Box::new(self.0.watchers.watch(account.to_string()))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.0.prefix)
            .field("status", &self.0.link.status())
            .field("watched", &self.0.watchers.len())
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
