//! [`Absent`]: the ids that the factory lately did not know.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use crate::secret::AppId;

/// How long an id is remembered.
pub(super) const REMEMBERED: Duration = Duration::from_secs(5);

/// How many are, and how long each may be, in bytes. The oldest give way, and longer ones are not remembered: whoever makes
/// ids up must not fill the memory.
const MOST: usize = 4096;
const LONGEST: usize = 128;

#[derive(Default)]
pub(super) struct Absent {
    ids: HashSet<AppId>,
    /// In the order in which they came, with the end of each.
    ends: VecDeque<(Instant, AppId)>,
}

impl Absent {
    pub(super) fn has(&mut self, app: &AppId, now: Instant) -> bool {
        self.forget_until(now);
        self.ids.contains(app)
    }

    pub(super) fn add(&mut self, app: &AppId, now: Instant) {
        let Some(end) = now.checked_add(REMEMBERED).filter(|_| app.as_str().len() <= LONGEST) else {
            return;
        };
        self.forget_until(now);
        if self.ends.len() == MOST
            && let Some((_, oldest)) = self.ends.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.ids.insert(app.clone());
        self.ends.push_back((end, app.clone()));
    }

    /// The id may be known by now. Its end stays in the list; if the id comes back before it, it is forgotten early.
    pub(super) fn remove(&mut self, app: &AppId) {
        self.ids.remove(app);
    }

    fn forget_until(&mut self, now: Instant) {
        while let Some((_, app)) = self.ends.front().filter(|(end, _)| *end <= now) {
            self.ids.remove(app);
            self.ends.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn app(number: usize) -> AppId {
        format!("wx{number:016x}").into()
    }

    #[test]
    fn an_id_is_remembered_for_its_time() {
        let start = Clock::default().now().monotonic;
        let mut absent = Absent::default();
        absent.add(&app(1), start);
        assert!(absent.has(&app(1), start + Duration::from_millis(4999)));
        assert!(!absent.has(&app(2), start));
        assert!(!absent.has(&app(1), start + REMEMBERED));
        assert!(absent.ids.is_empty() && absent.ends.is_empty());
    }

    #[test]
    fn ids_that_somebody_makes_up_take_no_more_than_their_room() {
        let now = Clock::default().now().monotonic;
        let mut absent = Absent::default();
        absent.add(&"y".repeat(LONGEST + 1).into(), now);
        assert!(absent.ids.is_empty() && absent.ends.is_empty());
        for number in 0..3 * MOST {
            absent.add(&app(number), now);
            // Known and unknown again, without end: that must not make the list longer either.
            absent.remove(&app(number));
            absent.add(&app(number), now);
        }
        assert!(absent.ids.len() <= MOST && absent.ends.len() == MOST);
        assert!(absent.has(&app(3 * MOST - 1), now) && !absent.has(&app(0), now));
    }
}
