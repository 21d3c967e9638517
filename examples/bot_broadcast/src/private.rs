//! Files that nobody else shall read: they say who gets messages of this account.

use std::fs::OpenOptions;

/// How to make such a file. One that is there keeps its permissions.
pub fn file() -> OpenOptions {
    #[allow(unused_mut, reason = "elsewhere than on Unix")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
