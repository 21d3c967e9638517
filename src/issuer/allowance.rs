//! [`Allowance`]: how often something may be done.

use std::time::Duration;

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowance {
    /// So often at once.
    pub at_once: u32,
    /// Then once each time that this has passed.
    pub every: Duration,
}

impl Allowance {
    /// So often at once, then once each time that `every` has passed.
    #[must_use]
    pub const fn new(at_once: u32, every: Duration) -> Self {
        Self { at_once, every }
    }
}
