//! The slot: the newest token, read without a lock.

use super::sync::{Arc, ArcSwapOption};

/// Something of which there are newer and older ones.
pub(crate) trait Versioned {
    /// Whether `new` is to replace this one.
    fn gives_way_to(&self, new: &Self) -> bool;

    /// Whether this is another copy of the same one.
    fn is_same(&self, other: &Self) -> bool;
}

/// Holds the newest of what was installed. Readers never wait.
pub(crate) struct Slot<T>(ArcSwapOption<T>);

impl<T: Versioned> Slot<T> {
    pub(crate) fn empty() -> Self {
        Self(ArcSwapOption::empty())
    }

    pub(crate) fn load(&self) -> Option<Arc<T>> {
        self.0.load_full()
    }

    /// Puts `new` in, unless what is there does not give way to it.
    pub(crate) fn install(&self, new: &Arc<T>) -> bool {
        self.replace(new, |present| present.gives_way_to(new))
    }

    /// Puts `new` in if what is there is an older copy of the same.
    pub(crate) fn amend(&self, new: &Arc<T>) -> bool {
        self.replace(new, |present| present.is_same(new))
    }

    fn replace(&self, new: &Arc<T>, gives_way: impl Fn(&T) -> bool) -> bool {
        // Run again where somebody else was faster, so the last answer is the one that counts.
        let mut replaced = true;
        self.0.rcu(|present| {
            replaced = present.as_ref().is_none_or(|present| gives_way(present));
            if replaced { Some(new.clone()) } else { present.clone() }
        });
        replaced
    }
}
