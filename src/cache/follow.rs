//! Takes over what other processes write to a shared store, so that a new token is here before it is needed; and gives back
//! what the store has lost or never had, so that it is there before somebody else mints another one.
//!
//! One task for each cache with a store of its own choosing. It holds the cache weakly and ends with it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::timeout;

use super::{election::LEASE_LIFE, shared::Shared};
use crate::{
    store::{Claim, Commit, LeaseRequest, Record, Snapshot, TokenStore},
    token::AccessToken,
};

/// A lost notice costs no more than this: WeChat keeps the old token for five minutes after a refresh.
const LOOK_SECS: std::ops::Range<u64> = 20..40;

pub(super) async fn run(cache: Weak<Shared>, store: Arc<dyn TokenStore>) {
    let Some(mut watch) = cache.upgrade().map(|cache| store.watch(&cache.account)) else {
        return;
    };
    loop {
        match cache.upgrade() {
            Some(cache) => look(&cache, &*store).await,
            None => return,
        }
        let interval = Duration::from_secs(fastrand::u64(LOOK_SECS));
        let _ = timeout(interval, watch.changed()).await;
    }
}

async fn look(cache: &Shared, store: &dyn TokenStore) {
    // Before the store is asked: what is installed meanwhile is in the store, and not in what it answers. A rejected token
    // is of no use to anybody, and to ask for a lease only to abandon it would ring the bell that leads here again.
    let present = cache.current().filter(|present| !cache.is_rejected(present));
    // If the store is out of reach, whoever needs a token will say so.
    let Ok(snapshot) = store.load(&cache.account).await else {
        return;
    };
    if let Some(present) = present.filter(|present| snapshot.leased.is_none() && lacks(&snapshot, present)) {
        give_back(cache, store, &present).await;
        return;
    }
    let Some(record) = snapshot.record.filter(|record| !record.left.is_zero()) else {
        return;
    };
    if cache.slot().is_none_or(|present| record.generation > present.generation()) {
        cache.adopt(&cache.token_of(&record));
    }
}

/// Whether this token is better than what is in the store: Redis has forgotten it, or was out of reach when it was minted.
/// While a failure lasts, nothing is changed.
fn lacks(snapshot: &Snapshot, present: &AccessToken) -> bool {
    let newer = snapshot.record.as_ref().is_none_or(|record| {
        // A store that began anew counts from one again: a younger token of a lower generation is the better one.
        record.generation < present.generation() && record.life.saturating_sub(record.left) > present.age()
    });
    newer && snapshot.failure.is_none()
}

/// Writes the token to the store, under a lease as if it had just been minted.
async fn give_back(cache: &Shared, store: &dyn TokenStore, present: &AccessToken) {
    let account = &cache.account;
    let ask = LeaseRequest::new(LEASE_LIFE, present.generation().saturating_sub(1));
    let Ok(Claim::Granted(lease, seen)) = store.try_lease(account, ask).await else {
        return;
    };
    if !lacks(&seen, present) || cache.is_rejected(present) {
        // Should this fail, the lease runs out by itself.
        let _ = store.abandon(account, &lease, seen.failure.as_ref()).await;
        return;
    }
    let left = present.left(cache.clock.now());
    let mut record = Record::new(present.shared_text(), lease.fence, present.life(), left);
    record.forced = seen.record.map(|record| record.forced).unwrap_or_default();
    if let Ok(Commit::Done) = store.commit(account, &lease, &record).await {
        // The same token, under a later number if the store has gone on counting meanwhile.
        cache.install(&cache.token_of(&record));
    }
}
