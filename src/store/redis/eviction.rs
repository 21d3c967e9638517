//! Whether a server throws keys away when its memory is full.
//!
//! All our keys have a time to live, so the `volatile-…` policies may throw ours away and spare those of everybody else.
//! <https://redis.io/docs/latest/develop/reference/eviction/>

const POLICIES: [&str; 7] = [
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
];

/// The policy, if it evicts and there is a limit, out of what INFO says of the server's memory.
pub(super) fn policy_that_evicts(memory: &str) -> Option<&'static str> {
    let value = |name: &str| memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value("maxmemory").filter(|&limit| limit != "0")?;
    let policy = value("maxmemory_policy")?;
    POLICIES.into_iter().find(|known| *known == policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_limit_with_a_policy_that_evicts_counts() {
        let info = |limit, policy| format!("# Memory\r\nmaxmemory:{limit}\r\nmaxmemory_policy:{policy}\r\n");
        assert_eq!(policy_that_evicts(&info("1", "volatile-ttl")), Some("volatile-ttl"));
        assert_eq!(policy_that_evicts(&info("1", "noeviction")), None);
        assert_eq!(policy_that_evicts(&info("1", "of-the-future")), None);
        assert_eq!(policy_that_evicts(&info("0", "allkeys-lru")), None);
        assert_eq!(policy_that_evicts(""), None);
        assert_eq!(policy_that_evicts("maxmemory_policy:allkeys-lru"), None);
    }
}
