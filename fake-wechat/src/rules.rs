//! The platform's habits: lives, overlaps, quotas, and how a token looks.

use std::{sync::Arc, time::Duration};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// What the documentation leaves open, or a test wants otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) token_life: Duration,
    pub(crate) overlap: Duration,
    pub(crate) forced_overlap: Duration,
    pub(crate) classic_quota: u32,
    pub(crate) stable_quota: u32,
    pub(crate) forced_quota: u32,
    pub(crate) forced_spacing: Duration,
    pub(crate) wecom_mints_anew: bool,
    pub(crate) wrong_secret: i64,
    pub(crate) refuses_ip: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            token_life: Duration::from_secs(7200),
            overlap: Duration::from_secs(300),
            forced_overlap: Duration::ZERO,
            classic_quota: 2_000,
            stable_quota: 500_000,
            forced_quota: 20,
            forced_spacing: Duration::from_secs(30),
            wecom_mints_anew: false,
            wrong_secret: 40125,
            refuses_ip: false,
        }
    }
}

/// What was used of the calls of a day, or of another period.
#[derive(Default)]
pub(crate) struct Quota {
    period: u128,
    used: u32,
}

impl Quota {
    /// Takes one of today's calls.
    pub(crate) fn take(&mut self, limit: u32, now: Duration) -> Result<(), i64> {
        self.take_within(DAY, limit, now)
    }

    /// Takes one of the calls of a period of this length.
    pub(crate) fn take_within(&mut self, length: Duration, limit: u32, now: Duration) -> Result<(), i64> {
        let period = now.as_nanos() / length.as_nanos();
        if period != self.period {
            *self = Self { period, used: 0 };
        }
        if self.used >= limit {
            return Err(45009);
        }
        self.used += 1;
        Ok(())
    }
}

pub(crate) const TOKEN_ALPHABET: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// So many characters that need no encoding.
pub(crate) fn random_text(len: usize) -> String {
    (0..len).map(|_| char::from(TOKEN_ALPHABET[fastrand::usize(..64)])).collect()
}

/// Two digits, an underscore and 133 characters that need no encoding, as WeChat's are.
pub(crate) fn token_text() -> Arc<str> {
    format!("{:02}_{}", fastrand::u8(60..100), random_text(133)).into()
}
