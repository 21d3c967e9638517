//! What happened lately, and what it forbids for a while.

use std::time::Duration;

use super::policy::HeldBack;
use crate::{
    clock::{Deadline, Moment},
    error::{ErrorKind, TokenError},
    store::Usage,
};

/// Doubles from the first to the last with every failure in a row.
const AFTER_TRANSIENT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A wrong secret does not get right by itself, and WeCom bans an address for an hour after repeated bad secrets
/// (<https://developer.work.weixin.qq.com/document/path/90313>).
const AFTER_PERMANENT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// No failure is for ever, whatever an issuer or a store asks for: quotas begin anew every day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Failures in a row that are counted; the pause has long stopped growing.
const MOST_FAILURES: u32 = 16;

/// The recent past of one account.
#[derive(Debug, Default)]
pub(super) struct History {
    /// What a fetch under way has met and not given up for: the error for callers who cannot wait for its end.
    so_far: Option<TokenError>,
    /// Mints that failed in a row, as far as this process knows.
    failures: u32,
    /// Boxed, for an account that is well has none, and there may be many.
    failed: Option<Box<(Deadline, TokenError)>>,
    /// The last mint of this process that failed, whatever came after it.
    last: Option<Box<(TokenError, Moment)>>,
    unchanged: Option<Deadline>,
    spent: Option<Deadline>,
    /// As it was at that moment, as far as this process knows.
    usage: Option<Box<(Usage, Moment)>>,
    /// Somebody says that what was wrong has been mended: no failure counts for the next fetch.
    mended: bool,
}

impl History {
    /// A mint failed, after so many failures in a row of this account, whoever's. Says for how long nobody should try again.
    pub(super) fn failed(&mut self, error: &TokenError, in_a_row: u32, now: Moment) -> Duration {
        self.last = Some(Box::new((error.clone(), now)));
        self.failures = self.failures.max(in_a_row);
        let (first, last) = if error.is_transient() { AFTER_TRANSIENT } else { AFTER_PERMANENT };
        let asked = error.retry_after().unwrap_or_default();
        let doubled = first.max(asked).saturating_mul(1 << self.failures.min(MOST_FAILURES));
        let jittered = doubled.min(last).mul_f64(0.75 + 0.5 * fastrand::f64());
        let wait = jittered.max(asked).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Said while this mint was under way, it holds for the next.
        if !self.mended {
            self.hold_back(error, wait, now);
        }
        wait
    }

    /// Another process's mint failed, or the store did, and nobody should try again for `wait`.
    pub(super) fn hold_back(&mut self, error: &TokenError, wait: Duration, now: Moment) {
        self.failed = Some(Box::new((now.after(wait.min(LONGEST)), error.clone())));
    }

    /// There is a new token.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.failed = None;
        self.unchanged = None;
        self.spent = None;
        self.mended = false;
        if let Some(usage) = &mut self.usage {
            usage.0.failures = 0;
        }
    }

    /// Asking again before `wait` has passed would bring nothing new.
    pub(super) fn unchanged(&mut self, wait: Duration, now: Moment) {
        self.unchanged = Some(now.after(wait));
    }

    /// The budget is spent for `wait`.
    pub(super) fn spent(&mut self, wait: Duration, now: Moment) {
        self.spent = Some(now.after(wait));
    }

    /// What was wrong has been mended: the next mint may be at once. Should it fail, the pauses go on growing: whoever says
    /// so again and again must not get an address banned.
    pub(super) fn mend(&mut self) {
        self.failed = None;
        self.unchanged = None;
        self.mended = true;
    }

    /// A fetch begins: what an earlier one has met is no excuse for it. Whether failures that others have met count.
    pub(super) fn begin(&mut self) -> bool {
        self.so_far = None;
        !std::mem::take(&mut self.mended)
    }

    /// The fetch under way has met this, and goes on; or has met nothing any more.
    pub(super) fn met(&mut self, error: Option<TokenError>) {
        self.so_far = error;
    }

    /// What the fetch under way has met.
    pub(super) fn so_far(&self) -> Option<TokenError> {
        self.so_far.clone()
    }

    /// The last mint of this process that failed, and how long ago, whatever came after it.
    pub(super) fn last_failure(&self, now: Moment) -> Option<(&TokenError, Duration)> {
        self.last.as_deref().map(|(error, at)| (error, now.since(*at)))
    }

    /// The failure that forbids a mint at the moment.
    pub(super) fn failure(&self, now: Moment) -> Option<&TokenError> {
        self.failed.as_deref().filter(|(end, _)| !end.has_passed(now)).map(|(_, error)| error)
    }

    /// What all this forbids at the moment.
    pub(super) fn held_back(&self, now: Moment) -> Option<HeldBack> {
        let lasts = |end: Option<Deadline>| end.is_some_and(|end| !end.has_passed(now));
        if self.failure(now).is_some() {
            Some(HeldBack::Failed)
        } else if lasts(self.spent) {
            Some(HeldBack::Spent)
        } else if lasts(self.unchanged) {
            Some(HeldBack::Unchanged)
        } else {
            None
        }
    }

    /// How long all this forbids to replace a token that is near its end. A spent budget does not.
    pub(super) fn pause(&self, now: Moment) -> Duration {
        let ends = [self.failed.as_ref().map(|failed| failed.0), self.unchanged];
        ends.into_iter().flatten().map(|end| end.left(now)).max().unwrap_or_default()
    }

    /// The error for a caller who comes while nothing may be asked.
    pub(super) fn error(&self, now: Moment) -> TokenError {
        let left = |end: Option<Deadline>| end.map_or(Duration::ZERO, |end| end.left(now));
        if let Some((end, error)) = self.failed.as_deref().filter(|(end, _)| !end.has_passed(now)) {
            return error.clone().with_kind(ErrorKind::BackedOff).with_retry_after(end.left(now));
        }
        let spent = left(self.spent);
        if !spent.is_zero() {
            return budget_spent(spent);
        }
        TokenError::new(
            ErrorKind::BackedOff,
            "the last refresh brought no better token, and it is too early to ask again",
        )
        .with_transient(true)
        .with_retry_after(left(self.unchanged))
    }

    /// What was used of what the platform allows, as far as this process knows.
    pub(super) fn usage(&self, now: Moment) -> Usage {
        let usage = self.usage.as_deref().map(|(usage, at)| usage.clone().aged(now.since(*at)));
        usage.unwrap_or_default()
    }

    /// Keeps what was used, by this process or by others.
    pub(super) fn keep_usage(&mut self, usage: &Usage, now: Moment) {
        self.usage = Some(Box::new((usage.clone(), now)));
    }
}

