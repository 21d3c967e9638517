//! [`Known`]: the newest token that the hub has told of, so that an answer that comes late puts no older one in its place.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::wire::Told;
use crate::clock::{Deadline, Moment};

/// What is known of the hub's tokens, by all who ask it for one account.
///
/// A hub that is started again may count from one again, so that a lower generation is no older token by itself. It is one
/// where a higher generation came in while the question was under way: then the answer was held up.
#[derive(Default)]
pub(super) struct Known(Mutex<State>);

#[derive(Default)]
struct State {
    /// Goes up with each question, and with each token.
    steps: u64,
    newest: Option<Newest>,
}

struct Newest {
    generation: u64,
    text: String,
    expiry: Deadline,
    /// The step in which it came.
    step: u64,
}

/// When a question went out.
#[derive(Clone, Copy)]
pub(super) struct Question(u64);

impl Known {
    /// A question goes out.
    pub(super) fn ask(&self) -> Question {
        Question(self.state().step())
    }

    /// A token came in answer to the question. Returns it, or the newer one that came meanwhile.
    pub(super) fn learn(&self, question: Question, told: Told, now: Moment) -> Told {
        let mut state = self.state();
        if let Some(newest) = &state.newest
            && newest.step > question.0
            && newest.generation > told.generation
            && !newest.expiry.has_passed(now)
        {
            let (generation, life) = (newest.generation, newest.expiry.left(now));
            return Told { text: newest.text.clone(), life, generation };
        }
        let step = state.step();
        let (generation, text) = (told.generation, told.text.clone());
        state.newest = Some(Newest { generation, text, expiry: now.after(told.life), step });
        told
    }

    /// The hub's generation of this token, if it is the newest.
    pub(super) fn generation_of(&self, text: &str) -> Option<u64> {
        self.state().newest.as_ref().filter(|newest| newest.text == text).map(|newest| newest.generation)
    }

    /// The newest token's text, for a look whether something quotes it.
    pub(super) fn text(&self) -> Option<String> {
        self.state().newest.as_ref().map(|newest| newest.text.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn step(&mut self) -> u64 {
        self.steps += 1;
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    fn told(generation: u64) -> Told {
        Told { text: format!("token-{generation}"), life: Duration::from_secs(7200), generation }
    }

    #[test]
    fn an_answer_that_was_held_up_puts_no_older_token_in_the_place_of_a_newer_one() {
        let (known, now) = (Known::default(), Clock::default().now());
        let (slow, quick) = (known.ask(), known.ask());
        assert_eq!(known.learn(quick, told(5), now).generation, 5);
        let late = known.learn(slow, told(4), now);
        assert_eq!((late.generation, late.text.as_str()), (5, "token-5"));
        assert!(late.life > Duration::from_secs(7190));
        assert_eq!(known.generation_of("token-4"), None);
        assert_eq!(known.generation_of("token-5"), Some(5));
    }

    #[test]
    fn a_hub_that_counts_from_one_again_is_believed() {
        let (known, now) = (Known::default(), Clock::default().now());
        assert_eq!(known.learn(known.ask(), told(5), now).generation, 5);
        assert_eq!(known.learn(known.ask(), told(1), now).generation, 1);
        assert_eq!(known.generation_of("token-1"), Some(1));
    }

    #[test]
    fn a_newer_token_that_is_dead_by_now_is_not_handed_out() {
        let (known, now) = (Known::default(), Clock::default().now());
        let (slow, quick) = (known.ask(), known.ask());
        known.learn(quick, Told { life: Duration::ZERO, ..told(5) }, now);
        assert_eq!(known.learn(slow, told(4), now).generation, 4);
    }
}
