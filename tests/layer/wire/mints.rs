//! An issuer that mints `TOKEN-1`, `TOKEN-2`, …, each after as long as the test says.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;
use tower_wechat::{
    Platform, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

/// Clones are one.
#[derive(Clone)]
pub struct Mints(Arc<Inner>);

struct Inner {
    platform: Platform,
    begun: watch::Sender<u64>,
    delay: Mutex<Duration>,
    fail: AtomicBool,
    closed: watch::Sender<bool>,
}

impl Mints {
    /// For calls to the server with this URL.
    pub fn new(url: &str) -> Self {
        Self(Arc::new(Inner {
            platform: Platform::wechat().with_origin(url).unwrap(),
            begun: watch::Sender::new(0),
            delay: Mutex::default(),
            fail: AtomicBool::new(false),
            closed: watch::Sender::new(false),
        }))
    }

    /// How long a mint takes from now on.
    pub fn take(&self, delay: Duration) {
        *self.0.delay.lock().unwrap() = delay;
    }

    /// Whether mints fail from now on.
    pub fn fail(&self, fail: bool) {
        self.0.fail.store(fail, Ordering::SeqCst);
    }

    /// Lets mints wait until [`open`](Self::open).
    pub fn close(&self) {
        self.0.closed.send_replace(true);
    }

    pub fn open(&self) {
        self.0.closed.send_replace(false);
    }

    /// How many mints have begun.
    pub fn count(&self) -> u64 {
        *self.0.begun.borrow()
    }

    /// Ready once so many have begun.
    pub async fn begun(&self, count: u64) {
        self.0.begun.subscribe().wait_for(|begun| *begun >= count).await.unwrap();
    }
}

impl Issuer for Mints {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            let mut number = 0;
            self.0.begun.send_modify(|begun| {
                *begun += 1;
                number = *begun;
            });
            let delay = *self.0.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            self.0.closed.subscribe().wait_for(|closed| !closed).await.unwrap();
            if self.0.fail.load(Ordering::SeqCst) {
                return Err(TokenError::permanent("the test says so"));
            }
            Ok(Minted::new(format!("TOKEN-{number}"), Duration::from_secs(7200)))
        })
    }

    fn platform(&self) -> &Platform {
        &self.0.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("mints", "", "app", None)
    }
}
