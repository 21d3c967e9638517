//! [`Pace`]: when the next send may begin.

#![allow(clippy::disallowed_methods, reason = "a test moves tokio's clock")]

use std::time::Duration;

use tokio::time::Instant;

/// Pauses never get longer: WeChat's limits below the daily ones are by the minute.
const LONGEST: Duration = Duration::from_secs(60);
/// So many pauses without an answer between them are enough.
const ATTEMPTS: u32 = 8;

/// Pauses while WeChat asks for it, each twice as long as the one before.
#[derive(Debug)]
pub struct Pace {
    first: Duration,
    in_a_row: u32,
    until: Option<Instant>,
}

/// What a failure leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Slowed {
    /// A pause of this length begins.
    Now(Duration),
    /// A send that was under way when the present pause began.
    Already,
    /// Pauses do not help.
    InVain,
}

impl Pace {
    pub fn new(first: Duration) -> Self {
        Self { first, in_a_row: 0, until: None }
    }

    pub fn slow_down(&mut self) -> Slowed {
        if !self.is_open() {
            return Slowed::Already;
        }
        if self.in_a_row == ATTEMPTS {
            return Slowed::InVain;
        }
        let pause = self.first.saturating_mul(1 << self.in_a_row).min(LONGEST);
        self.in_a_row += 1;
        self.until = Some(Instant::now() + pause);
        Slowed::Now(pause)
    }

    /// WeChat answered something that began after the last pause.
    pub fn answered(&mut self) {
        if self.is_open() {
            self.in_a_row = 0;
        }
    }

    /// How many sends of so many may be under way: after a pause only one, until there is an answer. If nothing has changed, it
    /// is one more that is unknown, and not one more of each.
    pub fn room(&self, concurrency: usize) -> usize {
        if self.in_a_row == 0 { concurrency } else { 1 }
    }

    pub fn is_open(&self) -> bool {
        self.until.is_none_or(|until| until <= Instant::now())
    }

    /// Waits for the end of a pause; for ever if there is none.
    pub async fn opens(&self) {
        match self.until.filter(|_| !self.is_open()) {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_something_goes_well() {
        let mut pace = Pace::new(Duration::from_secs(5));
        let mut pauses = Vec::new();
        while let Slowed::Now(pause) = pace.slow_down() {
            assert_eq!(pace.slow_down(), Slowed::Already);
            // Its request was on the way before the pause began.
            pace.answered();
            pauses.push(pause.as_secs());
            pace.opens().await;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60, 60]);
        assert_eq!(pace.slow_down(), Slowed::InVain);
        pace.answered();
        assert_eq!(pace.slow_down(), Slowed::Now(Duration::from_secs(5)));
    }
}
