//! What [`flight`](super::flight) and [`slot`](super::slot) are made of, in one place so that a model checker can take
//! its part: `loom/` includes those two files over a `sync` of its own.

pub(crate) use std::sync::{Arc, Mutex};
use std::sync::{MutexGuard, PoisonError};

pub(crate) use arc_swap::ArcSwapOption;

/// Locks. Nothing that these mutexes guard is left half-changed by a panic, so a poisoned one is as good as any.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
