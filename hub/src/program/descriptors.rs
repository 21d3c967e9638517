//! File descriptors: each connection takes one, and a mint needs some as well.

use crate::limits::Limits;

/// What is kept for listeners, stores, mints and files.
const KEPT: u64 = 64;

/// Raises the process's limit as far as it may go, and lowers `connections` where that is not enough: a hub that has none left
/// cannot mint. Returns what to say of that.
#[must_use]
pub(super) fn see_to(limits: &mut Limits) -> Option<String> {
    let wanted = (limits.connections as u64).saturating_add(KEPT);
    // Where the system does not tell, nothing can be done.
    let had = rlimit::increase_nofile_limit(wanted).ok().filter(|had| *had < wanted)?;
    let possible = usize::try_from(had.saturating_sub(KEPT)).unwrap_or(usize::MAX).max(1);
    let asked = std::mem::replace(&mut limits.connections, possible);
    Some(format!(
        "this process may have {had} file descriptors, so that `connections` is {possible} in place of {asked}: raise its limit \
         (`ulimit -n`, `LimitNOFILE`)"
    ))
}
