//! An hour of ten thousand accounts in simulated time: some are kept warm, some are called, some come and go in a pool.
//! Tokens are revoked, endpoints fail. What the process holds is the same in the end as after the first minutes.

#![allow(clippy::disallowed_methods, reason = "simulated time is tokio's")]

#[path = "../support/mod.rs"]
mod support;
mod world;

use std::{
    alloc::System,
    fmt, fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::simulated::Simulated;
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tower_wechat::{
    AppId, KeepWarm, TokenCache, TokenPool,
    store::{MemoryStore, TokenStore},
};
use world::World;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MINUTES: usize = 60;
/// By then every account has been used.
const SETTLED: usize = 10;
/// How many calls of random accounts there are in a second.
const CALLS: usize = 100;
/// An account of the pool that nobody has asked for a token for so long is let go.
const IDLE: Duration = Duration::from_secs(300);

/// Bytes of buffers that grow once, whenever it is.
const SLACK: usize = 64 * 1024;
/// So that an account has a few tokens in an hour.
const SHORT: Duration = Duration::from_secs(1200);
const TWO_HOURS: Duration = Duration::from_secs(7200);

/// What the process holds at a moment.
#[derive(Clone, Copy, Default)]
struct Held {
    bytes: usize,
    tasks: usize,
    descriptors: usize,
    pooled: usize,
}

impl Held {
    fn now(pool: &TokenPool) -> Self {
        let stats = ALLOCATOR.stats();
        Self {
            bytes: stats.bytes_allocated - stats.bytes_deallocated,
            tasks: Handle::current().metrics().num_alive_tasks(),
            // None where there is no such folder.
            descriptors: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            pooled: pool.len(),
        }
    }

    /// The most of each.
    fn most(of: &[Self]) -> Self {
        let most = |number: fn(&Self) -> usize| of.iter().map(number).max().unwrap();
        Self {
            bytes: most(|held| held.bytes),
            tasks: most(|held| held.tasks),
            descriptors: most(|held| held.descriptors),
            pooled: most(|held| held.pooled),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, tasks, descriptors, pooled } = self;
        write!(
            f,
            "{} KiB, {tasks} tasks, {descriptors} descriptors, {pooled} accounts in the pool",
            bytes / 1024
        )
    }
}

/// Who uses the accounts: three tenths are kept warm, four are called, and three are the pool's.
struct Fleet {
    world: World,
    held: Vec<TokenCache>,
    _warm: Vec<KeepWarm>,
    pool: TokenPool,
}

impl Fleet {
    fn new<S: TokenStore + Clone>(accounts: usize, life: Duration, store: &S) -> Self {
        let world = World::new(accounts, life);
        let cache = {
            let (world, store) = (world.clone(), store.clone());
            move |number| TokenCache::builder(world.issuer(number)).store(store.clone()).build()
        };
        let held: Vec<_> = (0..accounts * 7 / 10).map(&cache).collect();
        let warm = held[..accounts * 3 / 10].iter().map(TokenCache::keep_warm).collect();
        let pool = TokenPool::builder()
            .factory(move |app| Some(cache(app.as_str().parse().ok()?)))
            .evict_after(IDLE)
            .build();
        Self { world, held, _warm: warm, pool }
    }

    /// Any account that is used in this minute. The pool's come and go.
    fn any(&self, minute: usize) -> (usize, TokenCache) {
        let (held, all) = (self.held.len(), self.world.len());
        let number = fastrand::usize(..all);
        if number < held {
            return (number, self.held[number].clone());
        }
        // A fifth of them, and by every minute half of those are others.
        let pooled = all - held;
        let number = held + (minute * pooled / 10 + fastrand::usize(..pooled / 5)) % pooled;
        (number, self.pool.get(&AppId::from(number.to_string())).unwrap())
    }

    /// One caller, who gives up now and then.
    fn call(&self, minute: usize, callers: &mut JoinSet<()>) {
        let (number, cache) = self.any(minute);
        let world = self.world.clone();
        callers.spawn(async move {
            let calling = async {
                let Ok(token) = cache.token().await else { return };
                if !world.accepts(number, token.as_str()) {
                    let _ = cache.refresh(&token).await;
                }
            };
            let patience = Duration::from_millis(if fastrand::u8(..20) == 0 { 50 } else { 60_000 });
            let _ = tokio::time::timeout(patience, calling).await;
        });
    }

    async fn hour(&self) -> Vec<Held> {
        let start = Instant::now();
        let mut held = Vec::new();
        let mut callers = JoinSet::new();
        for second in 0..MINUTES * 60 {
            let minute = second / 60;
            // All endpoints are down for half a minute in every ten.
            self.world.breaks(second % 600 >= 570);
            self.world.revoke(fastrand::usize(..self.world.len()));
            for _ in 0..CALLS {
                self.call(minute, &mut callers);
            }
            sleep_until(start + Duration::from_secs(second as u64 + 1)).await;
            while callers.try_join_next().is_some_and(|done| done.is_ok()) {}
            if second % 60 == 59 {
                held.push(Held::now(&self.pool));
            }
        }
        held
    }
}

fn soak<S: TokenStore + Clone>(accounts: usize, life: Duration, store: impl FnOnce() -> S) {
    // What is counted is the whole process's.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    fastrand::seed(1);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let held = runtime.block_on(async {
        let store = store();
        let fleet = Fleet::new(accounts, life, &store);
        let held = fleet.hour().await;
        let (mints, used) = (fleet.world.mints(), fleet.world.used());
        println!("{mints} mints for {used} of {accounts} accounts");
        assert_eq!(used, accounts, "all of them have a token");
        assert!(mints > accounts as u64, "{mints} mints");
        held
    });
    for (minute, held) in held.iter().enumerate().skip(SETTLED - 1) {
        println!("minute {:>2}: {held}", minute + 1);
    }
    // The pool lets go of idle accounts now and then, so the most of five minutes is compared with the most of five.
    let (before, after) = (Held::most(&held[SETTLED - 1..SETTLED + 4]), Held::most(&held[MINUTES - 5..]));
    println!("{before}; in the end {after}");
    // With ten thousand accounts, a leak of forty bytes a mint, or of three a call, would be more.
    assert!(after.bytes <= before.bytes + before.bytes / 50 + SLACK, "{before}; {after}");
    // Callers on their way; each account has a task, or none.
    assert!(after.tasks <= before.tasks + CALLS, "{before}; {after}");
    assert_eq!(after.descriptors, before.descriptors, "{before}; {after}");
    assert!(after.pooled <= accounts * 3 / 10 * 9 / 10, "the pool lets go: {after}");
}

#[test]
fn ten_thousand_accounts_in_memory() {
    soak(10_000, SHORT, MemoryStore::new);
}

#[test]
fn two_hundred_accounts_on_one_redis() {
    soak(200, SHORT, Simulated::start);
}

/// Most of it are looks at the server, a hundred in a second of simulated time.
#[test]
#[ignore = "takes minutes; run it with `--run-ignored all`"]
fn ten_thousand_accounts_on_one_redis() {
    soak(10_000, TWO_HOURS, Simulated::start);
}
