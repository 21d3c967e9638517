//! Budgets: how often the cache may mint because WeChat rejected a token, and how often it may force.

use std::time::Duration;

use crate::clock::Moment;

/// Rejections in a row that are answered with a mint each.
const BURST: u32 = 5;
/// After those, one more each time this has passed.
const REFILL: Duration = Duration::from_secs(60);

/// WeChat allows 20 forced refreshes a day, 30 s apart
/// (<https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html>).
const FORCED_A_DAY: usize = 20;
const FORCED_APART_MILLIS: u64 = 30_000;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// A bucket of passive refreshes: two programs that mint for one app, each killing the other's token, must not spend the
/// 2 000 mints of a day on it (<https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html>).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PassiveBudget {
    spent: u32,
    /// When the refill of the oldest spent one began.
    since: Option<Moment>,
}

impl PassiveBudget {
    /// Takes one, or says how long to wait for the next.
    pub(crate) fn take(&mut self, now: Moment) -> Result<(), Duration> {
        if let Some(since) = self.since {
            let refills = u32::try_from(now.since(since).as_secs() / REFILL.as_secs()).unwrap_or(u32::MAX);
            self.spent = self.spent.saturating_sub(refills);
            self.since = (self.spent > 0).then_some(if refills == 0 { since } else { now });
        }
        if self.spent < BURST {
            self.spent += 1;
            self.since.get_or_insert(now);
            return Ok(());
        }
        Err(self.since.map_or(REFILL, |since| REFILL.saturating_sub(now.since(since))))
    }
}

/// Forgets the forced refreshes that are more than a day old.
pub(crate) fn forced_today(forced: &[u64], now: Moment) -> Vec<u64> {
    let now = now.unix_millis();
    // A time to come was written by a process whose clock is ahead: it counts as now.
    forced.iter().map(|at| (*at).min(now)).filter(|at| now - at < DAY_MILLIS).collect()
}

/// Whether one more forced refresh is allowed after these of today.
pub(crate) fn may_force(today: &[u64], now: Moment) -> bool {
    let now = now.unix_millis();
    today.len() < FORCED_A_DAY && today.iter().all(|at| now.saturating_sub(*at) >= FORCED_APART_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn later(now: Moment, secs: u64) -> Moment {
        let step = Duration::from_secs(secs);
        Moment { monotonic: now.monotonic + step, wall: now.wall + step }
    }

    #[test]
    fn five_at_once_then_one_a_minute() {
        let start = Clock::default().now();
        let mut budget = PassiveBudget::default();
        for _ in 0..BURST {
            budget.take(start).unwrap();
        }
        assert_eq!(budget.take(later(start, 20)), Err(Duration::from_secs(40)));
        budget.take(later(start, 60)).unwrap();
        assert!(budget.take(later(start, 61)).is_err());
        let a_day: u32 = (0..86_400).map(|s| u32::from(budget.take(later(start, 100 + s)).is_ok())).sum();
        assert!((1430..=1450).contains(&a_day), "{a_day} in a day");
    }

    #[test]
    fn a_quiet_hour_fills_it_again() {
        let start = Clock::default().now();
        let mut budget = PassiveBudget::default();
        while budget.take(start).is_ok() {}
        let hour = later(start, 3600);
        assert_eq!((0..10).filter(|_| budget.take(hour).is_ok()).count(), 5);
    }

    #[test]
    fn forced_refreshes_are_counted_over_a_day() {
        let now = Clock::default().now();
        let at = now.unix_millis();
        assert!(may_force(&[], now));
        assert!(!may_force(&[at - 29_999], now));
        assert!(may_force(&[at - 30_000], now));
        assert!(!may_force(&[at - 60_000; 20], now));
        assert_eq!(forced_today(&[at - DAY_MILLIS, at - DAY_MILLIS + 1, at + 3_600_000], now).len(), 2);
    }
}
