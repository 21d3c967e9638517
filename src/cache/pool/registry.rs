//! [`Registry`]: what a pool knows of its accounts besides where they are, for those who change it.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Instant,
};

use tokio::sync::watch;

use super::{
    absent::Absent,
    factory::{Missing, Outcome},
};
use crate::{
    cache::{TokenCache, WeakTokenCache},
    issuer::AccountKey,
    secret::AppId,
};

#[derive(Default)]
pub(super) struct Registry {
    /// The runs of the factory under way: one for an id, however many ask.
    flights: HashMap<AppId, Flight>,
    started: u64,
    /// Under which id the factory has returned an account.
    made: HashMap<AccountKey, AppId>,
    /// Accounts that were let go of just when somebody took hold of them.
    evicted: HashMap<AppId, WeakTokenCache>,
    pub(super) absent: Absent,
    /// When idle accounts were last looked for.
    pub(super) swept: Option<Instant>,
}

/// One run of the factory.
#[derive(Clone)]
pub(super) struct Flight {
    pub(super) number: u64,
    pub(super) end: End,
}

/// Where those who wait for a run find its outcome.
#[derive(Clone)]
pub(super) enum End {
    /// They stand still until it is there.
    Here(Arc<OnceLock<Outcome>>),
    /// They are woken.
    ToCome(watch::Sender<Option<Outcome>>),
}

impl Flight {
    /// Those who wait for it are to ask again.
    pub(super) fn cancel(self) {
        if let End::ToCome(end) = self.end {
            end.send_replace(Some(Err(Missing::Again)));
        }
    }
}

impl Registry {
    /// The run under way, or a new one, and whether it is new.
    pub(super) fn join(&mut self, app: &AppId, end: impl FnOnce() -> End) -> (Flight, bool) {
        if let Some(flight) = self.flights.get(app) {
            return (flight.clone(), false);
        }
        self.started += 1;
        let flight = Flight { number: self.started, end: end() };
        self.flights.insert(app.clone(), flight.clone());
        (flight, true)
    }

    /// A run has ended. Whether what it made is wanted: not if the account was removed, or put in by hand, meanwhile.
    pub(super) fn end(&mut self, app: &AppId, number: u64) -> bool {
        let current = self.flights.get(app).is_some_and(|flight| flight.number == number);
        if current {
            self.flights.remove(app);
        }
        current
    }

    /// Nothing that was known of this id holds any more. The run under way, whose result is not wanted.
    #[must_use]
    pub(super) fn forget(&mut self, app: &AppId) -> Option<Flight> {
        self.absent.remove(app);
        self.evicted.remove(app);
        self.flights.remove(app)
    }

    /// The factory returned this account for this id. The id that it has returned it for already, if that is another.
    pub(super) fn note_made(&mut self, app: &AppId, cache: &TokenCache) -> Option<AppId> {
        let owner = self.made.entry(cache.account().clone()).or_insert_with(|| app.clone());
        (owner != app).then(|| owner.clone())
    }

    /// The id that the factory returned this account for.
    pub(super) fn made_for(&self, cache: &TokenCache) -> Option<&AppId> {
        self.made.get(cache.account())
    }

    /// This account is not in the pool any more under this id.
    pub(super) fn note_gone(&mut self, app: &AppId, cache: &TokenCache) {
        if self.made_for(cache) == Some(app) {
            self.made.remove(cache.account());
        }
    }

    /// This account was let go of. If somebody has taken hold of it meanwhile, it is found again as long as it is held.
    pub(super) fn note_evicted(&mut self, cache: &TokenCache) {
        if let Some(app) = self.made.remove(cache.account())
            && cache.is_held()
        {
            self.evicted.insert(app, cache.downgrade());
        }
    }

    /// An account that was let go of, and is still held by somebody.
    pub(super) fn take_evicted(&mut self, app: &AppId) -> Option<TokenCache> {
        self.evicted.remove(app)?.upgrade()
    }

    /// Forgets those that nobody holds any more.
    pub(super) fn clear_evicted(&mut self) {
        self.evicted.retain(|_, weak| weak.is_alive());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::StableToken;

    /// Between the look whether somebody holds an account and its end in the table, somebody may find it there.
    #[test]
    fn an_account_that_is_let_go_of_just_when_it_is_found_is_found_again_as_long_as_it_is_held() {
        let app = AppId::from("wx");
        for held in [true, false] {
            let mut registry = Registry::default();
            let cache = TokenCache::new(StableToken::new(app.clone(), "secret"));
            registry.note_made(&app, &cache);
            let holder = held.then(|| cache.clone());
            registry.note_evicted(&cache);
            drop(cache);
            assert!(registry.made.is_empty());
            assert_eq!(registry.evicted.len(), usize::from(held), "what nobody holds leaves nothing behind");
            registry.clear_evicted();
            let found = registry.take_evicted(&app);
            assert_eq!(found.is_some(), held);
            assert!(found.is_none_or(|found| {
                holder.as_ref().is_some_and(|holder| Arc::ptr_eq(&found.core, &holder.core))
            }));

            let cache = TokenCache::new(StableToken::new(app.clone(), "secret"));
            registry.note_made(&app, &cache);
            let holder = cache.clone();
            registry.note_evicted(&cache);
            registry.clear_evicted();
            assert_eq!(registry.evicted.len(), 1, "somebody holds it");
            drop((cache, holder));
            assert!(registry.evicted.values().all(|weak| weak.upgrade().is_none()), "nobody does any more");
            registry.clear_evicted();
            assert!(registry.evicted.is_empty(), "what nobody holds is forgotten");
        }
    }
}
