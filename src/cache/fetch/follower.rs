//! Takes over what other processes write to a shared store, so that a new token is here before it is needed; and gives back
//! what the store has lost or never had, so that it is there before somebody else mints another one.
//!
//! One task for each cache with a store, while somebody uses it. It holds the cache weakly and ends with it. The looks of
//! all caches of a runtime come one after another at a limited pace: after an outage, those who wait for a token come first.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};

use super::lease::{Claimed, HeldLease};
use crate::{
    cache::{
        budget,
        per_runtime::PerRuntime,
        state::State,
        sync::{Mutex, lock},
    },
    store::{Record, Snapshot, StoreError, TokenStore, Usage},
    token::AccessToken,
};

/// A lost notice costs no more than this: WeChat keeps the old token for five minutes after a refresh.
const LOOK_SECS: std::ops::Range<u64> = 20..40;
/// Looks a second, of all caches of a runtime. With very many of them each is looked at more rarely; then a lost notice may
/// cost a rejected call, which the layer heals with the token from the store.
const LOOKS_A_SECOND: u64 = 100;
/// Between two looks, when all caches of a runtime have to look at once.
const PACE: Duration = Duration::from_micros(500);
/// A look that is so late will not come: its runtime is kept, and nobody polls it.
const LATE: Duration = Duration::from_secs(20);
/// A cache that nobody has asked for a token for so long is not followed until somebody does.
pub(super) const IDLE: Duration = Duration::from_secs(3600);

static QUEUES: PerRuntime<Queue> = PerRuntime::new();

/// The looks of all caches of a runtime, one after another. Nobody holds anything meanwhile.
#[derive(Default)]
struct Queue {
    /// How many caches there are.
    followers: AtomicU64,
    /// When the next look may begin.
    next: Mutex<Option<Instant>>,
}

impl Queue {
    fn of(runtime: &Handle) -> Arc<Self> {
        let queue = QUEUES.of(runtime, |_| true, Self::default);
        queue.followers.fetch_add(1, Ordering::Relaxed);
        queue
    }

    /// How long until it is one's turn.
    fn turn(&self, now: Instant) -> Duration {
        let mut next = lock(&self.next);
        let begins = next.map_or(now, |next| next.max(now));
        *next = Some(begins + PACE);
        begins.saturating_duration_since(now)
    }

    /// How long until the next look, if nothing is heard until then.
    fn interval(&self) -> Duration {
        let all = self.followers.load(Ordering::Relaxed) / LOOKS_A_SECOND;
        // Spread, and as many on average.
        Duration::from_secs(fastrand::u64(LOOK_SECS).max(fastrand::u64(all / 2..=all + all / 2)))
    }
}

