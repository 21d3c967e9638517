//! Takes over what other processes write to a shared store, so that a new token is here before it is needed.
//!
//! One task for each cache with a store of its own choosing. It holds the cache weakly and ends with it.

use std::{sync::Weak, time::Duration};

use tokio::time::timeout;

use super::shared::Shared;

/// A lost notice costs no more than this: WeChat keeps the old token for five minutes after a refresh.
const LOOK_SECS: std::ops::Range<u64> = 20..40;

pub(super) async fn run(cache: Weak<Shared>) {
    let Some(mut watch) = cache.upgrade().map(|cache| cache.store.watch(&cache.account)) else {
        return;
    };
    loop {
        match cache.upgrade() {
            Some(cache) => look(&cache).await,
            None => return,
        }
        let interval = Duration::from_secs(fastrand::u64(LOOK_SECS));
        let _ = timeout(interval, watch.changed()).await;
    }
}

async fn look(cache: &Shared) {
    // If the store is out of reach, whoever needs a token will say so.
    let Ok(snapshot) = cache.store.load(&cache.account).await else {
        return;
    };
    let Some(record) = snapshot.record.filter(|record| !record.left.is_zero()) else {
        return;
    };
    if cache.slot().is_none_or(|present| record.generation > present.generation()) {
        cache.adopt(&cache.token_of(&record));
    }
}
