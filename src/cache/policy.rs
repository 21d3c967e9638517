//! What to do now: a pure function of what is known, and the only place where that is decided. Every rule of the cache is a
//! row of the table below.

use std::time::Duration;

use crate::token::AccessToken;

/// What a caller asks for.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// A token that lives at least this long.
    Living(Duration),
    /// A token of a later generation than this.
    After(u64),
    /// A token of a later generation than this one, which WeChat rejected.
    Replacing(AccessToken),
}

impl Need {
    /// Any good token.
    pub(crate) const ANY: Self = Self::Living(Duration::ZERO);

    /// The token that WeChat rejected, if that is why.
    pub(crate) fn rejected(&self) -> Option<&AccessToken> {
        match self {
            Self::Replacing(rejected) => Some(rejected),
            Self::Living(_) | Self::After(_) => None,
        }
    }
}

/// What is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct View {
    /// The token in the slot.
    pub(crate) held: Option<Held>,
    /// What forbids to mint at the moment.
    pub(crate) held_back: Option<HeldBack>,
    /// Whether the cache was shut down.
    pub(crate) closed: bool,
    /// How much of its life a new token may lose on its way.
    pub(crate) fetch_timeout: Duration,
}

/// What is known of the token in the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) generation: u64,
    /// The whole of its life.
    pub(crate) life: Duration,
    pub(crate) left: Duration,
    /// It should be replaced once no more than this is left.
    pub(crate) window: Duration,
    /// Whether WeChat has rejected it.
    pub(crate) rejected: bool,
}

/// What forbids to mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldBack {
    /// The last mint failed, and it is too early for another.
    Failed,
    /// The last refresh brought nothing new, and it is too early to ask again.
    Unchanged,
    /// The budget of refreshes is spent.
    Spent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The token is good.
    Serve,
    /// The token is good, but near its end: serve it, and see to the next one.
    ServeAndRefresh,
    /// There is no token to serve: wait for the next one.
    Wait,
    /// There is no token to serve, and it is too early to ask for one.
    HoldBack,
    /// No token lives as long as is asked.
    TooLong,
    /// There is no token to serve, and none is fetched any more.
    Closed,
}

/// Decides.
pub(crate) fn decide(view: View, need: &Need) -> Decision {
    let View { held, held_back, closed, fetch_timeout } = view;
    // What is due anyway costs nothing.
    let is_due = held.is_none_or(Held::is_near_its_end);
    let held_back = held_back.filter(|held_back| !is_due || *held_back != HeldBack::Spent);
    let free = held_back.is_none() && !closed;
    match held {
        // It is known to be dead, and a better one can be had.
        Some(held) if held.satisfies(need) && held.rejected && free => Decision::Wait,
        Some(held) if held.satisfies(need) && held.is_near_its_end() && free => Decision::ServeAndRefresh,
        Some(held) if held.satisfies(need) => Decision::Serve,
        Some(held) if held.is_too_short_for(need, fetch_timeout) => Decision::TooLong,
        _ if closed => Decision::Closed,
        held => match held_back {
            // An expired token is replaced even if asking brought nothing new while it lived.
            Some(HeldBack::Unchanged) if !held.is_some_and(Held::is_alive) => Decision::Wait,
            Some(_) => Decision::HoldBack,
            None => Decision::Wait,
        },
    }
}

/// The row of the table that nearly every request takes, told without the rest: any good token will do, and the one in the
/// slot is far from its end.
pub(crate) fn is_plainly_good(need: &Need, is_fresh: bool, is_rejected: bool) -> bool {
    matches!(need, Need::Living(Duration::ZERO)) && is_fresh && !is_rejected
}

/// What a fetch is for. Whoever asked first and for whatever: a token that is known to be dead is to be replaced.
pub(crate) fn need_of_fetch(need: &Need, dead: Option<AccessToken>) -> Need {
    dead.map_or_else(|| need.clone(), Need::Replacing)
}

impl Held {
    fn is_alive(self) -> bool {
        !self.left.is_zero()
    }

    /// Whether it is time to see to the next one.
    pub(crate) fn is_near_its_end(self) -> bool {
        self.left <= self.window
    }

    pub(crate) fn satisfies(self, need: &Need) -> bool {
        self.is_alive()
            && match need {
                Need::Living(least) => self.left >= *least,
                Need::After(generation) => self.generation > *generation,
                Need::Replacing(rejected) => self.generation > rejected.generation(),
            }
    }

    /// Whether not even a new one would live as long as is asked: it has lost what its fetch took, and to mint again and
    /// again would not help. Near the end of this one the next is due anyway, and may live longer: a stable token comes
    /// with what is left of it.
    fn is_too_short_for(self, need: &Need, fetch_timeout: Duration) -> bool {
        let Need::Living(least) = need else { return false };
        *least > self.fresh(fetch_timeout) && !self.is_near_its_end()
    }

