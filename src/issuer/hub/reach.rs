//! [`Reach`]: since when the hub cannot be reached.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::clock::{Clock, Moment};

/// Since when the hub cannot be reached. An answer, whatever it says, shows that it can.
#[derive(Default)]
pub(super) struct Reach {
    clock: Clock,
    away_since: Mutex<Option<Moment>>,
}

impl Reach {
    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(super) fn answered(&self) {
        *self.away_since() = None;
    }

    pub(super) fn failed(&self) {
        self.away_since().get_or_insert_with(|| self.clock.now());
    }

    /// How long it has been away, from the first failure on.
    pub(super) fn away_for(&self) -> Option<Duration> {
        // By the monotonic clock alone: a wall clock that is set forward keeps nobody from the hub.
        self.away_since().map(|since| self.clock.now().ran_since(since))
    }

    fn away_since(&self) -> MutexGuard<'_, Option<Moment>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.away_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
