//! [`Settings`]: how one cache is to behave.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// How long before its end a token is replaced.
    pub(super) refresh_ahead: Duration,
    /// The longest that a caller waits.
    pub(super) wait_timeout: Duration,
    /// The longest that one mint may take.
    pub(super) fetch_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Inside the last five minutes, in which the stable endpoint hands out a new token.
            refresh_ahead: Duration::from_secs(240),
            wait_timeout: Duration::from_secs(5),
            fetch_timeout: Duration::from_secs(10),
        }
    }
}
