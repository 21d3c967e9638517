//! [`Allowance`]: how often something may be done.

use std::time::Duration;

/// How often something may be done.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::issuer::Allowance;
///
/// let ten_then_one_a_minute = Allowance::new(10, Duration::from_secs(60));
/// assert_eq!(ten_then_one_a_minute.at_once, 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowance {
    /// How many times at once, after a long time without any.
    pub at_once: u32,
    /// How long it then takes until there is one more.
    pub every: Duration,
}

impl Allowance {
    /// `at_once` times, then once more each time that `every` has passed.
    #[must_use]
    pub const fn new(at_once: u32, every: Duration) -> Self {
        Self { at_once, every }
    }
}
