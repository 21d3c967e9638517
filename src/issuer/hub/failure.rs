//! [`Failure`]: why a hub gave no token.

use std::time::Duration;

use crate::error::TokenError;

/// How long a hub is left in peace that has nothing to say and does not say for how long.
const BUSY: Duration = Duration::from_secs(2);
/// The same where it refuses until somebody changes something.
const REFUSED: Duration = Duration::from_secs(30);

/// Why a hub gave no token.
pub(super) enum Failure {
    /// It cannot be reached.
    Away(TokenError),
    /// It can, or was not even asked.
    Refused(TokenError),
}

impl Failure {
    /// For how long nobody should ask it what nobody waits for. Nothing is said of one that is away: it may be back soon.
    pub(super) fn pause(&self) -> Duration {
        let Self::Refused(error) = self else {
            return Duration::ZERO;
        };
        let usual = if error.is_transient() { BUSY } else { REFUSED };
        let least = error.retry_after().map_or(usual, |asked| asked.max(BUSY));
        // All workers were refused at the same moment, and should not come back at one.
        least.mul_f64(1.0 + 0.25 * fastrand::f64())
    }

    pub(super) fn into_error(self) -> TokenError {
        match self {
            Self::Away(error) | Self::Refused(error) => error,
        }
    }
}
