//! [`Known`]: a client, and what the hub has seen of it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use metrics::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_wechat::AppId;

use crate::{
    client::{Client, Right},
    clock,
    problem::Problem,
    proxy::Calls,
    telemetry::metric::{PASSES, TOKENS_SERVED},
};

/// A client, and what the hub has seen of it.
pub(crate) struct Known {
    pub(crate) client: Client,
    limiter: Option<Arc<DefaultDirectRateLimiter>>,
    polls: Arc<Semaphore>,
    most_polls: usize,
    seen: Arc<Seen>,
    served: Counter,
    passed: Counter,
    pub(crate) calls: Calls,
}

/// What outlives a reload.
#[derive(Default)]
struct Seen {
    /// In seconds since 1970; zero before the first time.
    last: AtomicU64,
    /// The generation of the token of each app that it was given last, by a token endpoint.
    given: Mutex<HashMap<AppId, u64>>,
}

impl Known {
    /// A client as the configuration has it, and as it was known `before`.
    pub(crate) fn new(client: Client, most_polls: usize, before: Option<&Self>) -> Self {
        let same_rate = before.filter(|before| before.client.rate == client.rate);
        let limiter = same_rate.map_or_else(
            || client.rate.map(|rate| Arc::new(RateLimiter::direct(Quota::per_second(rate)))),
            |before| before.limiter.clone(),
        );
        let served = TOKENS_SERVED.counter([&client.name]);
        let passed = PASSES.counter([&client.name]);
        let calls = Calls::of(&client.name);
        let seen = before.map_or_else(Arc::default, |before| before.seen.clone());
        let polls =
            before.filter(|before| before.most_polls == most_polls).map(|before| before.polls.clone());
        let polls = polls.unwrap_or_else(|| Arc::new(Semaphore::new(most_polls)));
        Self { client, limiter, polls, most_polls, seen, served, passed, calls }
    }

    pub(crate) fn name(&self) -> &str {
        &self.client.name
    }

    /// Takes note of a request, unless it is one too many.
    pub(crate) fn admit(&self) -> Result<(), Problem> {
        self.seen.last.store(clock::unix_seconds(), Relaxed);
        let Some(Err(until)) = self.limiter.as_ref().map(|limiter| limiter.check()) else {
            return Ok(());
        };
        Err(Problem::too_many(until.wait_time_from(DefaultClock::default().now())))
    }

    /// Whether it may ask for the app, and has the right.
    pub(crate) fn may(&self, right: Right, app: &AppId) -> Result<(), Problem> {
        if !self.client.apps.contains(app) {
            return Err(Problem::no_such_app());
        }
        if !self.client.rights.contains(&right) {
            return Err(Problem::lacks(right));
        }
        Ok(())
    }

    /// Whether it may call this path through the hub.
    pub(crate) fn may_call(&self, path: &str) -> Result<(), Problem> {
        if self.client.paths.have(path) { Ok(()) } else { Err(Problem::path_not_allowed()) }
    }

    /// The generation of the app's token that it was given last.
    pub(crate) fn given(&self, app: &AppId) -> Option<u64> {
        // Nothing panics while it is held.
        self.seen.given.lock().unwrap_or_else(PoisonError::into_inner).get(app).copied()
    }

    /// It is given the app's token of this generation.
    pub(crate) fn gave(&self, app: &AppId, generation: u64) {
        self.seen.given.lock().unwrap_or_else(PoisonError::into_inner).insert(app.clone(), generation);
    }

    /// Leave to wait for a token, for as long as it is held.
    pub(crate) fn poll(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.polls.clone().try_acquire_owned().map_err(|_| Problem::too_many(Duration::from_secs(1)))
    }

    /// How many times it waits for a token at the moment.
    pub(crate) fn polling(&self) -> usize {
        self.most_polls.saturating_sub(self.polls.available_permits())
    }

    /// A token goes out to it.
    pub(crate) fn served(&self) {
        self.served.increment(1);
    }

    /// A pass goes out to it.
    pub(crate) fn passed(&self) {
        self.passed.increment(1);
    }

    /// When it was last seen, in seconds since 1970.
    pub(crate) fn last_seen(&self) -> Option<u64> {
        Some(self.seen.last.load(Relaxed)).filter(|seconds| *seconds > 0)
    }
}
