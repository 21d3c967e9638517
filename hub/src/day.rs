//! [`Day`]: what the last day has brought, hour by hour.

use tower_wechat::Stats;

/// Hours in a day.
pub(crate) const HOURS: usize = 24;

/// What has happened, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) cold: u64,
    pub(crate) ahead: u64,
    pub(crate) rejected: u64,
    pub(crate) forced: u64,
    pub(crate) failures: u64,
    pub(crate) store_failures: u64,
}

impl Happened {
    fn of(stats: &Stats) -> Self {
        Self {
            cold: stats.mints_cold,
            ahead: stats.mints_ahead,
            rejected: stats.mints_rejected,
            forced: stats.mints_forced,
            failures: stats.mint_failures,
            store_failures: stats.store_failures,
        }
    }

    /// The mints: cold, ahead, rejected, forced.
    pub(crate) fn mints(&self) -> [u64; 4] {
        [self.cold, self.ahead, self.rejected, self.forced]
    }

    fn with(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            cold: join(self.cold, other.cold),
            ahead: join(self.ahead, other.ahead),
            rejected: join(self.rejected, other.rejected),
            forced: join(self.forced, other.forced),
            failures: join(self.failures, other.failures),
            store_failures: join(self.store_failures, other.store_failures),
        }
    }
}

/// What the last day has brought. A cache counts from its beginning on; this keeps what was added, and when.
#[derive(Clone, Debug)]
pub(crate) struct Day {
    /// The counts as they were looked at last.
    seen: Happened,
    /// The present hour, in hours since 1970.
    hour: u64,
    /// The present hour first.
    hours: [Happened; HOURS],
}

impl Day {
    /// Begins with the counts as they are.
    pub(crate) fn new(stats: &Stats, unix_seconds: u64) -> Self {
        Self { seen: Happened::of(stats), hour: unix_seconds / 3600, hours: Default::default() }
    }

    /// Goes on with the counts of another cache.
    pub(crate) fn follow(&mut self, stats: &Stats) {
        self.seen = Happened::of(stats);
    }

    /// Takes what was added since the last time for the present hour's.
    pub(crate) fn sample(&mut self, stats: &Stats, unix_seconds: u64) {
        let hour = unix_seconds / 3600;
        // A clock that was set back takes nothing away.
        let passed = usize::try_from(hour.saturating_sub(self.hour)).unwrap_or(HOURS).min(HOURS);
        self.hours.rotate_right(passed % HOURS);
        self.hours[..passed].fill(Happened::default());
        self.hour = hour;
        let now = Happened::of(stats);
        let added = now.with(self.seen, u64::saturating_sub);
        self.hours[0] = self.hours[0].with(added, u64::saturating_add);
        self.seen = now;
    }

    /// Hour by hour, the present one first.
    pub(crate) fn hours(&self) -> &[Happened; HOURS] {
        &self.hours
    }

    /// The whole of it.
    pub(crate) fn whole(&self) -> Happened {
        self.hours.iter().fold(Happened::default(), |whole, hour| whole.with(*hour, u64::saturating_add))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_790_000_000 / 3600 * 3600;

    fn stats(cold: u64, ahead: u64) -> Stats {
        let mut stats = Stats::default();
        (stats.mints_cold, stats.mints_ahead) = (cold, ahead);
        stats
    }

    fn ahead(day: &Day) -> Vec<u64> {
        day.hours().iter().map(|hour| hour.ahead).collect()
    }

    #[test]
    fn what_was_added_belongs_to_its_hour_and_is_gone_after_a_day() {
        let mut day = Day::new(&stats(7, 0), START);
        assert_eq!(day.whole(), Happened::default(), "what was before is not the day's");
        day.sample(&stats(8, 1), START + 10);
        day.sample(&stats(8, 2), START + 3599);
        day.sample(&stats(8, 3), START + 3600);
        day.sample(&stats(8, 3), START + 5 * 3600);
        assert_eq!(ahead(&day)[..6], [0, 0, 0, 0, 1, 2]);
        assert_eq!(day.whole().mints(), [1, 3, 0, 0]);
        day.sample(&stats(8, 3), START + 24 * 3600 - 1);
        assert_eq!(day.whole().ahead, 3);
        day.sample(&stats(8, 3), START + 24 * 3600);
        assert_eq!((day.whole().mints(), ahead(&day)[23]), ([0, 1, 0, 0], 1));
        day.sample(&stats(8, 4), START + 1000 * 3600);
        assert_eq!((day.whole().mints(), ahead(&day)[0]), ([0, 1, 0, 0], 1), "exactly a day, or many");
    }

    #[test]
    fn a_clock_that_is_set_takes_nothing_away() {
        let mut day = Day::new(&stats(0, 0), START);
        day.sample(&stats(0, 2), START);
        day.sample(&stats(0, 3), START - 50 * 3600);
        assert_eq!(ahead(&day)[..2], [3, 0]);
        day.sample(&stats(0, 4), START - 49 * 3600);
        assert_eq!(ahead(&day)[..2], [1, 3]);
    }

    #[test]
    fn another_cache_counts_from_its_own_beginning() {
        let mut day = Day::new(&stats(0, 0), START);
        day.sample(&stats(1, 5), START);
        day.follow(&stats(0, 0));
        day.sample(&stats(1, 0), START + 60);
        assert_eq!(day.whole().mints(), [2, 5, 0, 0]);
    }
}
