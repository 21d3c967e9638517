//! The rules of the cache against simple models of them, on random schedules of time, failures, rejections and clocks.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*};

use super::{
    budget::{Rejected, take_refresh},
    history::History,
    policy::{Decision, Held, HeldBack, Need, View, decide},
};
use crate::{
    clock::{Clock, Moment},
    error::{ErrorKind, TokenError},
    issuer::Allowance,
    store::Usage,
};

/// The budget of these models.
const ALLOWANCE: Allowance = Allowance { at_once: 5, every: Duration::from_secs(60) };

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Both clocks, moved by hand.
struct Time {
    start: Moment,
    ran: u64,
    wall_offset: i64,
}

impl Time {
    fn new() -> Self {
        Self { start: Clock::default().now(), ran: 0, wall_offset: 0 }
    }

    fn now(&self) -> Moment {
        let monotonic = self.start.monotonic + ms(self.ran);
        let wall = self.start.wall + ms(self.ran);
        let moved = ms(self.wall_offset.unsigned_abs());
        Moment { monotonic, wall: if self.wall_offset < 0 { wall - moved } else { wall + moved } }
    }
}

// === decide ===

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(0), 1..5_u64, 0..8_000_u64].prop_map(Duration::from_secs)
}

fn held() -> impl Strategy<Value = Held> {
    (0..5_u64, duration(), duration(), any::<bool>()).prop_map(|(generation, left, window, rejected)| Held {
        generation,
        life: left.max(window),
        left,
        window,
        rejected,
    })
}

fn need() -> impl Strategy<Value = Need> {
    prop_oneof![duration().prop_map(Need::Living), (0..5_u64).prop_map(Need::After)]
}

fn held_back() -> impl Strategy<Value = Option<HeldBack>> {
    option::of(prop_oneof![Just(HeldBack::Failed), Just(HeldBack::Unchanged), Just(HeldBack::Spent)])
}

proptest! {
    #[test]
    fn a_good_token_is_served_and_a_bad_one_never_nor_a_rejected_one_that_can_be_replaced(
        held in option::of(held()),
        need in need(),
        held_back in held_back(),
        closed: bool,
    ) {
        let decision = decide(View { held, held_back, closed, fetch_timeout: ms(10_000) }, &need);
        let alive = held.is_some_and(|held| held.left > Duration::ZERO);
        let good = alive && held.is_some_and(|held| match need {
            Need::Living(least) => held.left >= least,
            Need::After(generation) => held.generation > generation,
            Need::Replacing(_) => unreachable!(),
        });
        let served = matches!(decision, Decision::Serve | Decision::ServeAndRefresh);
        let rejected = held.is_some_and(|held| held.rejected);
        let near_its_end = held.is_none_or(|held| held.left <= held.window);
        let held_back = held_back.filter(|held_back| *held_back != HeldBack::Spent || !near_its_end);
        prop_assert_eq!(served, good && (!rejected || held_back.is_some() || closed));
        let asks = matches!(decision, Decision::ServeAndRefresh | Decision::Wait);
        let due = !good || rejected || held.is_some_and(|held| held.left <= held.window);
        let forbidden = closed || match held_back {
            Some(HeldBack::Failed) => true,
            Some(_) => alive,
            None => false,
        };
        prop_assert_eq!(asks, due && !forbidden && decision != Decision::TooLong);
        prop_assert!(decision != Decision::TooLong || matches!(need, Need::Living(least) if !least.is_zero()));
    }
}

// === budget ===

proptest! {
    #[test]
    fn no_span_of_time_sees_more_than_the_allowance(steps in vec((0..90_000_u64, 0..5_u8), 0..300)) {
        let (mut usage, mut ran, mut granted) = (Usage::default(), 0, Vec::new());
        for (millis, asks) in steps {
            ran += millis;
            usage = usage.aged(ms(millis));
            for _ in 0..asks {
                let rejected = Rejected { generation: 1, age: ms(0), helped: None };
                match take_refresh(&mut usage, rejected, ALLOWANCE) {
                    Ok(()) => granted.push(ran),
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO && wait <= ms(60_000));
                        let after = |wait: Duration| take_refresh(&mut usage.clone().aged(wait), rejected, ALLOWANCE);
                        prop_assert!(after(wait.saturating_sub(ms(1))).is_err(), "told to wait for too long");
                        prop_assert!(after(wait).is_ok(), "told to come back too early");
                    }
                }
            }
        }
        for (i, first) in granted.iter().enumerate() {
            for (n, last) in granted.iter().enumerate().skip(i) {
                let most = 5 + (last - first) / 60_000;
                prop_assert!((n - i + 1) as u64 <= most, "{granted:?}");
            }
        }
        usage = usage.aged(ms(5 * 60_000));
        let rejected = Rejected { generation: 1, age: ms(0), helped: None };
        let full = (0..10).filter(|_| take_refresh(&mut usage, rejected, ALLOWANCE).is_ok()).count();
        prop_assert_eq!(full, 5, "five quiet minutes fill it");
    }
}

