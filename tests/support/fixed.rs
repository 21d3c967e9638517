//! An issuer that needs no endpoint.

#![allow(dead_code, reason = "every test file uses another part of this")]

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tower_wechat::{
    Platform, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

/// Mints what it is told to, and counts.
#[derive(Clone)]
pub struct Fixed {
    platform: Platform,
    minted: Result<Minted, TokenError>,
    mints: Arc<AtomicU64>,
}

impl Fixed {
    pub fn new(base_url: &str, minted: Result<Minted, TokenError>) -> Self {
        Self { platform: Platform::wechat().with_origin(base_url).unwrap(), minted, mints: Arc::default() }
    }

    pub fn mints(&self) -> u64 {
        self.mints.load(Ordering::SeqCst)
    }
}

impl Issuer for Fixed {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        self.mints.fetch_add(1, Ordering::SeqCst);
        Box::pin(ready(self.minted.clone()))
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("fixed", "", "app", None)
    }
}
