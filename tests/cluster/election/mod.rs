//! The election among real processes: this test program starts itself again as workers, which share real stores and call
//! one fake WeChat in this process. Processes are killed and frozen, servers and networks fail.

use crate::support;
#[allow(dead_code, reason = "these tests need only a part of it")]
use crate::support::proxy;
use crate::support::redis as server;
use crate::support::signal;

mod accounts;
mod chaos;
mod cuts;
mod deaths;
mod failover;
mod failures;
mod forgotten;
mod herd;
mod history;
mod kills;
mod losses;
mod outages;
mod propagation;
mod worker;

use std::{
    env, fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tower_wechat::testing::{FakeWeChat, FakeWeChatBuilder};

use self::{
    server::Server,
    worker::{Spec, Worker},
};

/// Which endpoint the workers mint at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stable,
    /// Every mint ends the token before.
    Classic,
}

/// Where the workers share.
enum Place {
    Redis(Server),
    File(TempDir),
}

/// A folder in memory where there is one: what is tested is not the disk. Removed when it is dropped.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let shm = PathBuf::from("/dev/shm");
        let parent = if shm.is_dir() { shm } else { env::temp_dir() };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let (id, chance) = (std::process::id(), fastrand::u32(..));
        Self(parent.join(format!("tower-wechat-election-{id}-{count}-{chance:08x}")))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Place {
    async fn redis() -> Self {
        Self::Redis(Server::start().await)
    }

    fn file() -> Self {
        Self::File(TempDir::new())
    }

    fn url(&self) -> String {
        match self {
            Self::Redis(server) => server.url(),
            Self::File(dir) => format!("file:{}", dir.0.display()),
        }
    }
}

/// A platform on which a classic token dies the moment that the next one is minted: harsher than WeChat, so that a mint too
/// many shows at once.
async fn harsh() -> FakeWeChat {
    harsh_with(|builder| builder).await
}

async fn harsh_with(more: impl FnOnce(FakeWeChatBuilder) -> FakeWeChatBuilder) -> FakeWeChat {
    more(FakeWeChat::builder().overlap(Duration::ZERO).log_limit(10)).start().await
}

async fn workers(count: usize, spec: &Spec) -> Vec<Worker> {
    let mut workers: Vec<_> = (0..count).map(|_| Worker::start(spec)).collect();
    for worker in &mut workers {
        assert_eq!(worker.hear().await["ready"], true);
    }
    workers
}
