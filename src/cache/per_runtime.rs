//! [`PerRuntime`]: what all caches of a runtime share, as long as one of them needs it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use tokio::runtime::{self, Handle};

use super::sync::lock;

/// One `T` for each runtime that has some use for it.
pub(super) struct PerRuntime<T>(Mutex<Option<HashMap<runtime::Id, Weak<T>>>>);

impl<T> PerRuntime<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The runtime's, made if there is none that is of use still: a runtime's id may be used again.
    pub(super) fn of(
        &self,
        runtime: &Handle,
        is_of_use: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let mut all = lock(&self.0);
        let all = all.get_or_insert_default();
        all.retain(|_, one| one.upgrade().is_some_and(|one| is_of_use(&one)));
        if let Some(one) = all.get(&runtime.id()).and_then(Weak::upgrade) {
            return one;
        }
        let one = Arc::new(make());
        all.insert(runtime.id(), Arc::downgrade(&one));
        one
    }
}
