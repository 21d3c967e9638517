//! What happened lately, and what it forbids for a while.

use std::time::{Duration, Instant};

use super::{budget::PassiveBudget, policy::Restraint};
use crate::{
    clock::{Deadline, Moment},
    error::{ErrorKind, TokenError},
};

/// Doubles from the first to the last with every failure in a row.
const AFTER_TRANSIENT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A wrong secret does not get right by itself, and WeCom bans an address for an hour after repeated bad secrets
/// (<https://developer.work.weixin.qq.com/document/path/90313>).
const AFTER_PERMANENT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// No failure is for ever, whatever an issuer or a store asks for: quotas begin anew every day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// A token that is rejected with more of its life than this to go was not lost to a clock.
const LONG_BEFORE_EXPIRY: Duration = Duration::from_secs(600);
const AN_HOUR: Duration = Duration::from_secs(3600);

/// The recent past of one account.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// What a fetch under way has met and not given up for, as far as callers are concerned whose patience ends first.
    pub(crate) trouble: Option<TokenError>,
    failures: u32,
    /// Boxed, for an account that is well has none, and there may be many.
    failed: Option<Box<(Deadline, TokenError)>>,
    unchanged: Option<Deadline>,
    budget: PassiveBudget,
    /// Forced refreshes, in Unix milliseconds: also those that failed, which no store knows of.
    pub(super) forced: Vec<u64>,
    early_rejection: Option<Instant>,
    alarmed: Option<Instant>,
}

impl History {
    /// A mint failed. Says for how long nobody should try again.
    pub(crate) fn failed(&mut self, error: &TokenError, now: Moment) -> Duration {
        let (first, last) = if error.is_transient() { AFTER_TRANSIENT } else { AFTER_PERMANENT };
        let doubled = first.saturating_mul(1 << self.failures.min(16)).min(last);
        let jittered = doubled.mul_f64(0.75 + 0.5 * fastrand::f64());
        let wait = jittered.max(error.retry_after().unwrap_or_default()).min(LONGEST);
        self.failures += 1;
        self.hold_back(error, wait, now);
        wait
    }

    /// Another process's mint failed, or the store did, and nobody should try again for `wait`.
    pub(crate) fn hold_back(&mut self, error: &TokenError, wait: Duration, now: Moment) {
        self.failed = Some(Box::new((now.after(wait.min(LONGEST)), error.clone())));
    }

    /// There is a new token.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.failed = None;
        self.unchanged = None;
    }

    /// Asking again before `wait` has passed would bring nothing new.
    pub(crate) fn unchanged(&mut self, wait: Duration, now: Moment) {
        self.unchanged = Some(now.after(wait));
    }

    /// Takes one passive refresh from the budget.
    pub(crate) fn spend(&mut self, now: Moment) -> Result<(), Duration> {
        self.budget.take(now)
    }

    /// What all this forbids at the moment.
    pub(crate) fn restraint(&self, now: Moment) -> Restraint {
        Restraint {
            failed: self.failed.as_ref().is_some_and(|failed| !failed.0.has_passed(now)),
            unchanged: self.unchanged.is_some_and(|end| !end.has_passed(now)),
        }
    }

    /// How long all this forbids anything.
    pub(crate) fn pause(&self, now: Moment) -> Duration {
        let failed = self.failed.as_ref().map_or(Duration::ZERO, |failed| failed.0.left(now));
        failed.max(self.unchanged.map_or(Duration::ZERO, |end| end.left(now)))
    }

    /// The error for a caller who comes while nothing may be asked.
    pub(crate) fn backed_off(&self, now: Moment) -> TokenError {
        if let Some((end, error)) = self.failed.as_deref().filter(|(end, _)| !end.has_passed(now)) {
            return error.clone().with_kind(ErrorKind::BackedOff).with_retry_after(end.left(now));
        }
        let wait = self.unchanged.map_or(Duration::ZERO, |end| end.left(now));
        TokenError::new(
            ErrorKind::BackedOff,
            "the last refresh brought no better token, and it is too early to ask again",
        )
        .with_transient(true)
        .with_retry_after(wait)
    }

    /// WeChat rejected the present token, which had `left` to live. Whether that means, for the first time in an hour,
    /// that somebody else mints for this app: a token does not die early by itself twice in an hour.
    pub(crate) fn rejected(&mut self, left: Duration, now: Moment) -> bool {
        if left < LONG_BEFORE_EXPIRY {
            return false;
        }
        let now = now.monotonic;
        let within_the_hour = |at: Option<Instant>| at.is_some_and(|at| now.duration_since(at) < AN_HOUR);
        let again = within_the_hour(self.early_rejection);
        self.early_rejection = Some(now);
        let alarm = again && !within_the_hour(self.alarmed);
        if alarm {
            self.alarmed = Some(now);
        }
        alarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn later(now: Moment, step: Duration) -> Moment {
        Moment { monotonic: now.monotonic + step, wall: now.wall + step }
    }

    #[test]
    fn back_off_grows_by_class_and_ends_with_a_success() {
        let now = Clock::default().now();
        for (error, first, last) in
            [(TokenError::transient("busy"), 0.5, 30.0), (TokenError::permanent("wrong secret"), 5.0, 300.0)]
        {
            let mut history = History::default();
            let waits: Vec<f64> = (0..40).map(|_| history.failed(&error, now).as_secs_f64()).collect();
            assert!((0.75 * first..=1.25 * first).contains(&waits[0]), "{}", waits[0]);
            assert!((0.75 * last..=1.25 * last).contains(&waits[39]), "{}", waits[39]);
            assert!(history.restraint(now).failed);
            assert!(
                !history.restraint(later(now, Duration::from_secs(400))).failed,
                "no failure is for ever"
            );
            history.succeeded();
            assert!(!history.restraint(now).failed);
            assert!(history.failed(&error, now).as_secs_f64() <= 1.25 * first);
        }
    }

    #[test]
    fn the_platform_may_ask_for_more() {
        let now = Clock::default().now();
        let error = TokenError::transient("per minute").with_retry_after(Duration::from_secs(60));
        assert!(History::default().failed(&error, now) >= Duration::from_secs(60));
    }

    #[test]
    fn for_ever_is_a_day() {
        let now = Clock::default().now();
        let error = TokenError::transient("never").with_retry_after(Duration::MAX);
        let (mut own, mut others) = (History::default(), History::default());
        assert_eq!(own.failed(&error, now), LONGEST);
        others.hold_back(&error, Duration::MAX, now);
        for history in [own, others] {
            assert_eq!(history.pause(now), LONGEST);
            assert!(history.restraint(now).failed && !history.restraint(later(now, LONGEST)).failed);
        }
    }

    #[test]
    fn the_second_early_rejection_in_an_hour_is_an_alarm_once() {
        let (mut history, now) = (History::default(), Clock::default().now());
        let minutes = |n: u64| later(now, Duration::from_secs(60 * n));
        assert!(!history.rejected(AN_HOUR, now));
        assert!(!history.rejected(Duration::from_secs(100), minutes(1)), "that one was old");
        assert!(history.rejected(AN_HOUR, minutes(10)));
        assert!(!history.rejected(AN_HOUR, minutes(20)), "said already");
        assert!(history.rejected(AN_HOUR, minutes(71)));
    }
}
