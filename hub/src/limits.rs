//! [`Limits`]: how much a hub takes from its clients.

use std::time::Duration;

/// How much a hub takes from its clients. Each has a default that suits a few thousand workers.
///
/// ```
/// use wechat_hub::{Hub, Limits};
///
/// let mut limits = Limits::default();
/// limits.connections = 500;
/// let hub = Hub::builder().limits(limits).build()?;
///
/// limits.connections = 0;
/// assert!(Hub::builder().limits(limits).build().is_err());
/// # drop(hub);
/// # Ok::<(), wechat_hub::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest head of a request, in bytes: 16 384; at least 8 192, at most 1 MiB. A longer one is answered with 431.
    pub header_bytes: usize,
    /// The longest body of a request to the hub itself, in bytes: 65 536; at most 64 MiB. A longer one is answered with 413.
    pub body_bytes: usize,
    /// Connections at a time, of all listeners together: 10 000; at most a million. One more ends the one that has been
    /// idle for longest.
    pub connections: usize,
    /// How long a TLS handshake may take, a new connection may wait with its first request, and the head and the body of
    /// a request may take to arrive: 10 s; at most an hour.
    pub header_timeout: Duration,
    /// Long polls of one client at a time: 1 000; at most a million. One more is answered with 429.
    pub long_polls_per_client: usize,
}

/// hyper needs as much to parse a head.
const LEAST_HEADER_BYTES: usize = 8192;
const MIB: usize = 1 << 20;
/// Of connections and long polls: more than one machine has.
const MOST: usize = 1_000_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 16_384,
            body_bytes: 65_536,
            connections: 10_000,
            header_timeout: Duration::from_secs(10),
            long_polls_per_client: 1_000,
        }
    }
}

impl Limits {
    /// What is wrong with them.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if !(LEAST_HEADER_BYTES..=MIB).contains(&self.header_bytes) {
            Some("`header_bytes` must be 8192 to 1048576")
        } else if !(1..=64 * MIB).contains(&self.body_bytes) {
            Some("`body_bytes` must be 1 to 67108864")
        } else if !(1..=MOST).contains(&self.connections) {
            Some("`connections` must be 1 to 1000000")
        } else if !(1..=MOST).contains(&self.long_polls_per_client) {
            Some("`long_polls_per_client` must be 1 to 1000000")
        } else if self.header_timeout.is_zero() || self.header_timeout > Duration::from_secs(3600) {
            Some("`header_timeout` must be longer than nothing, and an hour at most")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound_and_senseless_ones_are_named() {
        let limits = Limits::default();
        assert_eq!(limits.fault(), None);
        let faulty = [
            (Limits { header_bytes: 8191, ..limits }, "header_bytes"),
            (Limits { connections: 0, ..limits }, "connections"),
            (Limits { header_timeout: Duration::ZERO, ..limits }, "header_timeout"),
            (Limits { header_timeout: Duration::MAX, ..limits }, "header_timeout"),
            (Limits { header_bytes: usize::MAX, ..limits }, "header_bytes"),
            (Limits { connections: usize::MAX, ..limits }, "connections"),
            (Limits { long_polls_per_client: usize::MAX, ..limits }, "long_polls_per_client"),
            (Limits { long_polls_per_client: 0, ..limits }, "long_polls_per_client"),
            (Limits { body_bytes: usize::MAX, ..limits }, "body_bytes"),
        ];
        for (limits, name) in faulty {
            assert!(limits.fault().unwrap().contains(name));
        }
    }
}
