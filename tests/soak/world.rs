//! The platform of many accounts, in memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;
use tower_wechat::{
    Platform, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

const LATENCY: Duration = Duration::from_millis(100);

/// Clones are the same.
#[derive(Clone)]
pub struct World(Arc<State>);

struct State {
    /// The serial number of the good token of each account.
    good: Vec<AtomicU64>,
    mints: AtomicU64,
    broken: AtomicBool,
    life: Duration,
    platform: Platform,
}

impl World {
    pub fn new(accounts: usize, life: Duration) -> Self {
        Self(Arc::new(State {
            good: (0..accounts).map(|_| AtomicU64::new(0)).collect(),
            mints: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            life,
            platform: Platform::wechat(),
        }))
    }

    pub fn len(&self) -> usize {
        self.0.good.len()
    }

    pub fn mints(&self) -> u64 {
        self.0.mints.load(Relaxed)
    }

    /// How many accounts have ever had a token.
    pub fn used(&self) -> usize {
        self.0.good.iter().filter(|good| good.load(Relaxed) > 0).count()
    }

    /// Whether all token endpoints fail.
    pub fn breaks(&self, broken: bool) {
        self.0.broken.store(broken, Relaxed);
    }

    /// Kills the good token of an account that has one.
    pub fn revoke(&self, number: usize) {
        let next = |good: u64| (good > 0).then_some(good + 1);
        let _ = self.0.good[number].fetch_update(Relaxed, Relaxed, next);
    }

    pub fn accepts(&self, number: usize, token: &str) -> bool {
        token == text(number, self.0.good[number].load(Relaxed))
    }

    pub fn issuer(&self, number: usize) -> Account {
        Account { world: self.clone(), number }
    }
}

/// Of the usual length.
fn text(number: usize, serial: u64) -> String {
    format!("{number:0>64}_{serial:0>64}")
}

pub struct Account {
    world: World,
    number: usize,
}

impl Issuer for Account {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(async {
            sleep(LATENCY).await;
            let state = &self.world.0;
            if state.broken.load(Relaxed) {
                return Err(TokenError::transient("busy").with_errcode(-1));
            }
            state.mints.fetch_add(1, Relaxed);
            let serial = state.good[self.number].fetch_add(1, Relaxed) + 1;
            Ok(Minted::new(text(self.number, serial), state.life))
        })
    }

    fn platform(&self) -> &Platform {
        &self.world.0.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("soak", "memory", self.number.to_string(), None)
    }
}
