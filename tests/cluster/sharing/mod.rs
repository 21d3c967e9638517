//! Processes that share an account: what one of them learns, and what is nobody else's business.
//!
//! A process is a cache; all of them have one store in memory. Time is simulated.

#![allow(clippy::disallowed_methods, reason = "simulated time is tokio's")]

mod accepted;
mod doubt;
mod hosts;
mod mended;
mod outages;
use crate::support;

use std::time::Duration;

use tower_wechat::{TokenCache, issuer::Issuer, store::TokenStore};

const TWO_HOURS: Duration = Duration::from_secs(7200);

/// A process.
fn process(issuer: impl Issuer, store: &(impl TokenStore + Clone)) -> TokenCache {
    TokenCache::builder(issuer).store(store.clone()).build()
}
