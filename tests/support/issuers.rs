//! Issuers that need no network.

use std::{
    future::{Future, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tower_wechat::{
    Platform, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

pub const TWO_HOURS: Duration = Duration::from_secs(7200);

/// Mints by calling a closure.
pub struct Scripted<F> {
    platform: Platform,
    mint: F,
}

/// An issuer that does what the closure does.
pub fn scripted<F, O>(mint: F) -> Scripted<F>
where
    F: Fn(Mint) -> O + Send + Sync + 'static,
    O: Future<Output = Result<Minted, TokenError>> + Send + 'static,
{
    Scripted { platform: Platform::wechat(), mint }
}

impl<F> Scripted<F> {
    /// The same with tokens of another family.
    pub fn of(self, platform: Platform) -> Self {
        Self { platform, ..self }
    }
}

/// An issuer that answers at once with a new token each time, and how often it was asked.
pub fn instant() -> (impl Issuer, Arc<AtomicU64>) {
    instant_of(Platform::wechat())
}

/// The same with tokens of another family.
pub fn instant_of(platform: Platform) -> (impl Issuer, Arc<AtomicU64>) {
    let mints = Arc::new(AtomicU64::new(0));
    let count = mints.clone();
    let issuer = scripted(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        ready(Ok(Minted::new(format!("TOKEN-{number}"), TWO_HOURS)))
    });
    (issuer.of(platform), mints)
}

impl<F, O> Issuer for Scripted<F>
where
    F: Fn(Mint) -> O + Send + Sync + 'static,
    O: Future<Output = Result<Minted, TokenError>> + Send + 'static,
{
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        Box::pin((self.mint)(how))
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("scripted", "https://tokens.example", "wxscripted", None)
    }
}
