//! Whether another program mints for the same app, as far as that can be told.
//!
//! A classic token that another program's mint ends dies when the overlap is over: five minutes after that mint. Two
//! programs that do so in turn see their tokens die five or ten minutes after they minted them, again and again. A token
//! that WeChat or somebody in its console revokes dies at any time.
//!
//! A stable token can be ended by force only, and then the endpoint hands out one that it has handed out to somebody else
//! before: part of its life is gone.
//!
//! WeCom hands out one token to all who ask.

use std::time::{Duration, Instant};

use crate::token::AccessToken;

/// WeChat keeps the old token for so long after a mint
/// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>).
const OVERLAP: Duration = Duration::from_secs(300);
/// How much later than the moment of its death a token's rejection may be seen.
const SLACK: Duration = Duration::from_secs(60);
/// So much of a new token's life is not lost on its way.
const LOST_ON_THE_WAY: Duration = Duration::from_secs(5);
/// A stable token that is rejected with less than this to live may have been replaced in its last minutes, for somebody else.
const LAST_MINUTES: Duration = Duration::from_secs(600);
const AN_HOUR: Duration = Duration::from_secs(3600);

/// What was seen of another program.
#[derive(Debug, Default)]
pub(super) struct ForeignMinter {
    /// The longest life that a stable token came with.
    longest: Duration,
    seen: Option<Instant>,
    said: Option<Instant>,
}

impl ForeignMinter {
    /// WeChat rejected a classic token. Whether that is, for the first time in an hour, the second sign of another program
    /// within one.
    pub(super) fn rejected(&mut self, token: &AccessToken, now: Instant) -> bool {
        let age = token.age();
        let after = |death: Duration| age >= death && age < death + SLACK;
        (after(OVERLAP) || after(2 * OVERLAP)) && self.sign(now)
    }

    /// A refresh brought `new` in place of a stable token that WeChat rejected. Whether that is the second sign, as above.
    pub(super) fn replaced(&mut self, rejected: &AccessToken, new: &AccessToken, now: Instant) -> bool {
        self.longest = self.longest.max(rejected.life()).max(new.life());
        let handed_out_before = new.life() + LOST_ON_THE_WAY < self.longest;
        let another = rejected.as_str() != new.as_str() && rejected.expires_in() > LAST_MINUTES;
        another && handed_out_before && self.sign(now)
    }

    fn sign(&mut self, now: Instant) -> bool {
        let within_the_hour =
            |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < AN_HOUR);
        let again = within_the_hour(self.seen) && !within_the_hour(self.said);
        self.seen = Some(now);
        if again {
            self.said = Some(now);
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// A token of this life that was minted so long ago.
    fn token(text: &str, life: u64, age: u64) -> AccessToken {
        let clock = Clock::shiftable();
        let expiry = clock.now().after(secs(life - age));
        AccessToken::new(text.into(), 1, secs(life), expiry, Duration::ZERO, clock)
    }

    #[test]
    fn two_tokens_that_died_after_the_overlap_are_an_alarm_once_an_hour() {
        let (mut alarm, now) = (ForeignMinter::default(), Clock::default().now().monotonic);
        assert!(!alarm.rejected(&token("1", 7200, 305), now));
        assert!(alarm.rejected(&token("2", 7200, 610), now + secs(600)));
        assert!(!alarm.rejected(&token("3", 7200, 301), now + secs(1200)), "said already");
        assert!(alarm.rejected(&token("4", 7200, 301), now + secs(4300)));
    }

    #[test]
    fn what_is_an_hour_apart_is_not_within_one() {
        let (mut alarm, now) = (ForeignMinter::default(), Clock::default().now().monotonic);
        assert!(!alarm.rejected(&token("1", 7200, 305), now));
        assert!(!alarm.rejected(&token("2", 7200, 305), now + secs(3600)), "the second sign");
        assert!(alarm.rejected(&token("3", 7200, 305), now + secs(7199)));
        assert!(!alarm.rejected(&token("4", 7200, 305), now + secs(9000)), "said already");
        assert!(alarm.rejected(&token("5", 7200, 305), now + secs(7199 + 3600)), "and not within the hour");
    }

    #[tokio::test(start_paused = true)]
    async fn revocations_at_any_other_time_are_none() {
        let (mut alarm, now) = (ForeignMinter::default(), Clock::default().now().monotonic);
        for age in [0, 5, 100, 299, 360, 400, 599, 660, 700, 3000, 7000] {
            assert!(!alarm.rejected(&token("t", 7200, age), now), "{age}");
            assert!(!alarm.rejected(&token("t", 7200, age), now), "{age}");
        }
    }

    #[test]
    fn short_lives_are_no_exception() {
        let (mut alarm, now) = (ForeignMinter::default(), Clock::default().now().monotonic);
        assert!(!alarm.rejected(&token("1", 400, 305), now));
        assert!(alarm.rejected(&token("2", 400, 305), now));
    }

    #[test]
    fn a_stable_token_that_was_handed_out_before_is_a_sign() {
        let (mut alarm, now) = (ForeignMinter::default(), Clock::default().now().monotonic);
        let old = token("old", 7200, 1000);
        for new in [token("old", 6000, 0), token("new", 7199, 0), token("new", 7195, 0)] {
            assert!(!alarm.replaced(&old, &new, now) && !alarm.replaced(&old, &new, now));
        }
        let (late, handed_out) = (token("old", 7200, 6700), token("new", 7000, 0));
        assert!(!alarm.replaced(&late, &handed_out, now) && !alarm.replaced(&late, &handed_out, now));
        assert!(!alarm.replaced(&old, &token("new", 7190, 0), now));
        assert!(alarm.replaced(&old, &token("newer", 6000, 0), now));
    }
}
