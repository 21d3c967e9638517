//! Who wants to know of changes to which account.
//!
//! There is one channel for all accounts. Every store is subscribed to it from the moment it is connected, so that a
//! watch begins at once, without a word to the server.
//!
//! After a gap everybody must look again, and a hundred thousand looks at once would keep everything else waiting. So
//! the accounts are then rung in turn, a portion at a time.

use std::{
    collections::BTreeMap,
    future::Future,
    ops::Bound::{Excluded, Included, Unbounded},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use crate::store::Watch;

#[derive(Default)]
pub(super) struct Bell {
    watched: Mutex<Watched>,
    /// Told when a round begins.
    begun: Notify,
}

#[derive(Default)]
struct Watched {
    /// The watchers of every account that has some.
    accounts: BTreeMap<String, watch::Sender<()>>,
    /// The round that is under way.
    round: Option<Round>,
}

/// All accounts in their order, from after one of them around to that one.
struct Round {
    /// The one that was rung last.
    at: String,
    /// The last one of the round; nothing if that is the last of all.
    end: String,
    /// Whether the round has come past the last of all.
    around: bool,
}

/// Watches one account, until it is dropped.
pub(super) struct BellWatch {
    bell: Arc<Bell>,
    account: String,
    changes: watch::Receiver<()>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        // Nothing below can panic half-way through a change.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(self: &Arc<Self>, account: String) -> BellWatch {
        let mut watched = self.lock();
        let sender = watched.accounts.entry(account.clone()).or_insert_with(|| watch::channel(()).0);
        BellWatch { bell: self.clone(), account, changes: sender.subscribe() }
    }

    /// The account has changed.
    pub(super) fn ring(&self, account: &str) {
        if let Some(sender) = self.lock().accounts.get(account) {
            sender.send_replace(());
        }
    }

    /// Any account may have changed: messages may have been lost. Begins a round. One that is under way goes on from where
    /// it is, around to there.
    pub(super) fn ring_all(&self) {
        let mut watched = self.lock();
        let at = watched.round.take().map(|round| round.at).unwrap_or_default();
        watched.round = Some(Round { end: at.clone(), at, around: false });
        self.begun.notify_one();
    }

    /// Ends when a round has begun since this last ended.
    pub(super) async fn begun(&self) {
        self.begun.notified().await;
    }

    /// Rings the next accounts of the round, up to `most`. Says whether it is still under way.
    pub(super) fn ring_some(&self, most: usize) -> bool {
        let mut watched = self.lock();
        let Watched { accounts, round: under_way } = &mut *watched;
        let Some(round) = under_way else {
            return false;
        };
        let last = if round.around { Included(round.end.as_str()) } else { Unbounded };
        let mut rung = (0, None);
        for (account, sender) in accounts.range::<str, _>((Excluded(round.at.as_str()), last)).take(most) {
            sender.send_replace(());
            rung = (rung.0 + 1, Some(account));
        }
        match rung {
            (count, Some(account)) if count == most => round.at.clone_from(account),
            _ if round.around || round.end.is_empty() => *under_way = None,
            _ => (round.at, round.around) = (String::new(), true),
        }
        under_way.is_some()
    }

    /// How many accounts are watched.
    pub(super) fn len(&self) -> usize {
        self.lock().accounts.len()
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
        let accounts = &mut self.bell.lock().accounts;
        if accounts.get(&self.account).is_some_and(|sender| sender.receiver_count() == 1) {
            accounts.remove(&self.account);
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
        assert!(!bell.ring_some(3), "the round is over");
        assert_ready!(spawn(one.changed()).poll());
        assert_ready!(spawn(other.changed()).poll());
    }

    /// Who has been rung, of accounts that are named by one letter.
    fn rung(watches: &mut [BellWatch]) -> String {
        let told = watches.iter_mut().filter_map(|watch| {
            let told = spawn(watch.changed()).poll().is_ready();
            told.then(|| watch.account.clone())
        });
        told.collect()
    }

    #[test]
    fn a_round_is_rung_in_portions_and_each_account_once() {
        let bell = Arc::new(Bell::default());
        let mut watches = Vec::from(["a", "b", "c", "d", "e"].map(|account| bell.watch(account.into())));
        assert!(!bell.ring_some(2), "no round");
        bell.ring_all();
        assert!(bell.ring_some(2));
        assert_eq!(rung(&mut watches), "ab");
        bell.ring("e");
        assert_eq!(rung(&mut watches), "e", "by name at once");
        assert!(bell.ring_some(2));
        assert_eq!(rung(&mut watches), "cd");
        assert!(!bell.ring_some(2));
        assert_eq!(rung(&mut watches), "e");
        assert!(!bell.ring_some(2));
        assert_eq!(rung(&mut watches), "");
    }

    #[test]
    fn a_round_that_begins_in_another_goes_once_around() {
        let bell = Arc::new(Bell::default());
        let mut watches = Vec::from(["a", "b", "c", "d", "e"].map(|account| bell.watch(account.into())));
        bell.ring_all();
        assert!(bell.ring_some(3));
        assert_eq!(rung(&mut watches), "abc");
        bell.ring_all();
        let mut all = String::new();
        while bell.ring_some(2) {
            all += &rung(&mut watches);
        }
        all += &rung(&mut watches);
        assert_eq!(all, "deabc", "each account once after the second call");
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
