//! What `src/cache/sync.rs` is to the crate, made of loom's parts.

use loom::sync::MutexGuard;
pub(crate) use loom::sync::{Arc, Mutex};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// As much of arc-swap's type as the slot uses. Each call is atomic, as arc-swap promises; what happens between the
/// calls is for loom to vary.
pub(crate) struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

impl<T> ArcSwapOption<T> {
    pub(crate) fn empty() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn load_full(&self) -> Option<Arc<T>> {
        lock(&self.0).clone()
    }

    /// Read, copy, update: once more whenever somebody else was faster.
    pub(crate) fn rcu(&self, mut update: impl FnMut(&Option<Arc<T>>) -> Option<Arc<T>>) -> Option<Arc<T>> {
        let mut seen = self.load_full();
        loop {
            let new = update(&seen);
            let mut present = lock(&self.0);
            let unchanged = match (&*present, &seen) {
                (None, None) => true,
                (Some(present), Some(seen)) => Arc::ptr_eq(present, seen),
                _ => false,
            };
            if unchanged {
                *present = new;
                return seen;
            }
            seen.clone_from(&present);
        }
    }
}