// === history ===

#[derive(Clone, Copy, Debug)]
enum Event {
    Run(u64),
    Failed { transient: bool, retry_after: Option<u64> },
    FailedElsewhere(u64),
    Succeeded,
    Unchanged(u64),
    Spent(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop_oneof![0..1_000_u64, 0..40_000_u64, 0..4_000_000_u64].prop_map(Event::Run),
        3 => (any::<bool>(), option::weighted(0.2, 0..120_000_u64))
            .prop_map(|(transient, retry_after)| Event::Failed { transient, retry_after }),
        1 => (1..60_000_u64).prop_map(Event::FailedElsewhere),
        1 => Just(Event::Succeeded),
        1 => (1..30_000_u64).prop_map(Event::Unchanged),
        1 => (1..300_000_u64).prop_map(Event::Spent),
    ]
}

/// What a `History` should know, in milliseconds of one clock.
#[derive(Default)]
struct Model {
    failures: u32,
    failed_until: u64,
    unchanged_until: u64,
    spent_until: u64,
}

impl Model {
    /// The shortest and longest wait after one more failure.
    fn waits(&self, transient: bool, asked: f64) -> (f64, f64) {
        let (first, last) = if transient { (0.5, 30.0) } else { (5.0, 300.0_f64) };
        let first = f64::max(first, asked);
        let middle = (first * 2_f64.powi(i32::try_from(self.failures.min(16)).unwrap())).min(last);
        (f64::max(middle * 0.749, asked), f64::max(middle * 1.251, asked))
    }

    fn held_back(&self, now: u64) -> Option<(HeldBack, u64)> {
        [
            (HeldBack::Failed, self.failed_until),
            (HeldBack::Spent, self.spent_until),
            (HeldBack::Unchanged, self.unchanged_until),
        ]
        .into_iter()
        .find(|(_, until)| now < *until)
    }
}

proptest! {
    #[test]
    fn the_past_forbids_what_it_should_for_as_long_as_it_should(events in vec(event(), 0..100)) {
        let (mut time, mut history, mut model) = (Time::new(), History::default(), Model::default());
        for event in events {
            let now = time.now();
            match event {
                Event::Run(millis) => time.ran += millis,
                Event::Failed { transient, retry_after } => {
                    let mut error = if transient { TokenError::transient("t") } else { TokenError::permanent("p") };
                    if let Some(wait) = retry_after {
                        error = error.with_retry_after(ms(wait));
                    }
                    let wait = history.failed(&error, 0, now);
                    let (least, most) =
                        model.waits(transient, retry_after.map_or(0.0, |wait| ms(wait).as_secs_f64()));
                    prop_assert!(wait.as_secs_f64() >= least, "{wait:?} after {} failures", model.failures);
                    prop_assert!(wait.as_secs_f64() <= most, "{wait:?} after {} failures", model.failures);
                    model.failures += 1;
                    // Time here runs in whole milliseconds.
                    model.failed_until = time.ran + u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap();
                }
                Event::FailedElsewhere(wait) => {
                    history.hold_back(&TokenError::transient("elsewhere"), ms(wait), now);
                    model.failed_until = time.ran + wait;
                }
                Event::Succeeded => {
                    history.succeeded();
                    model = Model::default();
                }
                Event::Unchanged(wait) => {
                    history.unchanged(ms(wait), now);
                    model.unchanged_until = time.ran + wait;
                }
                Event::Spent(wait) => {
                    history.spent(ms(wait), now);
                    model.spent_until = time.ran + wait;
                }
            }
            let now = time.now();
            let expected = model.held_back(time.ran);
            prop_assert_eq!(history.held_back(now), expected.map(|(held_back, _)| held_back));
            let until = expected.map_or(0, |(_, until)| until);
            let error = history.error(now);
            prop_assert_eq!(error.kind(), ErrorKind::BackedOff);
            let told = error.retry_after().unwrap();
            let left = ms(until.saturating_sub(time.ran));
            prop_assert!(told <= left && told + ms(1) > left, "{told:?} of {left:?}");
        }
    }
}

// === together ===

/// What happens to a small cache without threads: who asks, what the endpoint answers, who gives up.
#[derive(Clone, Copy, Debug)]
enum Act {
    Run(u64),
    Ask,
    AskRejected,
    GiveUp,
    Up,
    Down { for_good: bool },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => prop_oneof![1..2_000_u64, 1..60_000_u64, 1..2_000_000_u64].prop_map(Act::Run),
        6 => Just(Act::Ask),
        4 => Just(Act::AskRejected),
        2 => Just(Act::GiveUp),
        1 => Just(Act::Up),
        1 => any::<bool>().prop_map(|for_good| Act::Down { for_good }),
    ]
}

const LIFE: u64 = 7_200_000;
const WINDOW: u64 = 240_000;
/// How long a mint takes.
const MINT: u64 = 300;

