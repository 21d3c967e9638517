//! An issuer in memory, for tests in paused time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tower_wechat::{
    Platform, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

/// Mints `app-1`, `app-2`, …; clones count together.
#[derive(Clone)]
pub struct Mill {
    app: String,
    life: Duration,
    work: Arc<Work>,
    platform: Platform,
}

#[derive(Default)]
struct Work {
    mints: AtomicU64,
    at: Mutex<Vec<Instant>>,
    broken: Mutex<Option<TokenError>>,
}

impl Mill {
    pub fn new(app: &str, life: Duration) -> Self {
        Self { app: app.to_owned(), life, work: Arc::default(), platform: Platform::wechat() }
    }

    /// The same counters for another app.
    pub fn for_app(&self, app: &str) -> Self {
        Self { app: app.to_owned(), ..self.clone() }
    }

    pub fn mints(&self) -> u64 {
        self.work.mints.load(Ordering::SeqCst)
    }

    /// When it minted.
    pub fn times(&self) -> Vec<Instant> {
        self.work.at.lock().unwrap().clone()
    }

    pub fn breaks(&self, error: Option<TokenError>) {
        *self.work.broken.lock().unwrap() = error;
    }
}

impl Issuer for Mill {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            let minted = self.work.mints.fetch_add(1, Ordering::SeqCst) + 1;
            #[allow(clippy::disallowed_methods)] // Tokio's paused time, to see when.
            self.work.at.lock().unwrap().push(Instant::now());
            match self.work.broken.lock().unwrap().clone() {
                Some(error) => Err(error),
                None => Ok(Minted::new(format!("{}-{minted}", self.app), self.life)),
            }
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("mill", "", self.app.as_str(), None)
    }
}
