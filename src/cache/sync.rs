//! The synchronisation that [`flight`](super::flight) is made of, in one place so that a model checker can take its part.

pub(crate) use std::sync::{Arc, Mutex};
use std::sync::{MutexGuard, PoisonError};

/// Locks. Nothing that these mutexes guard is left half-changed by a panic, so a poisoned one is as good as any.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