/// A place in the queue, until it is dropped.
struct Place(Arc<Queue>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs on this runtime.
pub(in crate::cache) fn run(
    runtime: &Handle,
    cache: Weak<State>,
    store: Arc<dyn TokenStore>,
) -> impl Future<Output = ()> + Send + use<> {
    follow(Place(Queue::of(runtime)), cache, store)
}

async fn follow(place: Place, cache: Weak<State>, store: Arc<dyn TokenStore>) {
    let Some(mut watch) = cache.upgrade().map(|state| store.watch(&state.account)) else {
        return;
    };
    loop {
        let Some(now) = cache.upgrade().map(|state| state.clock.now().monotonic) else {
            return;
        };
        let turn = place.0.turn(now);
        if !turn.is_zero() {
            sleep(turn).await;
        }
        let interval = place.0.interval();
        match cache.upgrade() {
            Some(state) if !state.is_closed() && state.idle(state.clock.now()) < IDLE => {
                look(&state, &*store).await;
                state.note_look(interval.saturating_add(LATE));
            }
            _ => return,
        }
        let _ = timeout(interval, watch.changed()).await;
    }
}

/// Looks once.
pub(in crate::cache) async fn look(state: &State, store: &dyn TokenStore) {
    // Before the store is asked: what is installed meanwhile is in the store, and not in what it answers. A rejected token
    // is of no use to anybody, and to ask for a lease only to abandon it would tell the watch that leads here again.
    let present = state.current().filter(|present| !state.is_rejected(present));
    let loaded = store.load(&state.account).await;
    let snapshot = match loaded {
        Ok(snapshot) => snapshot,
        Err(error) => return state.note_store::<()>(&Err(error)),
    };
    // First of all: such a store knows nothing of what was used for this token, which is given back with it.
    let lacking = present.filter(|present| lacks(&snapshot, present));
    if snapshot.leased.is_none() {
        if let Some(present) = lacking {
            // One that can be read and takes nothing, such as on a full disk, is down still.
            if let Some(given) = give_back(state, store, &present).await {
                state.note_store(&given);
            }
            return;
        }
        state.note_store(&Ok(()));
    }
    keep_usage(state, &snapshot);
    // Nothing left says nothing of ours: a store on files counts so, too, once the clock was set back.
    let Some(record) = snapshot.record.filter(|record| !record.left.is_zero()) else {
        return;
    };
    let stored = state.token_of(&record);
    if state.slot().is_none_or(|present| present.gives_way_to(&stored)) {
        state.adopt(&stored);
    } else {
        // Somebody may have come to doubt it.
        state.curtail(record.generation, record.left.saturating_add(CLOCKS_DIFFER));
    }
}

/// How old a token is differs by less than this from one process to another: by what their clocks do, and by how long the
/// store's answer was on its way.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);

/// Whether this token is better than what is in the store: Redis has forgotten it, or was out of reach when it was minted.
/// While a failure lasts, nothing is changed.
fn lacks(snapshot: &Snapshot, present: &AccessToken) -> bool {
    let newer = snapshot.record.as_ref().is_none_or(|record| {
        // A store that began anew may count from a lower number: a token of a lower generation that is clearly younger is the
        // better one.
        let age = record.life.saturating_sub(record.left);
        let is_younger = age.saturating_add(CLOCKS_DIFFER) <= present.age();
        record.generation < present.generation() && (record.left.is_zero() || !is_younger)
    });
    newer && snapshot.failure.is_none()
}

/// What all of them have used: should the store forget it, each of them can say.
fn keep_usage(state: &State, snapshot: &Snapshot) -> Usage {
    let now = state.clock.now();
    let mut history = state.history();
    let usage = budget::merged(snapshot.usage.clone(), &history.usage(now));
    history.keep_usage(&usage, now);
    usage
}

/// Writes the token to the store, under a lease as if it had just been minted. It keeps its number: another process may have
/// a later one, of which the store knows as little. None: nothing was written, for somebody else holds the lease.
async fn give_back(
    state: &State,
    store: &dyn TokenStore,
    present: &AccessToken,
) -> Option<Result<(), StoreError>> {
    let generation = present.generation();
    let own = state.history().usage(state.clock.now());
    let (mut lease, seen) = match HeldLease::claim(store, &state.account, generation).await {
        Ok(Claimed::Granted(lease, seen)) => (lease, seen),
        Ok(Claimed::Held(_)) => return None,
        Err(error) => return Some(Err(error)),
    };
    if !lacks(&seen, present) || state.is_rejected(present) {
        // Should this fail, the lease runs out by itself.
        return Some(lease.abandon(seen.failure.as_ref(), &seen.usage).await);
    }
    let left = present.left(state.clock.now());
    let record = Record::new(present.shared_text(), generation, present.life(), left);
    // The store knows nothing of what was used for this token either.
    let usage = Usage { refreshed: own.refreshed, ..keep_usage(state, &seen) };
    // Should this fail, the next look tries it again.
    Some(lease.commit(&record, &usage).await.map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const LIFE: Duration = Duration::from_secs(7200);

    fn stored(generation: u64, age_millis: u64) -> Snapshot {
        let left = LIFE.saturating_sub(Duration::from_millis(age_millis));
        let record = Record::new("stored", generation, LIFE, left);
        Snapshot { record: Some(record), ..Snapshot::default() }
    }

    fn held(generation: u64, age_millis: u64) -> AccessToken {
        let clock = Clock::default();
        let expiry = clock.now().after(LIFE.saturating_sub(Duration::from_millis(age_millis)));
        AccessToken::new("held".into(), generation, LIFE, expiry, Duration::ZERO, clock)
    }

    #[test]
    fn a_store_lacks_a_token_of_a_later_generation_unless_its_own_is_clearly_younger() {
        assert!(lacks(&Snapshot::default(), &held(7, 0)));
        assert!(lacks(&stored(6, 3_000), &held(7, 2_000)));
        // The answer that told of the other was on its way for a while, so that it seems younger than it is.
        assert!(lacks(&stored(6, 2_950), &held(7, 3_000)));
        assert!(lacks(&stored(6, 2_100), &held(7, 3_000)));
        assert!(!lacks(&stored(6, 500), &held(7, 3_000)), "the store began anew");
        assert!(!lacks(&stored(7, 3_000), &held(7, 0)) && !lacks(&stored(8, 3_000), &held(7, 0)));
        assert!(lacks(&stored(6, 7_200_000), &held(7, 7_199_999)), "nothing is left of it");
    }
}
