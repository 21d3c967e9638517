//! [`Trial`]: whether the last refresh has helped, as far as this process knows. A refresh has helped if a request is accepted
//! with the token that it brought; what it costs depends on that (see [`budget`](super::budget)).

use std::sync::atomic::{AtomicU64, Ordering};

use super::sync::{Mutex, lock};

#[derive(Default)]
pub(super) struct Trial {
    /// The generation that the last refresh of this process brought, until it is known whether it helped; zero for none. Read
    /// by every request.
    untried: AtomicU64,
    /// The latest token of which it is known.
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    generation: u64,
    helped: bool,
    /// Whether a request that had been rejected says so.
    by_replay: bool,
}

impl Trial {
    /// A refresh brought the token of this generation; zero: a mint that was no refresh.
    pub(super) fn begin(&self, generation: u64) {
        self.untried.store(generation, Ordering::Relaxed);
    }

    /// The token of this generation was rejected. How old it is tells whether it has helped before that.
    pub(super) fn rejected(&self, generation: u64) {
        if self.is_untried(generation) {
            self.begin(0);
        }
    }

    /// A request was accepted with the token of this generation that had not been rejected before.
    pub(super) fn accepted(&self, generation: u64) {
        if !self.is_untried(generation) {
            return;
        }
        self.begin(0);
        let mut known = lock(&self.known);
        // A replay says more.
        if known.is_none_or(|known| known.generation < generation) {
            *known = Some(Known { generation, helped: true, by_replay: false });
        }
    }

    /// A request that had been rejected was sent again with the token of this generation. Whether that is news: one that was
    /// accepted is enough.
    pub(super) fn replayed(&self, generation: u64, accepted: bool) -> bool {
        let mut known = lock(&self.known);
        let news = match *known {
            Some(known) if known.generation > generation => false,
            Some(known) if known.generation == generation && known.by_replay => accepted && !known.helped,
            _ => true,
        };
        if news {
            *known = Some(Known { generation, helped: accepted, by_replay: true });
        }
        news
    }

    /// Whether the token of this generation helped, where that is known.
    pub(super) fn helped(&self, generation: u64) -> Option<bool> {
        lock(&self.known).filter(|known| known.generation == generation).map(|known| known.helped)
    }

    fn is_untried(&self, generation: u64) -> bool {
        self.untried.load(Ordering::Relaxed) == generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_replay_that_was_accepted_is_enough_and_says_more_than_another_request() {
        let trial = Trial::default();
        trial.begin(5);
        trial.accepted(5);
        assert_eq!(trial.helped(5), Some(true));
        assert!(trial.replayed(5, false));
        trial.begin(5);
        trial.accepted(5);
        assert_eq!(trial.helped(5), Some(false));
        assert!(trial.replayed(5, true));
        assert!(!trial.replayed(5, false) && !trial.replayed(4, false) && !trial.replayed(4, true));
        assert_eq!((trial.helped(5), trial.helped(4)), (Some(true), None));
        trial.begin(4);
        trial.accepted(4);
        assert_eq!((trial.helped(5), trial.helped(4)), (Some(true), None));
        assert!(trial.replayed(6, false));
        assert_eq!((trial.helped(5), trial.helped(6)), (None, Some(false)));
    }

    #[test]
    fn only_the_first_word_on_a_token_that_a_refresh_brought_counts() {
        let trial = Trial::default();
        trial.accepted(5);
        assert_eq!(trial.helped(5), None, "no refresh brought it");
        trial.begin(5);
        trial.rejected(4);
        trial.accepted(4);
        assert_eq!(trial.helped(4), None);
        trial.rejected(5);
        trial.accepted(5);
        assert_eq!(trial.helped(5), None, "its age tells");
    }
}
