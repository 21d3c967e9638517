//! Stores that live in simulated time: tokio's, which is paused and jumps to the next timer when all tasks wait.
//!
//! It does not jump while a blocking task runs. `FileStore` reads and writes in such tasks. A call of Redis is made one
//! here: it first sets the server's clock to the simulated time, and it ends when all who watch have been told.

#![allow(clippy::disallowed_methods, reason = "simulated time is tokio's")]

use std::{
    fmt,
    future::Future,
    sync::{Arc, LazyLock, Mutex, PoisonError, mpsc},
    time::Duration,
};

use tokio::{
    runtime::Runtime,
    task::spawn_blocking,
    time::{Instant, timeout},
};
use tower_wechat::{
    issuer::AccountKey,
    store::{
        Claim, Commit, Failure, FileStore, Lease, LeaseRequest, MemoryStore, Note, Record, RedisStore,
        Snapshot, StoreError, StoreFuture, TokenStore, Usage, Watch,
    },
};

use super::redis::Server;

pub trait InSimulatedTime: TokenStore + Clone {
    /// The machine sleeps, while the time of others goes on.
    fn others_go_on(&self, _by: Duration) {}
}

// These know the machine's own wall clock only.
impl InSimulatedTime for MemoryStore {}
impl InSimulatedTime for FileStore {}

/// Redis, on a server of its own with the simulated time.
#[derive(Clone)]
pub struct Simulated(Arc<Inner>);

struct Inner {
    store: RedisStore,
    server: Server,
    start: Instant,
    /// The server's time at the start, and since the machine has slept.
    offset: Mutex<Duration>,
    /// The server's time, held by a call until it is over.
    shown: Mutex<Duration>,
}

/// Where time is real: the connection to the server and the limits of its calls.
static REAL: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
});

/// Long before or after the machine's own time: the clocks of two hosts are never compared.
const ELSEWHERE: Duration = Duration::from_secs(2_000_000_000);
/// For what has nothing to do with time-outs, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(20);
/// A notice that nobody sends is not waited for any longer.
const NOTICE: Duration = Duration::from_millis(200);

impl Simulated {
    /// Starts the server. To be called on the runtime whose time is simulated.
    pub fn start() -> Self {
        let (started, waiting) = mpsc::channel();
        REAL.spawn(async move {
            let server = Server::start_in_simulated_time(ELSEWHERE).await;
            let store = RedisStore::builder(&server.url()).timeout(PATIENCE).connect().await.unwrap();
            started.send((server, store)).unwrap();
        });
        let (server, store) = waiting.recv().unwrap();
        Self(Arc::new(Inner {
            store,
            server,
            start: Instant::now(),
            offset: Mutex::new(ELSEWHERE),
            shown: Mutex::default(),
        }))
    }

    /// Does some work with the store, for which no simulated time passes.
    fn call<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<Inner>) -> F + Send + 'static,
    ) -> StoreFuture<'static, T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let inner = self.0.clone();
        Box::pin(async move {
            let done = spawn_blocking({
                let now = inner.start.elapsed();
                move || {
                    let mut shown = inner.shown.lock().unwrap_or_else(PoisonError::into_inner);
                    let now = *inner.offset.lock().unwrap() + now;
                    if *shown != now {
                        inner.server.set_time(now);
                        *shown = now;
                    }
                    REAL.block_on(work(inner.clone()))
                }
            });
            done.await.unwrap()
        })
    }

    /// The same, and then waits until all who watch the account have been told of the change.
    fn change<T: Send + 'static, F>(
        &self,
        account: &AccountKey,
        work: impl FnOnce(Arc<Inner>) -> F + Send + 'static,
    ) -> StoreFuture<'static, T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let account = account.clone();
        self.call(async move |inner: Arc<Inner>| {
            let mut watch = inner.store.watch(&account);
            let done = work(inner).await?;
            let _ = timeout(NOTICE, watch.changed()).await;
            Ok(done)
        })
    }
}

impl InSimulatedTime for Simulated {
    fn others_go_on(&self, by: Duration) {
        *self.0.offset.lock().unwrap() += by;
    }
}

impl TokenStore for Simulated {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        let account = account.clone();
        self.call(async move |inner: Arc<Inner>| inner.store.load(&account).await)
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        let account = account.clone();
        self.call(async move |inner: Arc<Inner>| inner.store.try_lease(&account, ask).await)
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        let (account, lease) = (account.clone(), lease.clone());
        self.call(async move |inner: Arc<Inner>| inner.store.renew(&account, &lease).await)
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        let (key, lease, record, usage) = (account.clone(), lease.clone(), record.clone(), usage.clone());
        self.change(account, async move |inner: Arc<Inner>| {
            inner.store.commit(&key, &lease, &record, &usage).await
        })
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        let (key, lease, failure, usage) = (account.clone(), lease.clone(), failure.cloned(), usage.clone());
        self.change(account, async move |inner: Arc<Inner>| {
            inner.store.abandon(&key, &lease, failure.as_ref(), &usage).await
        })
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        let key = account.clone();
        let work = async move |inner: Arc<Inner>| inner.store.note(&key, note).await;
        match note {
            Note::Doubtful { .. } => self.change(account, work),
            _ => self.call(work),
        }
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        self.0.store.watch(account)
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Simulated")
    }
}
