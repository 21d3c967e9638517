//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// While the server cannot be reached: it is to be found within a second of its return.
const AWAY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// While the server refuses this store: somebody must change a setting, and many hosts of many processes ask.
const REFUSED: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));

/// Pauses that double, from the shortest to the longest of their kind.
#[derive(Default)]
pub(super) struct Pauses {
    away: u32,
    refused: u32,
}

impl Pauses {
    /// All is well: they begin from the shortest again.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The next pause while the server cannot be reached. `random` is below one: many processes lose a server at the
    /// same moment.
    pub(super) fn away(&mut self, random: f64) -> Duration {
        self.refused = 0;
        next(AWAY, &mut self.away, random)
    }

    /// The next pause while the server refuses this store.
    pub(super) fn refused(&mut self, random: f64) -> Duration {
        self.away = 0;
        next(REFUSED, &mut self.refused, random)
    }
}

/// From half of the pause to the whole.
fn next((shortest, longest): (Duration, Duration), count: &mut u32, random: f64) -> Duration {
    let pause = shortest.saturating_mul(1 << (*count).min(10)).min(longest);
    *count = count.saturating_add(1);
    pause.mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_away_is_looked_for_more_often_than_once_a_second() {
        let mut pauses = Pauses::default();
        let millis: Vec<_> = (0..7).map(|_| pauses.away(1.0).as_millis()).collect();
        assert_eq!(millis, [20, 40, 80, 160, 320, 500, 500]);
        assert_eq!(pauses.away(0.0).as_millis(), 250);
        pauses.reset();
        assert_eq!(pauses.away(1.0).as_millis(), 20);
        for _ in 0..100 {
            assert!(pauses.away(1.0) <= Duration::from_millis(500));
        }
    }

    #[test]
    fn a_server_that_refuses_is_asked_ever_more_rarely() {
        let mut pauses = Pauses::default();
        pauses.away(1.0);
        let seconds: Vec<_> = (0..5).map(|_| pauses.refused(1.0).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 40, 60, 60]);
        assert_eq!(pauses.refused(0.0).as_secs(), 30);
        assert_eq!(pauses.away(1.0).as_millis(), 20, "it is another server, or has been changed");
        assert_eq!(pauses.refused(1.0).as_secs(), 10);
    }
}
