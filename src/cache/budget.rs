//! Budgets: how often the cache may mint because WeChat rejected a token, and how often it may force. They are kept as
//! [`Usage`], with the account and not with the process.

use std::time::Duration;

use crate::{issuer::Allowance, store::Usage};

/// Refreshes after which the new token was rejected, too: the API refuses for a reason that no token helps against.
const FUTILE: Allowance = Allowance { at_once: 5, every: Duration::from_secs(300) };
/// A token that is rejected sooner than this after its mint has helped nobody, as far as anybody knows.
const YOUNG: Duration = Duration::from_secs(30);

/// WeChat allows 20 forced refreshes a day, 30 s apart
/// (<https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html>).
const FORCED_A_DAY: usize = 20;
const FORCED_APART: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The same forced refresh, as two processes remember it, is never further apart.
const SAME: Duration = Duration::from_secs(10);

/// A token that WeChat rejected, and that is to be replaced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rejected {
    pub(crate) generation: u64,
    /// How long ago it was minted.
    pub(crate) age: Duration,
    /// Whether a request that had been rejected before was accepted with it, or rejected once more, where that is known.
    pub(crate) helped: Option<bool>,
}

/// Takes one refresh from the budgets, or says how long until there is one.
pub(crate) fn take_refresh(
    usage: &mut Usage,
    rejected: Rejected,
    allowance: Allowance,
) -> Result<(), Duration> {
    let allowance = Allowance::new(allowance.at_once, allowance.every.min(DAY));
    // Whatever was kept: nobody waits longer than for one budget to fill up.
    usage.refreshes = usage.refreshes.min(whole(allowance));
    usage.futile = usage.futile.min(whole(FUTILE));
    if usage.refreshed == rejected.generation {
        let helped = usage.accepted >= rejected.generation;
        let helped = helped || rejected.helped.unwrap_or(rejected.age >= YOUNG);
        if !helped {
            usage.futile = (usage.futile + FUTILE.every).min(whole(FUTILE));
        }
        // Judged once.
        usage.refreshed = 0;
    }
    let wait = until_one(usage.futile, FUTILE).max(until_one(usage.refreshes, allowance));
    if !wait.is_zero() {
        return Err(wait);
    }
    usage.refreshes = usage.refreshes.saturating_add(allowance.every);
    Ok(())
}

/// Puts one refresh back that has come to nothing.
pub(crate) fn put_back(usage: &mut Usage, allowance: Allowance) {
    usage.refreshes = usage.refreshes.saturating_sub(allowance.every.min(DAY));
}

/// How many refreshes there are at the moment: in all, and of those that do not help.
pub(crate) fn refreshes_left(usage: &Usage, allowance: Allowance) -> (u32, u32) {
    let allowance = Allowance::new(allowance.at_once, allowance.every.min(DAY));
    (left(usage.refreshes, allowance), left(usage.futile, FUTILE))
}

/// How many there are, if it takes so long until the budget is whole.
fn left(spent: Duration, allowance: Allowance) -> u32 {
    let free = whole(allowance).saturating_sub(spent);
    let left = free.as_nanos().checked_div(allowance.every.as_nanos());
    // With no time between two of them there is no end to them.
    left.map_or(allowance.at_once, |left| u32::try_from(left).unwrap_or(u32::MAX).min(allowance.at_once))
}

/// How long it takes to fill from nothing.
fn whole(allowance: Allowance) -> Duration {
    allowance.every.saturating_mul(allowance.at_once)
}

/// How long until there is one, if it takes so long until the budget is whole.
fn until_one(spent: Duration, allowance: Allowance) -> Duration {
    spent.saturating_add(allowance.every).saturating_sub(whole(allowance))
}

/// Takes one forced refresh from the budget, if there is one.
pub(crate) fn take_forced(usage: &mut Usage) -> bool {
    usage.forced.retain(|ago| *ago < DAY);
    let allowed = usage.forced.len() < FORCED_A_DAY && usage.forced.iter().all(|ago| *ago >= FORCED_APART);
    if allowed {
        usage.forced.push(Duration::ZERO);
    }
    allowed
}