    /// What a new token may have of the life that this one had.
    pub(crate) fn fresh(self, fetch_timeout: Duration) -> Duration {
        self.life.saturating_sub(fetch_timeout.min(self.life / 2))
    }
}

/// The longest life that a token is believed to have, whoever says so.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How early to replace a token: `ahead` of its end, but never more than half its life, because stable tokens come with as
/// little as 300 s. `jitter` (0 to 255) takes up to a quarter off, so that processes do not all ask in the same second.
pub(crate) fn window(life: Duration, ahead: Duration, jitter: u8) -> Duration {
    let widest = ahead.min(life / 2);
    widest.saturating_sub(widest / 4 * u32::from(jitter) / 255)
}

/// How long not to ask again after a refresh has brought the very text that was rejected.
pub(crate) const QUIET_AFTER_SAME: Duration = Duration::from_secs(30);

/// How long not to ask again after an endpoint has answered with a token that is no improvement.
pub(crate) fn quiet_after_unchanged(token: &AccessToken) -> Duration {
    (token.expires_in() / 2).clamp(Duration::from_secs(10), QUIET_AFTER_SAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// A token of this generation with so much left, of two hours.
    fn held(generation: u64, left: u64) -> View {
        let held =
            Held { generation, life: secs(7200), left: secs(left), window: secs(240), rejected: false };
        View { held: Some(held), fetch_timeout: secs(10), ..View::default() }
    }

    impl View {
        fn rejected(mut self) -> Self {
            self.held = self.held.map(|held| Held { rejected: true, ..held });
            self
        }

        fn but(self, held_back: HeldBack) -> Self {
            Self { held_back: Some(held_back), ..self }
        }

        fn closed(self) -> Self {
            Self { closed: true, ..self }
        }
    }

    fn replacing(generation: u64) -> Need {
        let (clock, life) = (Clock::default(), secs(7200));
        let expiry = clock.now().after(life);
        Need::Replacing(AccessToken::new("t".into(), generation, life, expiry, Duration::ZERO, clock))
    }

    #[test]
    fn the_table() {
        use Decision::{Closed, HoldBack, Serve, ServeAndRefresh, TooLong, Wait};
        use HeldBack::{Failed, Spent, Unchanged};
        let none = View::default();
        let any = Need::ANY;
        #[rustfmt::skip]
        let table = [
            ("cold",                                            none,                              any.clone(),   Wait),
            ("cold after a failure",                            none.but(Failed),                  any.clone(),   HoldBack),
            ("cold, nothing new before",                        none.but(Unchanged),               any.clone(),   Wait),
            ("cold, the budget spent",                          none.but(Spent),                   any.clone(),   Wait),
            ("cold and closed",                                 none.closed(),                     any.clone(),   Closed),
            ("cold and closed after a failure",                 none.but(Failed).closed(),         any.clone(),   Closed),
            ("fresh",                                           held(1, 7200),                     any.clone(),   Serve),
            ("fresh, whatever failed",                          held(1, 7200).but(Failed),         any.clone(),   Serve),
            ("fresh and closed",                                held(1, 7200).closed(),            any.clone(),   Serve),
            ("before the window",                               held(1, 241),                      any.clone(),   Serve),
            ("inside the window",                               held(1, 240),                      any.clone(),   ServeAndRefresh),
            ("inside the window after a failure",               held(1, 240).but(Failed),          any.clone(),   Serve),
            ("inside the window, nothing new",                  held(1, 100).but(Unchanged),       any.clone(),   Serve),
            ("inside the window, the budget spent",             held(1, 100).but(Spent),           any.clone(),   ServeAndRefresh),
            ("inside the window and closed",                    held(1, 100).closed(),             any.clone(),   Serve),
            ("one second to live",                              held(1, 1),                        any.clone(),   ServeAndRefresh),
            ("expired",                                         held(1, 0),                        any.clone(),   Wait),
            ("expired after a failure",                         held(1, 0).but(Failed),            any.clone(),   HoldBack),
            ("expired, nothing new before",                     held(1, 0).but(Unchanged),         any.clone(),   Wait),
            ("expired, the budget spent",                       held(1, 0).but(Spent),             any.clone(),   Wait),
            ("expired and closed",                              held(1, 0).closed(),               any.clone(),   Closed),
            ("rejected: the current one",                       held(3, 7200).rejected(),          replacing(3),  Wait),
            ("rejected: the one before",                        held(3, 7200),                     replacing(2),  Serve),
            ("rejected: the one before, near its end",          held(3, 60),                       replacing(2),  ServeAndRefresh),
            ("rejected: the one before, expired",               held(3, 0),                        replacing(2),  Wait),
            ("rejected after a failure",                        held(3, 7200).rejected().but(Failed),    replacing(3), HoldBack),
            ("rejected, the last refresh brought nothing new",  held(3, 7200).rejected().but(Unchanged), replacing(3), HoldBack),
            ("rejected, the budget spent",                      held(3, 7200).rejected().but(Spent),     replacing(3), HoldBack),
            ("rejected and closed",                             held(3, 7200).rejected().closed(),       replacing(3), Closed),
            ("rejected: one that never was here",               none,                              replacing(9),  Wait),
            ("the next one wanted ahead of time",               held(3, 7200),                     Need::After(3), Wait),
            ("the next one is there",                           held(4, 7200),                     Need::After(3), Serve),
            ("known to be dead",                                held(3, 7200).rejected(),          any.clone(),   Wait),
            ("known to be dead, near its end",                  held(3, 60).rejected(),            any.clone(),   Wait),
            ("known to be dead, later than the one rejected here", held(3, 7200).rejected(),       replacing(2),  Wait),
            ("known to be dead, its refresh held back",         held(3, 7200).rejected().but(Failed),    any.clone(), Serve),
            ("known to be dead, its refresh brought nothing new", held(3, 7200).rejected().but(Unchanged), any.clone(), Serve),
            ("known to be dead, the budget spent",              held(3, 7200).rejected().but(Spent), any.clone(), Serve),
            ("known to be dead, the budget spent, near its end", held(3, 60).rejected().but(Spent), any.clone(),  Wait),
            ("rejected near its end, the budget spent",         held(3, 60).rejected().but(Spent), replacing(3),  Wait),
            ("known to be dead and closed",                     held(3, 7200).rejected().closed(), any.clone(),   Serve),
            ("known to be dead, and expired",                   held(3, 0).rejected(),             any.clone(),   Wait),
            ("enough life",                                     held(1, 600),                      Need::Living(secs(600)), Serve),
            ("too little life",                                 held(1, 600),                      Need::Living(secs(601)), Wait),
            ("too little life, nothing new",                    held(1, 600).but(Unchanged),       Need::Living(secs(601)), HoldBack),
            ("as much life as a new one has",                   held(1, 600),                      Need::Living(secs(7190)), Wait),
            ("more life than a new one has",                    held(1, 600),                      Need::Living(secs(7191)), TooLong),
            ("more life than a new one has, and closed",        held(1, 600).closed(),             Need::Living(secs(7191)), TooLong),
            ("more life than this one had, near its end",       held(1, 240),                      Need::Living(secs(7191)), Wait),
        ];
        for (name, view, need, expected) in table {
            assert_eq!(decide(view, &need), expected, "{name}");
        }
    }

    #[test]
    fn what_is_plainly_good_is_served_whatever_else_is_known() {
        let longer = Need::Living(Duration::from_nanos(1));
        for (need, fresh, rejected, good) in [
            (Need::ANY, true, false, true),
            (Need::ANY, false, false, false),
            (Need::ANY, true, true, false),
            (longer, true, false, false),
            (Need::After(0), true, false, false),
        ] {
            assert_eq!(is_plainly_good(&need, fresh, rejected), good, "{need:?}");
        }
        for view in [held(1, 241), held(1, 241).but(HeldBack::Failed), held(1, 7200).closed()] {
            assert_eq!(decide(view, &Need::ANY), Decision::Serve);
        }
    }

    #[test]
    fn a_fetch_replaces_what_is_dead_whatever_it_was_asked_for() {
        let token = |generation| {
            let clock = Clock::default();
            AccessToken::new("t".into(), generation, secs(9), clock.now().after(secs(9)), secs(1), clock)
        };
        let of = |need, dead| need_of_fetch(&need, dead).rejected().map(AccessToken::generation);
        assert_eq!(of(Need::ANY, None), None);
        assert_eq!(of(Need::ANY, Some(token(3))), Some(3));
        assert_eq!(of(Need::Replacing(token(2)), Some(token(3))), Some(3));
        assert_eq!(of(Need::Replacing(token(2)), None), Some(2));
    }

    #[test]
    fn a_new_token_loses_no_more_than_half_its_life_on_its_way() {
        for (life, fetch_timeout, fresh) in [(7200, 10, 7190), (300, 150, 150), (300, 1000, 150)] {
            let held = held(1, life).held.map(|held| Held { life: secs(life), ..held });
            assert_eq!(held.map(|held| held.fresh(secs(fetch_timeout))), Some(secs(fresh)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_improvement_is_left_alone_for_half_of_what_is_left_of_it() {
        for (left, quiet) in [(7200, 30), (60, 30), (40, 20), (20, 10), (5, 10)] {
            let clock = Clock::shiftable();
            let expiry = clock.now().after(secs(left));
            let token = AccessToken::new("t".into(), 1, secs(7200), expiry, Duration::ZERO, clock);
            assert_eq!(quiet_after_unchanged(&token), secs(quiet), "{left}");
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
