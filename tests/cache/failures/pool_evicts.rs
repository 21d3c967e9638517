//! Accounts that a pool lets go of, and those that it must not.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tower_wechat::{
    AppId, Platform, TokenCache, TokenError, TokenPool,
    issuer::{AccountKey, Issuer, Mint, Minted},
};

use crate::failures::support::mill::Mill;

const IDLE: Duration = Duration::from_secs(2);

/// Mints for one app once it is let.
struct Slow {
    app: AppId,
    platform: Platform,
    world: Arc<World>,
}

struct World {
    gate: Semaphore,
    mints: AtomicU64,
    made: AtomicU64,
}

impl Issuer for Slow {
    fn mint(&self, _: Mint) -> Pin<Box<dyn Future<Output = Result<Minted, TokenError>> + Send + '_>> {
        Box::pin(async move {
            let number = self.world.mints.fetch_add(1, Ordering::SeqCst) + 1;
            let permit = self.world.gate.acquire().await;
            permit.map_err(|_| TokenError::permanent("closed"))?.forget();
            Ok(Minted::new(format!("{}-{number}", self.app), Duration::from_secs(7200)))
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("slow", "", self.app.clone(), None)
    }
}

/// A pool that lets go of accounts after [`IDLE`], and what it costs.
fn pool() -> (TokenPool, Arc<World>) {
    let world =
        Arc::new(World { gate: Semaphore::new(0), mints: AtomicU64::new(0), made: AtomicU64::new(0) });
    let shared = world.clone();
    let factory = move |app: AppId| {
        shared.made.fetch_add(1, Ordering::SeqCst);
        let slow = Slow { app, platform: Platform::wechat(), world: shared.clone() };
        Some(
            TokenCache::builder(slow)
                .wait_timeout(Duration::from_secs(60))
                .fetch_timeout(Duration::from_secs(60))
                .build(),
        )
    };
    (TokenPool::builder().factory(factory).evict_after(IDLE).build(), world)
}

impl World {
    fn mints(&self) -> u64 {
        self.mints.load(Ordering::SeqCst)
    }

    fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_mints_is_not_let_go_of() {
    for waiter_stays in [true, false] {
        let (pool, world) = pool();
        let first = pool.get(&"first".into()).unwrap();
        let mut waiting = tokio::spawn(async move { first.token().await });
        sleep(IDLE * 2).await;
        if !waiter_stays {
            // The mint goes on by itself.
            waiting.abort();
            let _ = timeout(IDLE, &mut waiting).await.expect("it is gone, and its handle with it");
        }
        pool.get(&"another".into()).unwrap();
        let again = pool.get(&"first".into()).unwrap();
        let asking = tokio::spawn(async move { again.token().await });
        sleep(Duration::from_millis(1)).await;
        world.gate.add_permits(1);
        assert_eq!(asking.await.unwrap().unwrap().generation(), 1);
        assert_eq!((world.mints(), world.made()), (1, 2), "waiter stays: {waiter_stays}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mint_that_ends_after_a_look_for_idle_accounts_is_not_lost() {
    let (pool, world) = pool();
    let first = pool.get(&"first".into()).unwrap();
    tokio::spawn(async move { first.token().await });
    sleep(IDLE * 2).await;
    pool.get(&"another".into()).unwrap();
    world.gate.add_permits(1);
    sleep(Duration::from_millis(1)).await;
    assert!(pool.get(&"first".into()).unwrap().current().is_some());
    assert_eq!((world.mints(), world.made()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_somebody_holds_is_not_let_go_of() {
    let (pool, world) = pool();
    let held = pool.get(&"held".into()).unwrap();
    let warm = pool.get(&"warm".into()).unwrap().keep_warm();
    pool.get(&"idle".into()).unwrap();
    world.gate.add_permits(1);
    sleep(IDLE * 2).await;
    pool.get(&"another".into()).unwrap();
    assert_eq!((pool.len(), world.made()), (3, 4), "only the idle one has gone");
    assert!(pool.get(&"warm".into()).unwrap().current().is_some());
    pool.get(&"held".into()).unwrap();
    assert_eq!(world.made(), 4);

    drop((held, warm));
    sleep(IDLE * 2).await;
    pool.get(&"one more".into()).unwrap();
    assert_eq!(pool.len(), 1, "nobody holds them any more");
}

/// Accounts that are let go of as soon as nobody holds them, on many threads: whoever gets one while others hold it gets
/// the same.
#[test]
fn an_account_never_has_two_caches_at_a_time() {
    const THREADS: usize = 8;
    const IDS: usize = 4;
    const ROUNDS: usize = 500;
    let made = AtomicU64::new(0);
    let pool = TokenPool::builder()
        .factory(move |app: AppId| {
            // Each has a key of its own, so that `Debug` tells them apart.
            let number = made.fetch_add(1, Ordering::SeqCst);
            Some(TokenCache::new(Mill::new(&format!("{app}-{number}"), Duration::from_secs(7200))))
        })
        .evict_after(Duration::ZERO)
        .build();
    let held: [Mutex<Vec<String>>; IDS] = Default::default();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (pool, held) = (&pool, &held);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let id = (number + round * 3) % IDS;
                    let cache = pool.get(&id.to_string().into()).unwrap();
                    let name = format!("{cache:?}");
                    let mut holders = held[id].lock().unwrap();
                    assert!(holders.iter().all(|other| *other == name), "{name} beside {holders:?}");
                    holders.push(name);
                    drop(holders);
                    thread::yield_now();
                    // Others make accounts meanwhile, which lets go of this one.
                    pool.get(&format!("{number}-{round}").into()).unwrap();
                    held[id].lock().unwrap().pop();
                    drop(cache);
                }
            });
        }
    });
    pool.get(&"last".into()).unwrap();
    assert_eq!(pool.len(), 1, "nothing is left behind");
}