/// The error where the budget of refreshes is spent.
pub(super) fn budget_spent(wait: Duration) -> TokenError {
    let text = "tokens are rejected so often that the budget of refreshes is spent: either the API refuses for another \
                reason, or another program mints for this app";
    TokenError::new(ErrorKind::BackedOff, text).with_transient(true).with_retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

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
            let waits: Vec<f64> = (0..40).map(|_| history.failed(&error, 0, now).as_secs_f64()).collect();
            assert!((0.75 * first..=1.25 * first).contains(&waits[0]), "{}", waits[0]);
            assert!((0.75 * last..=1.25 * last).contains(&waits[39]), "{}", waits[39]);
            assert_eq!(history.held_back(now), Some(HeldBack::Failed));
            assert_eq!(history.held_back(later(now, secs(400))), None, "no failure is for ever");
            history.succeeded();
            assert_eq!(history.held_back(now), None);
            assert!(history.failed(&error, 0, now).as_secs_f64() <= 1.25 * first);
        }
    }

    #[test]
    fn the_platform_may_ask_for_more_and_is_asked_ever_more_rarely() {
        let now = Clock::default().now();
        let error = TokenError::transient("per day").with_retry_after(secs(600));
        assert!(History::default().failed(&error, 0, now) >= secs(600));
        let error = TokenError::transient("per minute").with_retry_after(secs(5));
        let mut history = History::default();
        let waits: Vec<f64> = (0..4).map(|_| history.failed(&error, 0, now).as_secs_f64()).collect();
        for (wait, middle) in waits.into_iter().zip([5.0, 10.0, 20.0, 30.0]) {
            assert!((f64::max(5.0, 0.75 * middle)..=1.25 * middle).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn the_failures_of_others_count() {
        let now = Clock::default().now();
        let mut history = History::default();
        assert!(history.failed(&TokenError::permanent("wrong secret"), 4, now) >= secs(60));
        assert!(
            history.failed(&TokenError::permanent("wrong secret"), 1, now) >= secs(120),
            "the larger counts"
        );
        history.succeeded();
        assert!(history.failed(&TokenError::permanent("wrong secret"), 0, now) < secs(7));
    }

    #[test]
    fn what_was_mended_holds_nobody_back() {
        let now = Clock::default().now();
        let mut history = History::default();
        history.failed(&TokenError::permanent("wrong secret"), 0, now);
        history.unchanged(secs(30), now);
        history.spent(secs(60), now);
        history.mend();
        assert_eq!(history.held_back(now), Some(HeldBack::Spent), "a budget is not a back-off");
        assert!(!history.begin(), "the next fetch asks whatever others have met");
        assert!(history.begin(), "and the one after that does not");
        assert!(
            history.failed(&TokenError::permanent("still wrong"), 0, now) > secs(7),
            "the second in a row"
        );
        assert_eq!(history.held_back(now), Some(HeldBack::Failed));
    }

    #[test]
    fn for_ever_is_a_day() {
        let now = Clock::default().now();
        let error = TokenError::transient("never").with_retry_after(Duration::MAX);
        let (mut own, mut others) = (History::default(), History::default());
        let day = secs(86_400);
        assert_eq!(own.failed(&error, 0, now), day);
        others.hold_back(&error, Duration::MAX, now);
        for history in [own, others] {
            assert_eq!(history.pause(now), day);
            assert!(history.held_back(now).is_some() && history.held_back(later(now, day)).is_none());
        }
    }

    #[test]
    fn the_error_says_what_holds_back_and_for_how_long() {
        let now = Clock::default().now();
        let mut history = History::default();
        history.unchanged(secs(30), now);
        assert!(history.error(now).to_string().contains("no better token"));
        history.spent(secs(59), now);
        let error = history.error(later(now, secs(2)));
        assert!(error.to_string().contains("budget"), "{error}");
        assert_eq!((error.kind(), error.retry_after()), (ErrorKind::BackedOff, Some(secs(57))));
        assert_eq!(history.pause(now), secs(30), "the warmer need not wait for a budget");
    }

    #[test]
    fn what_is_mended_while_a_mint_is_about_to_fail_is_mended() {
        let now = Clock::default().now();
        let mut history = History::default();
        history.mend();
        history.failed(&TokenError::permanent("wrong secret"), 0, now);
        assert_eq!(history.held_back(now), None);
        assert!(!history.begin());
    }
}
