//! The two clocks, and the only place that reads them.

#![allow(clippy::disallowed_methods)]

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// For time limits.
pub(crate) fn now() -> Instant {
    Instant::now()
}
