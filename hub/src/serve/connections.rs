//! [`Connections`]: keeps connections within their number. When there is one too many, the one goes that has been idle for
//! longest; never one that is being answered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// All connections of a hub.
pub(crate) struct Connections(Mutex<State>);

struct State {
    limit: usize,
    open: usize,
    /// The idle ones, and what tells them to go, in the order in which they became idle.
    idle: BTreeMap<u64, Arc<Notify>>,
    /// The next in that order.
    next: u64,
}

impl Connections {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { limit, open: 0, idle: BTreeMap::new(), next: 0 })))
    }

    /// Another limit, for the connections to come.
    pub(crate) fn limit(&self, limit: usize) {
        self.state().limit = limit;
    }

    /// How many there are, and how many of them are idle.
    pub(crate) fn count(&self) -> (usize, usize) {
        let state = self.state();
        (state.open, state.idle.len())
    }

    /// A place for a new connection, which is idle at first. If there is none free, the one that has been idle for longest
    /// is told to go; if none is idle, there is no place.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        if state.open >= state.limit {
            let (_, oldest) = state.idle.pop_first()?;
            oldest.notify_one();
        }
        state.open += 1;
        let gone = Arc::new(Notify::new());
        let key = state.idle(gone.clone());
        drop(state);
        Some(Place { all: self.clone(), gone, idle: Mutex::new(Some(key)) })
    }

    /// Tells the one that has been idle for longest to go, if one is idle.
    pub(super) fn make_room(&self) {
        if let Some((_, oldest)) = self.state().idle.pop_first() {
            oldest.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn idle(&mut self, gone: Arc<Notify>) -> u64 {
        let key = self.next;
        self.next += 1;
        self.idle.insert(key, gone);
        key
    }
}

/// The place of one connection, free again when it is dropped.
pub(super) struct Place {
    all: Arc<Connections>,
    gone: Arc<Notify>,
    /// Its place in the order of idle ones, while it is idle.
    idle: Mutex<Option<u64>>,
}

impl Place {
    /// Comes back once another connection needs the place.
    pub(super) async fn is_needed(&self) {
        self.gone.notified().await;
    }

    /// A request has begun: it is not idle.
    pub(super) fn busy(&self) {
        if let Some(key) = self.key().take() {
            self.all.state().idle.remove(&key);
        }
    }

    /// The request has been answered.
    pub(super) fn idle(&self) {
        let mut key = self.key();
        if key.is_none() {
            *key = Some(self.all.state().idle(self.gone.clone()));
        }
    }

    fn key(&self) -> MutexGuard<'_, Option<u64>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let key = self.key().take();
        let mut state = self.all.state();
        state.open -= 1;
        if let Some(key) = key {
            state.idle.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_needed(place: &Place) -> bool {
        place.is_needed().now_or_never().is_some()
    }

    #[test]
    fn the_one_that_has_been_idle_for_longest_goes_and_never_a_busy_one() {
        let all = Connections::new(3);
        let [first, second, third] = [(); 3].map(|()| all.enter().unwrap());
        first.busy();
        first.idle();
        second.busy();
        assert_eq!(all.count(), (3, 2));
        let fourth = all.enter().unwrap();
        assert!(is_needed(&third), "idle since it came");
        assert!(!is_needed(&first) && !is_needed(&second));
        drop(third);
        fourth.busy();
        let fifth = all.enter().unwrap();
        assert!(is_needed(&first));
        drop(first);
        fifth.busy();
        assert!(all.enter().is_none(), "all are busy");
        drop((second, fourth, fifth));
        assert_eq!(all.count(), (0, 0));
    }

    #[test]
    fn a_limit_that_was_lowered_holds_for_the_next_and_a_place_is_given_once() {
        let all = Connections::new(2);
        let [first, second] = [(); 2].map(|()| all.enter().unwrap());
        all.limit(1);
        let third = all.enter().unwrap();
        assert!(is_needed(&first) && !is_needed(&second));
        // The one that was told to go may have begun another request before it hears of it.
        first.busy();
        first.idle();
        let fourth = all.enter().unwrap();
        assert!(is_needed(&second) && !is_needed(&first));
        drop((first, second, third, fourth));
        assert_eq!(all.count(), (0, 0));
    }
}
