//! [`Usage`]: what an account has used of what the platform allows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::{from_json, to_json, to_millis};
use crate::secret::Fingerprint;

/// The version of the written form.
const FORMAT: u32 = 2;
/// More forced refreshes than any limit lets through are not kept.
const MOST_FORCED: usize = 100;

/// What an account has used of what the platform allows, as it is at this moment.
///
/// All times are counted back from now, so that no two clocks are ever compared: a store keeps the written form beside the
/// moment of its own clock, and [ages](Self::aged) it when it is read. The limits themselves are the cache's.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::store::Usage;
///
/// let mut usage = Usage::default();
/// usage.refreshes = Duration::from_secs(100); // one refresh was used
/// let written = usage.encode();
///
/// let passed = Duration::from_secs(40); // by the store's clock
/// let read = Usage::decode(&written, passed, 0);
/// assert_eq!(read.refreshes, Duration::from_secs(60));
/// assert_eq!(read, usage.aged(passed));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// How long ago refreshes were forced.
    pub forced: Vec<Duration>,
    /// How long until the budget of refreshes is whole again.
    pub refreshes: Duration,
    /// How long until the budget of refreshes that did not help is whole again.
    pub futile: Duration,
    /// The generation that the last refresh brought, until it is clear whether it helped; zero for none.
    pub refreshed: u64,
    /// The latest generation of which somebody [noted](super::Note::Accepted) that the platform accepted it.
    pub accepted: u64,
    /// Mints that failed in a row.
    pub failures: u32,
    /// The [secret](crate::issuer::Issuer::credential) that they failed with.
    pub credential: Option<Fingerprint>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    forced_ms: Vec<u64>,
    refreshes_ms: u64,
    futile_ms: u64,
    refreshed: u64,
    failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl Usage {
    /// The same, `passed` later.
    #[must_use]
    pub fn aged(self, passed: Duration) -> Self {
        Self {
            forced: self.forced.into_iter().map(|ago| ago.saturating_add(passed)).collect(),
            refreshes: self.refreshes.saturating_sub(passed),
            futile: self.futile.saturating_sub(passed),
            ..self
        }
    }

    /// The written form (JSON), without [`accepted`](Self::accepted), which is noted by itself.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let latest = self.forced.len().saturating_sub(MOST_FORCED);
        to_json(&Written {
            v: FORMAT,
            forced_ms: self.forced[latest..].iter().copied().map(to_millis).collect(),
            refreshes_ms: to_millis(self.refreshes),
            futile_ms: to_millis(self.futile),
            refreshed: self.refreshed,
            failures: self.failures,
            credential: self.credential.map(|credential| credential.to_string()),
        })
    }

    /// Reads the written form, `passed` later. What cannot be read, nothing at all among it, is no usage: it
    /// costs a few mints, and not the token.
    #[must_use]
    pub fn decode(written: &[u8], passed: Duration, accepted: u64) -> Self {
        let usage = from_json(written).map_or_else(
            |_| Self::default(),
            |Written { forced_ms, refreshes_ms, futile_ms, refreshed, failures, credential, .. }| Self {
                forced: forced_ms.into_iter().map(Duration::from_millis).collect(),
                refreshes: Duration::from_millis(refreshes_ms),
                futile: Duration::from_millis(futile_ms),
                refreshed,
                accepted: 0,
                failures,
                credential: credential.and_then(|text| Fingerprint::parse(&text)),
            },
        );
        Self { accepted, ..usage.aged(passed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn usage_survives_its_written_form_and_ages() {
        let usage = Usage {
            forced: vec![secs(40), secs(5)],
            refreshes: secs(100),
            futile: secs(3),
            refreshed: 7,
            accepted: 6,
            failures: 2,
            credential: Some(Fingerprint::of("secret")),
        };
        assert_eq!(Usage::decode(&usage.encode(), Duration::ZERO, 6), usage);
        let later = Usage::decode(&usage.encode(), secs(10), 7);
        let aged = Usage {
            forced: vec![secs(50), secs(15)],
            refreshes: secs(90),
            futile: secs(0),
            accepted: 7,
            ..usage
        };
        assert_eq!(later, aged);
    }

    #[test]
    fn what_cannot_be_read_is_no_usage() {
        for written in [&b"{\"v\":9}"[..], b"", b"[]", b"{\"v\":2,\"failures\":-1}"] {
            assert_eq!(Usage::decode(written, secs(1), 3), Usage { accepted: 3, ..Usage::default() });
        }
    }

    #[test]
    fn it_does_not_grow_without_bounds() {
        let many = Usage { forced: (0..500).map(secs).collect(), ..Usage::default() };
        assert_eq!(Usage::decode(&many.encode(), Duration::ZERO, 0).forced.len(), MOST_FORCED);
    }
}
