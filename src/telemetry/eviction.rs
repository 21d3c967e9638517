//! A Redis server that may throw tokens away before they expire.

/// Says that the server has a limit of memory and this policy for what to do when it is reached.
#[cfg(feature = "tracing")]
pub(crate) fn may_evict(policy: &'static str) {
    tracing::warn!(
        target: super::TARGET,
        policy,
        "Redis may evict tokens before they expire: `maxmemory` is set, and this `maxmemory-policy` evicts keys with a time \
         to live, which all of ours have; set it to `noeviction`"
    );
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn may_evict(_: &'static str) {}