/// What was used, as the store knows it and as this process does: it may have gone on while the store was out of reach.
pub(crate) fn merged(stored: Usage, own: &Usage) -> Usage {
    let mut forced = stored.forced;
    for ago in &own.forced {
        if !forced.iter().any(|other| other.abs_diff(*ago) < SAME) {
            forced.push(*ago);
        }
    }
    Usage {
        forced,
        refreshes: stored.refreshes.max(own.refreshes),
        futile: stored.futile.max(own.futile),
        // Whoever judged it last has said so there.
        refreshed: stored.refreshed,
        accepted: stored.accepted.max(own.accepted),
        failures: stored.failures,
        credential: stored.credential,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: Allowance = Allowance { at_once: 60, every: Duration::from_secs(100) };

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Refreshes as they come: each rejects the token that the one before brought.
    struct Refreshes {
        usage: Usage,
        generation: u64,
    }

    impl Refreshes {
        fn new() -> Self {
            Self { usage: Usage::default(), generation: 1 }
        }

        /// The present token is rejected, so long after it was minted.
        fn rejected(&mut self, age: Duration, helped: Option<bool>) -> Result<(), Duration> {
            self.usage = std::mem::take(&mut self.usage).aged(age);
            let rejected = Rejected { generation: self.generation, age, helped };
            take_refresh(&mut self.usage, rejected, CLASSIC)?;
            self.generation += 1;
            self.usage.refreshed = self.generation;
            Ok(())
        }

        /// How many of a day's rejections, one every `secs`, are answered with a mint.
        fn a_day(&mut self, every: Duration, helped: Option<bool>) -> usize {
            let times = 86_400 / every.as_secs();
            (0..times).filter(|_| self.rejected(every, helped).is_ok()).count()
        }
    }

    #[test]
    fn refreshes_that_help_are_cheap_and_those_that_do_not_are_few() {
        for (every, helped, least, most) in [
            (secs(5), Some(true), 900, 930),
            (secs(100), Some(true), 864, 864),
            (secs(5), Some(false), 285, 300),
            // Nobody knows: it is told by its age.
            (secs(5), None, 285, 300),
            (secs(60), None, 870, 930),
        ] {
            let minted = Refreshes::new().a_day(every, helped);
            assert!((least..=most).contains(&minted), "{minted} in a day, one every {every:?}, {helped:?}");
        }
    }

    #[test]
    fn five_futile_ones_at_once_and_the_wait_is_the_true_one() {
        let mut refreshes = Refreshes::new();
        for _ in 0..5 {
            refreshes.rejected(secs(1), Some(false)).unwrap();
        }
        let wait = refreshes.rejected(secs(1), Some(false)).unwrap_err();
        assert_eq!(wait, secs(296), "the first of the five has four seconds behind it");
        assert_eq!(refreshes.rejected(secs(6), Some(false)), Err(secs(290)), "asking again costs nothing");
        assert!(refreshes.rejected(secs(289), Some(false)).is_err());
        refreshes.rejected(secs(1), Some(false)).unwrap();
    }

    #[test]
    fn one_process_that_saw_it_help_is_enough() {
        let mut refreshes = Refreshes::new();
        for _ in 0..20 {
            refreshes.usage.accepted = refreshes.generation;
            refreshes.rejected(secs(1), Some(false)).unwrap();
        }
    }

    #[test]
    fn a_token_that_no_refresh_brought_says_nothing_of_one() {
        let mut usage = Usage { refreshed: 3, ..Usage::default() };
        let rejected = Rejected { generation: 4, age: secs(1), helped: Some(false) };
        take_refresh(&mut usage, rejected, CLASSIC).unwrap();
        assert_eq!((usage.futile, usage.refreshes), (Duration::ZERO, secs(100)));
    }

    #[test]
    fn whatever_was_kept_nobody_waits_longer_than_a_budget_takes_to_fill() {
        let mut usage = Usage { refreshes: secs(86_400 * 365), futile: Duration::MAX, ..Usage::default() };
        let rejected = Rejected { generation: 4, age: secs(1), helped: None };
        assert_eq!(take_refresh(&mut usage, rejected, CLASSIC), Err(secs(300)));
        assert_eq!(usage.refreshes, secs(6000), "and it is kept so");
        let none = Allowance { at_once: 0, every: secs(1) };
        assert_eq!(take_refresh(&mut Usage::default(), rejected, none), Err(secs(1)));
    }

    #[test]
    fn what_is_left_is_what_can_be_taken() {
        let mut refreshes = Refreshes::new();
        assert_eq!(refreshes_left(&refreshes.usage, CLASSIC), (60, 5));
        for left in (0..5).rev() {
            refreshes.rejected(secs(1), Some(false)).unwrap();
            // The last of them is not judged yet.
            assert_eq!(refreshes_left(&refreshes.usage, CLASSIC), (55 + left, left + 1));
        }
        assert!(refreshes.rejected(secs(1), Some(false)).is_err());
        assert_eq!(refreshes_left(&refreshes.usage, CLASSIC).1, 0);
        let none = Allowance { at_once: 0, every: secs(1) };
        let odd = Usage { refreshes: Duration::MAX, ..Usage::default() };
        assert_eq!(refreshes_left(&odd, none), (0, 5));
        assert_eq!(refreshes_left(&odd, Allowance { at_once: 3, every: Duration::ZERO }).0, 3);
    }

    #[test]
    fn forced_refreshes_are_counted_over_a_day() {
        let mut usage = Usage::default();
        let mut day = Vec::new();
        for second in 0..86_400 * 2 {
            usage = usage.aged(secs(1));
            if take_forced(&mut usage) {
                day.push(second);
            }
        }
        assert_eq!(day.len(), 40);
        assert!(day.windows(2).all(|pair| pair[1] - pair[0] >= 30));
        assert!((0..20).all(|at| day[at + 20] - day[at] == 86_400), "twenty a day, and no fewer");
    }

    #[test]
    fn what_two_have_seen_counts_once() {
        let stored = Usage { forced: vec![secs(100)], refreshes: secs(5), failures: 1, ..Usage::default() };
        let own = Usage {
            forced: vec![secs(101), secs(90), secs(40)],
            futile: secs(7),
            failures: 3,
            ..Usage::default()
        };
        let whole = merged(stored, &own);
        assert_eq!(whole.forced, [secs(100), secs(90), secs(40)]);
        assert_eq!((whole.refreshes, whole.futile), (secs(5), secs(7)));
        assert_eq!(whole.failures, 1, "whoever failed last has said so there");
    }
}
