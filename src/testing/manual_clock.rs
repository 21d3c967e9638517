//! [`ManualClock`]: a wall clock that a test sets.

use std::time::Duration;

use crate::clock::Clock;

/// A wall clock that a test can set forward and back, as an administrator, a time server or a suspended laptop does.
///
/// It moves the wall clock only, and on its own it runs with tokio's clock. Monotonic time *is* tokio's: pause it
/// (`#[tokio::test(start_paused = true)]`, `tokio::time::advance`) to move that one. Clones are the same clock.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::{
///     TokenCache, issuer::StableToken,
///     testing::{FakeWeChat, ManualClock},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = FakeWeChat::start().await;
/// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
/// #     .base_url(&wechat.url())?;
/// let clock = ManualClock::new();
/// let cache = TokenCache::builder(issuer).clock(&clock).build();
/// cache.token().await?;
///
/// clock.set_forward(Duration::from_secs(7200)); // the machine was suspended
/// cache.token().await?;
/// assert_eq!(wechat.token_requests(), 2);
///
/// clock.set_back(Duration::from_secs(60)); // and a time server was found
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Clock);

impl ManualClock {
    /// A clock that shows the machine's time until it is set.
    #[must_use]
    pub fn new() -> Self {
        Self(Clock::shiftable())
    }

    /// Sets the wall clock forward by this much, to the millisecond.
    pub fn set_forward(&self, by: Duration) {
        self.0.shift_wall(millis(by));
    }

    /// Sets the wall clock back by this much, to the millisecond.
    pub fn set_back(&self, by: Duration) {
        self.0.shift_wall(-millis(by));
    }

    /// The clock that the things under test read.
    #[allow(dead_code, reason = "the cache's builder takes it")]
    pub(crate) fn clock(&self) -> Clock {
        self.0.clone()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

/// A shift longer than a century would only overflow `SystemTime`.
fn millis(by: Duration) -> i64 {
    const CENTURY: i64 = 100 * 366 * 86_400 * 1_000;
    i64::try_from(by.as_millis()).map_or(CENTURY, |millis| millis.min(CENTURY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_the_wall_clock_is_set() {
        let manual = ManualClock::new();
        let clock = manual.clock();
        let before = clock.now();
        manual.set_forward(Duration::from_secs(7200));
        let ahead = clock.now();
        assert_eq!(ahead.monotonic, before.monotonic);
        assert_eq!(ahead.wall, before.wall + Duration::from_secs(7200));
        manual.clone().set_back(Duration::from_secs(10_800));
        assert_eq!(clock.now().wall, before.wall - Duration::from_secs(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_with_tokios_clock() {
        let clock = ManualClock::default().clock();
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now().wall, before.wall + Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn an_absurd_shift_does_not_overflow() {
        let clock = ManualClock::new();
        clock.set_forward(Duration::MAX);
        clock.clock().now();
    }
}
