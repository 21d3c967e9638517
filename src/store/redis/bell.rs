//! Who wants to know of changes to which account.
//!
//! There is one channel for all accounts. Every store is subscribed to it from the moment it is connected, so that a
//! watch begins at once, without a word to the server.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::store::Watch;

/// The watchers of every account that has some.
#[derive(Default)]
pub(super) struct Bell(Mutex<HashMap<String, watch::Sender<()>>>);

/// Watches one account, until it is dropped.
pub(super) struct BellWatch {
    bell: Arc<Bell>,
    account: String,
    changes: watch::Receiver<()>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
        // Nothing below can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(self: &Arc<Self>, account: String) -> BellWatch {
        let changes = self.lock().entry(account.clone()).or_insert_with(|| watch::channel(()).0).subscribe();
        BellWatch { bell: self.clone(), account, changes }
    }

    /// The account has changed.
    pub(super) fn ring(&self, account: &str) {
        if let Some(sender) = self.lock().get(account) {
            sender.send_replace(());
        }
    }

    /// Any account may have changed: messages may have been lost.
    pub(super) fn ring_all(&self) {
        for sender in self.lock().values() {
            sender.send_replace(());
        }
    }

    /// How many accounts are watched.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}

impl Watch for BellWatch {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if self.changes.changed().await.is_err() {
                // Cannot be: the entry, and with it the sender, stays while this watch is there.
                std::future::pending::<()>().await;
            }
        })
    }
}

impl Drop for BellWatch {
    fn drop(&mut self) {
        let mut watchers = self.bell.lock();
        if watchers.get(&self.account).is_some_and(|sender| sender.receiver_count() == 1) {
            watchers.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task::spawn};

    use super::*;

    #[test]
    fn only_the_watchers_of_an_account_are_told() {
        let bell = Arc::new(Bell::default());
        let (mut one, mut other) = (bell.watch("one".into()), bell.watch("other".into()));
        bell.ring("one");
        bell.ring("nobody");
        assert_ready!(spawn(one.changed()).poll());
        assert_pending!(spawn(one.changed()).poll());
        assert_pending!(spawn(other.changed()).poll());
        bell.ring_all();
        assert_ready!(spawn(one.changed()).poll());
        assert_ready!(spawn(other.changed()).poll());
    }

    #[test]
    fn an_account_is_forgotten_with_its_last_watcher() {
        let bell = Arc::new(Bell::default());
        let (first, second) = (bell.watch("one".into()), bell.watch("one".into()));
        drop(first);
        assert_eq!(bell.len(), 1);
        drop(second);
        assert_eq!(bell.len(), 0);
    }
}
