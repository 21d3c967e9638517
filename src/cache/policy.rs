//! What to do now: a pure function of what is known, so that every rule of the cache is a row in a table.

use std::time::Duration;

use crate::token::AccessToken;

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A token that lives at least this long.
    Living(Duration),
    /// A token of a later generation than this one, which WeChat rejected.
    NewerThan(u64),
}

/// What is known of the token in the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) generation: u64,
    pub(crate) left: Duration,
    /// It should be replaced once less than this is left.
    pub(crate) window: Duration,
    /// Whether WeChat has rejected it, and a later one is being fetched.
    pub(crate) being_replaced: bool,
}

/// What keeps the cache from minting at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restraint {
    /// The last mint failed, and it is too early for another try.
    pub(crate) failed: bool,
    /// The last refresh brought nothing new, and it is too early to ask again.
    pub(crate) unchanged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The token is good.
    Serve,
    /// The token is good, but near its end: serve it, and see to the next one.
    ServeAndRefresh,
    /// There is no token to serve: wait for the next one.
    WaitForRefresh,
    /// There is no token to serve, and it is too early to ask for one.
    BackedOff,
}

/// Decides.
pub(crate) fn decide(held: Option<Held>, need: Need, restraint: Restraint) -> Decision {
    let restrained = restraint.failed || restraint.unchanged;
    match held {
        // It is known to be dead, and the next will soon be here.
        Some(held) if held.satisfies(need) && held.being_replaced && !restrained => Decision::WaitForRefresh,
        Some(held) if held.satisfies(need) => {
            if !held.is_near_its_end() || restrained {
                Decision::Serve
            } else {
                Decision::ServeAndRefresh
            }
        }
        // An expired token must be replaced even if asking brought nothing new while it lived.
        Some(held) if restraint.failed || (restraint.unchanged && !held.left.is_zero()) => {
            Decision::BackedOff
        }
        None if restraint.failed => Decision::BackedOff,
        _ => Decision::WaitForRefresh,
    }
}

impl Held {
    /// Whether it is time to see to the next one.
    pub(crate) fn is_near_its_end(self) -> bool {
        self.left <= self.window
    }

    pub(crate) fn satisfies(self, need: Need) -> bool {
        !self.left.is_zero()
            && match need {
                Need::Living(least) => self.left >= least,
                Need::NewerThan(rejected) => self.generation > rejected,
            }
    }
}

/// How early to replace a token: `ahead` of its end, but never more than half its life, because stable tokens come with as
/// little as 300 s. `jitter` (0 to 255) takes up to a quarter off, so that processes do not all ask in the same second.
pub(crate) fn window(life: Duration, ahead: Duration, jitter: u8) -> Duration {
    let widest = ahead.min(life / 2);
    widest.saturating_sub(widest / 4 * u32::from(jitter) / 255)
}

/// How long not to ask again after an endpoint has answered with a token that is no improvement.
pub(crate) fn quiet_after_unchanged(token: &AccessToken) -> Duration {
    (token.expires_in() / 2).clamp(Duration::from_secs(10), Duration::from_secs(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    macro_rules! held {
        ($generation:literal, $left:literal) => {
            held!($generation, $left, false)
        };
        ($generation:literal, $left:literal, $being_replaced:literal) => {
            Some(Held {
                generation: $generation,
                left: secs($left),
                window: secs(240),
                being_replaced: $being_replaced,
            })
        };
    }

    const FREE: Restraint = Restraint { failed: false, unchanged: false };
    const FAILED: Restraint = Restraint { failed: true, unchanged: false };
    const UNCHANGED: Restraint = Restraint { failed: false, unchanged: true };
    const ANY: Need = Need::Living(Duration::ZERO);

    #[test]
    fn the_table() {
        use Decision::{BackedOff, Serve, ServeAndRefresh, WaitForRefresh};
        #[rustfmt::skip]
        let table = [
            ("cold",                                   None,          ANY,                     FREE,      WaitForRefresh),
            ("cold after a failure",                   None,          ANY,                     FAILED,    BackedOff),
            ("fresh",                                  held!(1, 7200), ANY,                     FREE,      Serve),
            ("fresh, whatever failed",                 held!(1, 7200), ANY,                     FAILED,    Serve),
            ("inside the window",                      held!(1, 240),  ANY,                     FREE,      ServeAndRefresh),
            ("inside the window after a failure",      held!(1, 240),  ANY,                     FAILED,    Serve),
            ("inside the window, nothing new",         held!(1, 100),  ANY,                     UNCHANGED, Serve),
            ("one second to live",                     held!(1, 1),    ANY,                     FREE,      ServeAndRefresh),
            ("expired",                                held!(1, 0),    ANY,                     FREE,      WaitForRefresh),
            ("expired after a failure",                held!(1, 0),    ANY,                     FAILED,    BackedOff),
            ("expired, nothing new before",            held!(1, 0),    ANY,                     UNCHANGED, WaitForRefresh),
            ("rejected: the current one",              held!(3, 7200), Need::NewerThan(3),      FREE,      WaitForRefresh),
            ("rejected: the one before",               held!(3, 7200), Need::NewerThan(2),      FREE,      Serve),
            ("rejected: the one before, near its end", held!(3, 60),   Need::NewerThan(2),      FREE,      ServeAndRefresh),
            ("rejected: the one before, expired",      held!(3, 0),    Need::NewerThan(2),      FREE,      WaitForRefresh),
            ("rejected after a failure",               held!(3, 7200), Need::NewerThan(3),      FAILED,    BackedOff),
            ("rejected, and the last refresh brought nothing new",
                                                       held!(3, 7200), Need::NewerThan(3),      UNCHANGED, BackedOff),
            ("rejected: one that never was here",      None,          Need::NewerThan(9),      FREE,      WaitForRefresh),
            ("known to be dead",                       held!(3, 7200, true), ANY,               FREE,      WaitForRefresh),
            ("known to be dead, later than the one rejected here",
                                                       held!(3, 7200, true), Need::NewerThan(2), FREE,     WaitForRefresh),
            ("known to be dead, and its refresh is held back", held!(3, 7200, true), ANY,             FAILED,    Serve),
            ("known to be dead, and its refresh brought nothing new",
                                                       held!(3, 7200, true), ANY,               UNCHANGED, Serve),
            ("known to be dead, its refresh held back, later than the one rejected here",
                                                       held!(3, 60, true), Need::NewerThan(2),  FAILED,    Serve),
            ("known to be dead, and expired",          held!(3, 0, true), ANY,                  FREE,      WaitForRefresh),
            ("enough life",                            held!(1, 600),  Need::Living(secs(600)), FREE,      Serve),
            ("too little life",                        held!(1, 600),  Need::Living(secs(601)), FREE,      WaitForRefresh),
            ("too little life, nothing new",           held!(1, 600),  Need::Living(secs(601)), UNCHANGED, BackedOff),
        ];
        for (name, held, need, restraint, expected) in table {
            assert_eq!(decide(held, need, restraint), expected, "{name}");
        }
    }

    #[test]
    fn the_window_fits_the_life() {
        for (life, ahead, widest) in
            [(7200, 240, 240), (300, 240, 150), (2, 240, 1), (7200, 100_000, 3600), (7200, 0, 0)]
        {
            assert_eq!(window(secs(life), secs(ahead), 0), secs(widest));
            let narrowest = window(secs(life), secs(ahead), 255);
            assert!(narrowest <= secs(widest) && narrowest >= secs(widest) / 2);
        }
    }
}