/// A cache as the rules make it: at most one mint under way, which ends by itself.
struct Small {
    time: Time,
    history: History,
    /// Generation and end of the token.
    token: Option<(u64, u64)>,
    /// The latest generation that was rejected.
    rejected: u64,
    /// End of the mint under way.
    flight: Option<u64>,
    usage: Usage,
    waiting: u32,
    up: bool,
    for_good: bool,
    minted: u64,
    failed_at: Vec<u64>,
    passive: Vec<u64>,
}

impl Small {
    fn new() -> Self {
        Self {
            time: Time::new(),
            history: History::default(),
            token: None,
            rejected: 0,
            flight: None,
            usage: Usage::default(),
            waiting: 0,
            up: true,
            for_good: false,
            minted: 0,
            failed_at: Vec::new(),
            passive: Vec::new(),
        }
    }

    fn held(&self) -> Option<Held> {
        self.token.map(|(generation, end)| Held {
            generation,
            life: ms(LIFE),
            left: ms(end.saturating_sub(self.time.ran)),
            window: ms(WINDOW),
            rejected: generation <= self.rejected,
        })
    }

    fn view(&self) -> View {
        let held_back = self.history.held_back(self.time.now());
        View { held: self.held(), held_back, closed: false, fetch_timeout: ms(10_000) }
    }

    fn ask(&mut self, need: &Need) -> Decision {
        let now = self.time.now();
        let decision = decide(self.view(), need);
        let asks = matches!(decision, Decision::ServeAndRefresh | Decision::Wait);
        self.waiting += u32::from(decision == Decision::Wait);
        if asks && self.flight.is_none() {
            let dead = self.held().filter(|held| held.rejected && !held.left.is_zero());
            if let Some(dead) = dead {
                let rejected = Rejected { generation: dead.generation, age: ms(0), helped: None };
                if let Err(wait) = take_refresh(&mut self.usage, rejected, ALLOWANCE) {
                    self.history.spent(wait, now);
                    self.waiting = 0;
                    return decision;
                }
                self.passive.push(self.time.ran);
            }
            self.flight = Some(self.time.ran + MINT);
        }
        decision
    }

    fn run(&mut self, millis: u64) {
        let until = self.time.ran + millis;
        self.usage = std::mem::take(&mut self.usage).aged(ms(millis));
        if let Some(end) = self.flight.filter(|end| *end <= until) {
            self.time.ran = end;
            self.flight = None;
            self.waiting = 0;
            let now = self.time.now();
            if self.up {
                self.minted += 1;
                self.token = Some((self.minted, end + LIFE));
                self.history.succeeded();
                self.failed_at.clear();
            } else {
                let error =
                    if self.for_good { TokenError::permanent("p") } else { TokenError::transient("t") };
                self.history.failed(&error, 0, now);
                self.failed_at.push(end);
            }
        }
        self.time.ran = until;
    }
}

proptest! {
    #[test]
    fn a_small_cache_keeps_the_promise(acts in vec(act(), 0..300)) {
        let mut cache = Small::new();
        for act in acts {
            let good = cache.held().is_some_and(|held| !held.left.is_zero());
            match act {
                Act::Run(millis) => cache.run(millis),
                Act::Ask => {
                    let view = cache.view();
                    let rejected = view.held.is_some_and(|held| held.rejected);
                    let decision = cache.ask(&Need::ANY);
                    let served = matches!(decision, Decision::Serve | Decision::ServeAndRefresh);
                    let replaceable = rejected && view.held_back.is_none();
                    prop_assert_eq!(served, good && !replaceable, "a living token is served");
                }
                Act::AskRejected => {
                    let generation = cache.token.map_or(0, |(generation, _)| generation);
                    cache.rejected = generation;
                    let decision = cache.ask(&Need::After(generation));
                    let waits = matches!(decision, Decision::Wait | Decision::HoldBack);
                    prop_assert!(waits, "what was rejected is no answer");
                }
                Act::GiveUp => cache.waiting = cache.waiting.saturating_sub(1),
                Act::Up => cache.up = true,
                Act::Down { for_good } => (cache.up, cache.for_good) = (false, for_good),
            }
            prop_assert!(cache.waiting == 0 || cache.flight.is_some(), "somebody waits for nothing");
        }
        for (n, pair) in cache.failed_at.windows(2).enumerate() {
            let least = ((500 * 3 / 4) << n.min(5)).min(22_500);
            prop_assert!(pair[1] - pair[0] >= least, "try {n} came {} ms after the last", pair[1] - pair[0]);
        }
        for (i, first) in cache.passive.iter().enumerate() {
            for (n, last) in cache.passive.iter().enumerate().skip(i) {
                prop_assert!((n - i) as u64 <= 4 + (last - first) / 60_000);
            }
        }
        // However it went: the endpoint is well again, ten minutes pass, and there is a token.
        (cache.up, cache.waiting) = (true, 0);
        cache.run(1_000);
        cache.run(600_000);
        cache.ask(&Need::ANY);
        cache.run(1_000);
        prop_assert!(cache.held().is_some_and(|held| !held.left.is_zero()), "no failure is for ever");
    }
}
