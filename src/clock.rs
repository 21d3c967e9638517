//! The only place that reads a clock.
//!
//! Every moment is read from two clocks. The monotonic clock cannot be set, but stops while a machine is suspended; the
//! wall clock goes on, but somebody may set it. A [`Deadline`] has passed as soon as *either* says so, which errs towards
//! an early refresh and never towards a dead token.

#![allow(clippy::disallowed_methods)]

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) monotonic: Instant,
    pub(crate) wall: SystemTime,
}

impl Moment {
    /// Milliseconds since the Unix epoch, zero for a wall clock set before it.
    pub(crate) fn unix_millis(self) -> u64 {
        let since = self.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// How long ago `earlier` was, by the clock that says longest.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        monotonic.max(wall)
    }

    /// How long ago `earlier` was, by the monotonic clock alone: nobody can set it forward, so it never says too much.
    pub(crate) fn ran_since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_duration_since(earlier.monotonic)
    }

    /// The deadline `life` from this moment.
    pub(crate) fn after(self, life: Duration) -> Deadline {
        Deadline(Self {
            monotonic: self.monotonic.checked_add(life).unwrap_or(self.monotonic),
            wall: self.wall.checked_add(life).unwrap_or(self.wall),
        })
    }
}

/// A moment to come; it has passed when either clock says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Moment);

impl Deadline {
    /// What is left of it, by the clock that says least; zero when it has passed.
    pub(crate) fn left(self, now: Moment) -> Duration {
        let monotonic = self.0.monotonic.saturating_duration_since(now.monotonic);
        let wall = self.0.wall.duration_since(now.wall).unwrap_or_default();
        monotonic.min(wall)
    }

    pub(crate) fn has_passed(self, now: Moment) -> bool {
        now.monotonic >= self.0.monotonic || now.wall >= self.0.wall
    }

    /// The moment `before` it; one that has passed if there is none.
    pub(crate) fn less(self, before: Duration) -> Self {
        let Moment { monotonic, wall } = self.0;
        Self(Moment {
            monotonic: monotonic.checked_sub(before).unwrap_or(monotonic),
            wall: wall.checked_sub(before).unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// Reads the time: the machine's own, or one that a test moves.
///
/// The monotonic reading is tokio's, so that a paused runtime moves it too.
#[derive(Clone, Default)]
pub(crate) struct Clock(Option<Arc<Shifted>>);

struct Shifted {
    origin: Moment,
    wall_offset_millis: AtomicI64,
}

impl Clock {
    /// A wall clock that runs with tokio's (so it stands still while that is paused) and can be set.
    #[cfg_attr(not(any(test, feature = "testing")), allow(dead_code))]
    pub(crate) fn shiftable() -> Self {
        Self(Some(Arc::new(Shifted { origin: Self(None).now(), wall_offset_millis: AtomicI64::new(0) })))
    }

    /// Moves the wall clock, and only that. Does nothing to the machine's own clock.
    #[cfg_attr(not(any(test, feature = "testing")), allow(dead_code))]
    pub(crate) fn shift_wall(&self, by_millis: i64) {
        if let Some(shifted) = &self.0 {
            shifted.wall_offset_millis.fetch_add(by_millis, Ordering::SeqCst);
        }
    }

    pub(crate) fn now(&self) -> Moment {
        let monotonic = tokio::time::Instant::now().into_std();
        let wall = match &self.0 {
            None => SystemTime::now(),
            Some(shifted) => {
                let ran = monotonic.saturating_duration_since(shifted.origin.monotonic);
                let offset = shifted.wall_offset_millis.load(Ordering::SeqCst);
                let moved = Duration::from_millis(offset.unsigned_abs());
                let base = shifted.origin.wall + ran;
                if offset < 0 { base - moved } else { base + moved }
            }
        };
        Moment { monotonic, wall }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(shiftable)" } else { "Clock(system)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_deadline_passes_when_either_clock_says_so() {
        let clock = Clock::shiftable();
        let deadline = clock.now().after(HOUR);
        assert!(!deadline.has_passed(clock.now()));
        clock.shift_wall(3_600_000);
        assert!(deadline.has_passed(clock.now()), "suspended for an hour, or set forward");
        clock.shift_wall(-7_200_000);
        let back = clock.now();
        assert!(!deadline.has_passed(back), "set back");
        let later = Moment { monotonic: back.monotonic + HOUR, wall: back.wall };
        assert!(deadline.has_passed(later), "the monotonic clock alone");
    }

    #[test]
    fn an_absurd_life_does_not_overflow() {
        let now = Clock::default().now();
        assert!(now.after(Duration::MAX).has_passed(now));
    }
}
