//! The slot: the newest token, read without a lock.

use super::sync::{Arc, ArcSwapOption};

/// Something that is replaced by later generations of itself.
pub(crate) trait Generation {
    fn generation(&self) -> u64;
}

/// Holds the newest of what was installed. Readers never wait, and never see a generation lower than one they saw before.
pub(crate) struct Slot<T>(ArcSwapOption<T>);

impl<T: Generation> Slot<T> {
    pub(crate) fn empty() -> Self {
        Self(ArcSwapOption::empty())
    }

    pub(crate) fn load(&self) -> Option<Arc<T>> {
        self.0.load_full()
    }

    /// Puts `new` in, unless what is there is of the same or a later generation.
    pub(crate) fn install(&self, new: &Arc<T>) -> bool {
        self.replace(new, |present, new| present < new)
    }

    /// Puts `new` in if what is there is of the same generation.
    pub(crate) fn amend(&self, new: &Arc<T>) -> bool {
        self.replace(new, |present, new| present == new)
    }

    fn replace(&self, new: &Arc<T>, gives_way: impl Fn(u64, u64) -> bool) -> bool {
        let previous = self.0.rcu(|present| match present {
            Some(present) if !gives_way(present.generation(), new.generation()) => Some(present.clone()),
            _ => Some(new.clone()),
        });
        previous.is_none_or(|previous| gives_way(previous.generation(), new.generation()))
    }
}
