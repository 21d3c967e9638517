//! File descriptors: each connection takes one, and a mint needs some as well.

use crate::limits::Limits;

/// What is kept for listeners, stores, mints and files.
const KEPT: u64 = 64;

/// Raises the process's limit as far as it may go, and lowers `connections` where that is not enough: a hub that has none left
/// cannot mint.
pub(super) fn see_to(limits: &mut Limits) {
    let wanted = (limits.connections as u64).saturating_add(KEPT);
    // Where the system does not tell, nothing can be done.
    let Ok(had) = rlimit::increase_nofile_limit(wanted) else { return };
    if had >= wanted {
        return;
    }
    let possible = usize::try_from(had.saturating_sub(KEPT)).unwrap_or(usize::MAX).max(1);
    tracing::warn!(
        target: "wechat_hub",
        "this process may have {had} file descriptors, so that `connections` is {possible} in place of {}: raise its limit \
         (`ulimit -n`, `LimitNOFILE`)",
        limits.connections,
    );
    limits.connections = possible;
}
