//! The platform's own clock, and the only place that reads the machine's.

#![allow(clippy::disallowed_methods)]

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

/// It starts at zero, runs with tokio's time, and can be moved on.
pub(crate) struct Clock {
    started: Instant,
    started_at: SystemTime,
    advanced: Mutex<Duration>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), started_at: SystemTime::now(), advanced: Mutex::default() }
    }

    /// How long the platform has run.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed().saturating_add(*self.advanced.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The present time of day, as the platform's answers have it.
    pub(crate) fn unix_seconds(&self) -> u64 {
        let started_at = self.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        started_at.saturating_add(self.now()).as_secs()
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut advanced = self.advanced.lock().unwrap_or_else(PoisonError::into_inner);
        *advanced = advanced.saturating_add(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_with_tokios_time_and_is_moved_on() {
        let clock = Clock::start();
        let (now, at) = (clock.now(), clock.unix_seconds());
        tokio::time::advance(Duration::from_secs(60)).await;
        clock.advance(Duration::from_secs(3600));
        assert_eq!(clock.now(), now + Duration::from_secs(3660));
        assert_eq!(clock.unix_seconds() - at, 3660);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Duration::MAX);
    }
}
