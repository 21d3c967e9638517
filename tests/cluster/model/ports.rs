//! The traits through which a process's cache reaches the world: each call goes into the queue and waits for its answer.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use tokio::sync::Notify;
use tower_wechat::{
    Platform,
    issuer::{AccountKey, Issuer, Mint, MintFuture},
    store::{
        Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreError, StoreFuture,
        TokenStore, Usage, Watch,
    },
};

use crate::model::world::{Answer, Reply, Request, World};

/// One process's way to the store.
pub struct StorePort {
    pub world: Arc<World>,
    pub process: usize,
}

/// One process's way to the token endpoint.
pub struct IssuerPort {
    pub world: Arc<World>,
    pub process: usize,
    pub independent: bool,
    pub platform: Platform,
}

impl StorePort {
    /// Sends the request; `read` takes the answer that belongs to it.
    fn call<'a, T: 'a>(&'a self, request: Request, read: fn(Reply) -> Option<T>) -> StoreFuture<'a, T> {
        Box::pin(async move {
            match self.world.call(self.process, request).await {
                Answer::Reply(reply) => Ok(read(reply).expect("an answer to the question")),
                Answer::Lost => Err(StoreError::unavailable("the call or its answer was lost")),
                Answer::Panic => unreachable!("only mints panic"),
            }
        })
    }
}

impl TokenStore for StorePort {
    fn load<'a>(&'a self, _: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        self.call(
            Request::Load,
            |reply| if let Reply::Load(snapshot) = reply { Some(snapshot) } else { None },
        )
    }

    fn try_lease<'a>(&'a self, _: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        self.call(
            Request::TryLease(ask),
            |reply| if let Reply::Claim(claim) = reply { Some(claim) } else { None },
        )
    }

    fn renew<'a>(&'a self, _: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        let request = Request::Renew(lease.clone());
        self.call(request, |reply| if let Reply::Renewed(held) = reply { Some(held) } else { None })
    }

    fn commit<'a>(
        &'a self,
        _: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        let request = Request::Commit(lease.clone(), record.clone(), usage.clone());
        self.call(request, |reply| if let Reply::Commit(commit) = reply { Some(commit) } else { None })
    }

    fn abandon<'a>(
        &'a self,
        _: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        let request = Request::Abandon(lease.clone(), failure.cloned(), usage.clone());
        self.call(request, |reply| matches!(reply, Reply::Abandoned).then_some(()))
    }

    fn note<'a>(&'a self, _: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        self.call(Request::Note(note), |reply| matches!(reply, Reply::Noted).then_some(()))
    }

    fn watch(&self, _: &AccountKey) -> Box<dyn Watch> {
        let bell = Arc::new(Notify::new());
        self.world.lock().processes[self.process].bells.push(bell.clone());
        Box::new(Bell(bell))
    }
}

/// Remembers one ring.
struct Bell(Arc<Notify>);

impl Watch for Bell {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.notified())
    }
}

impl fmt::Debug for StorePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorePort({})", self.process)
    }
}

impl Issuer for IssuerPort {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        let rejected = how.rejected().map(|token| token.as_str().to_owned());
        Box::pin(async move {
            match self.world.call(self.process, Request::Mint { rejected }).await {
                Answer::Reply(Reply::Minted(minted)) => minted,
                // Unlike `panic!`, without a word on the terminal: it happens thousands of times.
                Answer::Panic => std::panic::resume_unwind(Box::new("the issuer panics")),
                _ => unreachable!("mints fail in their own words"),
            }
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("model", "https://model.invalid", "model", None)
    }

    fn mints_are_independent(&self) -> bool {
        self.independent
    }
}
