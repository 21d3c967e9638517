//! [`Accounts`]: how accounts come into a pool and go out of it.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use arc_swap::ArcSwap;

use super::{
    factory::{Factory, Missing, Outcome, run},
    registry::{End, Registry},
    table::Table,
};
use crate::{
    cache::{TokenCache, sync::lock},
    clock::Clock,
    error::Error,
    platform::Platform,
    secret::AppId,
};

/// How often somebody asks for an account that is removed, or whose factory is stopped, while it is made.
pub(super) const RUNS: usize = 3;

pub(super) struct Accounts {
    pub(super) table: Table,
    /// Of all accounts there are or were, each once: what is in scope for the pool.
    pub(super) platforms: ArcSwap<Vec<Platform>>,
    pub(super) factory: Option<Factory>,
    evict_after: Option<Duration>,
    pub(super) clock: Clock,
    /// Whoever changes the pool holds this.
    pub(super) registry: Mutex<Registry>,
}

impl Accounts {
    pub(super) fn new(factory: Option<Factory>, evict_after: Option<Duration>) -> Self {
        let platforms = match factory {
            Some(_) => vec![Platform::wechat(), Platform::wecom()],
            None => Vec::new(),
        };
        Self {
            table: Table::new(),
            platforms: ArcSwap::from_pointee(platforms),
            factory,
            evict_after,
            clock: Clock::default(),
            registry: Mutex::default(),
        }
    }

    pub(super) fn insert(&self, app: &AppId, cache: TokenCache) -> Option<TokenCache> {
        self.replace(app, |table| {
            self.note_platform(&cache);
            table.put(app, cache)
        })
    }

    pub(super) fn remove(&self, app: &AppId) -> Option<TokenCache> {
        self.replace(app, |table| table.take(app))
    }

    /// Puts something else in the place of what is there, of what is made just now, and of what was known of this id.
    fn replace(&self, app: &AppId, change: impl FnOnce(&Table) -> Option<TokenCache>) -> Option<TokenCache> {
        let mut registry = lock(&self.registry);
        let flight = registry.forget(app);
        let previous = change(&self.table);
        if let Some(previous) = &previous {
            registry.note_gone(app, previous);
        }
        // Not under the lock: whoever is woken may ask at once.
        drop(registry);
        if let Some(flight) = flight {
            flight.cancel();
        }
        previous
    }

    /// The account, if it is there or can be made at once. `None`: it has to be waited for.
    pub(super) fn find(&self, app: &AppId) -> Result<Option<TokenCache>, Error> {
        if let Some(cache) = self.table.get(app) {
            return Ok(Some(cache));
        }
        match &self.factory {
            None => Err(Missing::Unknown("it is not in the pool; insert it first").into_error(app)),
            Some(Factory::Sync(closure)) => {
                self.made(&**closure, app).map(Some).map_err(|why| why.into_error(app))
            }
            Some(Factory::Async(_)) => Ok(self.present(&mut lock(&self.registry), app)),
        }
    }

    fn made(&self, closure: &dyn Fn(AppId) -> Option<TokenCache>, app: &AppId) -> Outcome {
        for _ in 0..RUNS {
            let mut registry = lock(&self.registry);
            if let Some(cache) = self.present(&mut registry, app) {
                return Ok(cache);
            }
            let (flight, _) = registry.join(app, || End::Here(Arc::new(OnceLock::new())));
            drop(registry);
            let End::Here(end) = flight.end else { break };
            // Not under the lock: the closure is the user's.
            let outcome = end.get_or_init(|| self.end(app, flight.number, run(closure, app.clone())));
            if !matches!(outcome, Err(Missing::Again)) {
                return outcome.clone();
            }
        }
        Err(Missing::Again)
    }

    /// The account, if it is there: it may have come since it was looked for, or have been let go of and still be held.
    pub(super) fn present(&self, registry: &mut Registry, app: &AppId) -> Option<TokenCache> {
        if let Some(cache) = self.table.get(app) {
            return Some(cache);
        }
        let cache = registry.take_evicted(app)?;
        registry.note_made(app, &cache);
        self.table.put(app, cache.clone());
        Some(cache)
    }

    /// A run of the factory has ended. What becomes of that, for all who wait for it.
    pub(super) fn end(&self, app: &AppId, number: u64, outcome: Outcome) -> Outcome {
        // Dropped after the lock: with an account goes its issuer, which may be the user's.
        let _evicted;
        let mut registry = lock(&self.registry);
        if !registry.end(app, number) {
            return Err(Missing::Again);
        }
        match outcome {
            Ok(cache) => {
                if let Some(owner) = registry.note_made(app, &cache) {
                    return Err(Missing::Mixed(owner));
                }
                _evicted = self.sweep(&mut registry);
                self.note_platform(&cache);
                self.table.put(app, cache.clone());
                Ok(cache)
            }
            Err(Missing::Unknown(why)) => {
                // To ask a closure again that answers at once costs less than to remember.
                if matches!(self.factory, Some(Factory::Async(_))) {
                    registry.absent.add(app, self.clock.now().monotonic);
                }
                Err(Missing::Unknown(why))
            }
            failed => failed,
        }
    }

    /// The registry must be locked.
    fn note_platform(&self, cache: &TokenCache) {
        let platforms = self.platforms.load();
        if !platforms.contains(cache.platform()) {
            let mut more = Vec::clone(&platforms);
            more.push(cache.platform().clone());
            self.platforms.store(Arc::new(more));
        }
    }

    /// Lets go of idle accounts that nobody holds, now and then, and gives them back.
    fn sweep(&self, registry: &mut Registry) -> Vec<TokenCache> {
        let Some(idle) = self.evict_after else {
            return Vec::new();
        };
        let now = self.clock.now().monotonic;
        if registry.swept.is_some_and(|at| now.saturating_duration_since(at) < idle / 4) {
            return Vec::new();
        }
        registry.swept = Some(now);
        registry.clear_evicted();
        let evicted = self.table.take_all(|key, cache| {
            cache.idle() >= idle
                && !cache.is_held()
                && registry.made_for(cache).is_some_and(|owner| key.is(owner))
        });
        for cache in &evicted {
            registry.note_evicted(cache);
        }
        evicted
    }
}
