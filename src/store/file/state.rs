//! What the state file says, and for how long it holds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk::Files;
use crate::{
    clock::Moment,
    store::{Failure, Lease, Record, Snapshot, StoreError, Usage},
};

/// The version of the state file. A reader refuses any other rather than guess.
const FORMAT: u32 = 2;

/// How far in the future something may begin. Clocks are set back by less than this all the time, by NTP.
const SLACK_MILLIS: u64 = 1000;

/// All there is of an account.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    v: u32,
    pub(super) fence: u64,
    /// Of the lease with this fence.
    #[serde(default)]
    pub(super) owner: u64,
    pub(super) record: Option<Kept>,
    pub(super) failure: Option<Kept>,
    pub(super) usage: Option<Kept>,
    /// The latest generation that was noted as accepted.
    #[serde(default)]
    pub(super) accepted: u64,
    pub(super) lease: Option<Term>,
}

/// A record, a failure or the usage in its written form, into which nothing here looks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    written: String,
    term: Term,
}

/// A stretch of wall-clock time, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Term {
    /// Its beginning, since the Unix epoch.
    from: u64,
    life: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            v: FORMAT,
            fence: 0,
            owner: 0,
            record: None,
            failure: None,
            usage: None,
            accepted: 0,
            lease: None,
        }
    }
}

impl State {
    pub(super) fn encode(&self) -> Vec<u8> {
        // Plain structs of strings and numbers: there is nothing in them that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn decode(written: &[u8], files: &Files) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        // serde_json quotes the input in its errors, and the input holds a token: say where, not what.
        let torn = |error: serde_json::Error| {
            files.unreadable(&format!("is damaged or foreign (not readable from byte {} on)", error.column()))
        };
        let Version { v } = serde_json::from_slice(written).map_err(torn)?;
        if v != FORMAT {
            return Err(files.unreadable(&format!(
                "has format {v}, and this version reads only {FORMAT}: update this program"
            )));
        }
        serde_json::from_slice(written).map_err(torn)
    }

    /// Whether this is the latest lease, ended or not.
    pub(super) fn is_latest(&self, lease: &Lease) -> bool {
        (self.fence, self.owner) == (lease.fence, lease.owner)
    }

    /// What is left of the lease, as far as the clock knows.
    pub(super) fn leased(&self, now: Moment) -> Option<Duration> {
        self.lease.map(|lease| lease.left(now)).filter(|left| !left.is_zero())
    }

    /// What this says at this moment, if the lease's holder is `alive` or not.
    pub(super) fn snapshot(&self, now: Moment, alive: bool, files: &Files) -> Result<Snapshot, StoreError> {
        let unreadable = |error: StoreError| files.unreadable("cannot be read").with_source(error);
        let record = match &self.record {
            Some(kept) => Record::decode(kept.written.as_bytes(), kept.term.left(now)).map_err(unreadable)?,
            None => None,
        };
        // One that cannot be read keeps nobody from minting.
        let failure = self
            .failure
            .as_ref()
            .and_then(|kept| Failure::decode(kept.written.as_bytes(), kept.term.left(now)).ok());
        let usage = self.usage.as_ref().map_or_else(
            || Usage { accepted: self.accepted, ..Usage::default() },
            |kept| Usage::decode(kept.written.as_bytes(), kept.term.passed(now), self.accepted),
        );
        Ok(Snapshot::new(
            record,
            failure.filter(|failure| !failure.left.is_zero()),
            usage,
            self.leased(now).filter(|_| alive),
        ))
    }
}

impl Kept {
    pub(super) fn new(written: Vec<u8>, term: Term) -> Self {
        Self {
            // The written form is JSON, and that is UTF-8.
            written: String::from_utf8(written).unwrap_or_default(),
            term,
        }
    }

    /// Lasts for that term instead.
    pub(super) fn lasts(&mut self, term: Term) {
        self.term = term;
    }
}

impl Term {
    pub(super) fn new(now: Moment, life: Duration) -> Self {
        Self { from: now.unix_millis(), life: u64::try_from(life.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Never more than the whole of it. Nothing if it begins in the future: then the clock was set back since.
    pub(super) fn left(self, now: Moment) -> Duration {
        let now = now.unix_millis();
        if now.saturating_add(SLACK_MILLIS) < self.from {
            return Duration::ZERO;
        }
        let passed = now.saturating_sub(self.from);
        Duration::from_millis(self.life.saturating_sub(passed))
    }

    /// How long ago it began; nothing if that is in the future.
    fn passed(self, now: Moment) -> Duration {
        Duration::from_millis(now.unix_millis().saturating_sub(self.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const HOUR: Duration = Duration::from_secs(3600);
    const HOUR_MILLIS: i64 = 3_600_000;

    #[test]
    fn a_term_outlasts_no_setting_of_the_clock() {
        let clock = Clock::shiftable();
        let term = Term::new(clock.now(), HOUR);
        let left_after = |millis: i64| {
            clock.shift_wall(millis);
            let left = term.left(clock.now());
            clock.shift_wall(-millis);
            left
        };
        let about = |left: Duration, wanted: Duration| left.abs_diff(wanted) < Duration::from_secs(60);
        assert!(about(left_after(0), HOUR));
        assert!(about(left_after(HOUR_MILLIS / 2), HOUR / 2));
        assert_eq!(left_after(HOUR_MILLIS), Duration::ZERO, "over, or set forward");
        assert!(left_after(-200) <= HOUR, "set back a little by NTP: never more than its whole life");
        assert!(about(left_after(-200), HOUR));
        assert_eq!(left_after(-HOUR_MILLIS), Duration::ZERO, "set back by an hour");
        assert_eq!(left_after(-1_200), Duration::ZERO, "set back by more than the slack");
    }

    #[test]
    fn numbers_at_their_ends_do_not_overflow() {
        let now = Clock::default().now();
        let (from, life) = (u64::MAX, u64::MAX);
        assert_eq!(Term { from, life }.left(now), Duration::ZERO);
        assert!(Term { from: 0, life }.left(now) <= Duration::from_millis(life));
        assert_eq!(Term::new(now, Duration::MAX).life, u64::MAX);
    }
}
