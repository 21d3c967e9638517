//! Who wants to know of changes to which account.
//!
//! There is one channel for all accounts. Every store is subscribed to it from the moment it is connected, so that a
//! watch begins at once, without a word to the server.
//!
//! After a gap everybody must look again, and a hundred thousand looks at once would keep everything else waiting. So
//! the accounts are then told in turn, a portion at a time.

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
pub(super) struct Watchers {
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
    /// The one that was told last.
    at: String,
    /// The last one of the round; nothing if that is the last of all.
    end: String,
    /// Whether the round has come past the last of all.
    around: bool,
}

/// Watches one account, until it is dropped.
pub(super) struct AccountWatch {
    watchers: Arc<Watchers>,
    account: String,
    changes: watch::Receiver<()>,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        // Nothing below can panic half-way through a change.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(self: &Arc<Self>, account: String) -> AccountWatch {
        let mut watched = self.lock();
        let sender = watched.accounts.entry(account.clone()).or_insert_with(|| watch::channel(()).0);
        AccountWatch { watchers: self.clone(), account, changes: sender.subscribe() }
    }

    /// The account has changed.
    pub(super) fn tell(&self, account: &str) {
        if let Some(sender) = self.lock().accounts.get(account) {
            sender.send_replace(());
        }
    }

    /// Any account may have changed: messages may have been lost. Begins a round. One that is under way goes on from where
    /// it is, around to there.
    pub(super) fn tell_all(&self) {
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
    pub(super) fn tell_some(&self, most: usize) -> bool {
        let mut watched = self.lock();
        let Watched { accounts, round: under_way } = &mut *watched;
        let Some(round) = under_way else {
            return false;
        };
        let last = if round.around { Included(round.end.as_str()) } else { Unbounded };
        let mut told = (0, None);
        for (account, sender) in accounts.range::<str, _>((Excluded(round.at.as_str()), last)).take(most) {
            sender.send_replace(());
            told = (told.0 + 1, Some(account));
        }
        match told {
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

impl Watch for AccountWatch {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if self.changes.changed().await.is_err() {
                // Cannot be: the entry, and with it the sender, stays while this watch is there.
                std::future::pending::<()>().await;
            }
        })
    }
}

impl Drop for AccountWatch {
    fn drop(&mut self) {
        let accounts = &mut self.watchers.lock().accounts;
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
        let watchers = Arc::new(Watchers::default());
        let (mut one, mut other) = (watchers.watch("one".into()), watchers.watch("other".into()));
        watchers.tell("one");
        watchers.tell("nobody");
        assert_ready!(spawn(one.changed()).poll());
        assert_pending!(spawn(one.changed()).poll());
        assert_pending!(spawn(other.changed()).poll());
        watchers.tell_all();
        assert!(!watchers.tell_some(3), "the round is over");
        assert_ready!(spawn(one.changed()).poll());
        assert_ready!(spawn(other.changed()).poll());
    }

    /// Who has been told, of accounts that are named by one letter.
    fn told(all: &mut [AccountWatch]) -> String {
        let told = all.iter_mut().filter_map(|watch| {
            let told = spawn(watch.changed()).poll().is_ready();
            told.then(|| watch.account.clone())
        });
        told.collect()
    }

    #[test]
    fn a_round_is_told_in_portions_and_each_account_once() {
        let watchers = Arc::new(Watchers::default());
        let mut all = Vec::from(["a", "b", "c", "d", "e"].map(|account| watchers.watch(account.into())));
        assert!(!watchers.tell_some(2), "no round");
        watchers.tell_all();
        assert!(watchers.tell_some(2));
        assert_eq!(told(&mut all), "ab");
        watchers.tell("e");
        assert_eq!(told(&mut all), "e", "by name at once");
        assert!(watchers.tell_some(2));
        assert_eq!(told(&mut all), "cd");
        assert!(!watchers.tell_some(2));
        assert_eq!(told(&mut all), "e");
        assert!(!watchers.tell_some(2));
        assert_eq!(told(&mut all), "");
    }

    #[test]
    fn a_round_that_begins_in_another_goes_once_around() {
        let watchers = Arc::new(Watchers::default());
        let mut all = Vec::from(["a", "b", "c", "d", "e"].map(|account| watchers.watch(account.into())));
        watchers.tell_all();
        assert!(watchers.tell_some(3));
        assert_eq!(told(&mut all), "abc");
        watchers.tell_all();
        let mut whole = String::new();
        while watchers.tell_some(2) {
            whole += &told(&mut all);
        }
        whole += &told(&mut all);
        assert_eq!(whole, "deabc", "each account once after the second call");
    }

    #[test]
    fn an_account_is_forgotten_with_its_last_watcher() {
        let watchers = Arc::new(Watchers::default());
        let (first, second) = (watchers.watch("one".into()), watchers.watch("one".into()));
        drop(first);
        assert_eq!(watchers.len(), 1);
        drop(second);
        assert_eq!(watchers.len(), 0);
    }
}
