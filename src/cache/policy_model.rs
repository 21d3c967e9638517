//! The rules of the cache against simple models of them, on random schedules of time, failures, rejections and clocks.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*};

use super::{
    budget::PassiveBudget,
    history::History,
    policy::{Decision, Held, Need, Restraint, decide},
};
use crate::{
    clock::{Clock, Moment},
    error::{ErrorKind, TokenError},
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Both clocks, moved by hand.
struct Time {
    start: Moment,
    ran: u64,
    wall_offset: i64,
    set_forward: u64,
}

impl Time {
    fn new() -> Self {
        Self { start: Clock::default().now(), ran: 0, wall_offset: 0, set_forward: 0 }
    }

    fn now(&self) -> Moment {
        let monotonic = self.start.monotonic + ms(self.ran);
        let wall = self.start.wall + ms(self.ran);
        let moved = ms(self.wall_offset.unsigned_abs());
        Moment { monotonic, wall: if self.wall_offset < 0 { wall - moved } else { wall + moved } }
    }

    fn set_wall(&mut self, by: i64) {
        self.wall_offset += by;
        self.set_forward += u64::try_from(by).unwrap_or(0);
    }
}

// === decide ===

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(0), 1..5_u64, 0..8_000_u64].prop_map(Duration::from_secs)
}

fn held() -> impl Strategy<Value = Held> {
    (0..5_u64, duration(), duration(), any::<bool>()).prop_map(
        |(generation, left, window, being_replaced)| Held { generation, left, window, being_replaced },
    )
}

fn need() -> impl Strategy<Value = Need> {
    prop_oneof![duration().prop_map(Need::Living), (0..5_u64).prop_map(Need::NewerThan)]
}

proptest! {
    #[test]
    fn a_good_token_is_served_and_a_bad_one_never_nor_a_rejected_one_while_the_next_is_on_its_way(
        held in option::of(held()),
        need in need(),
        failed: bool,
        unchanged: bool,
    ) {
        let decision = decide(held, need, Restraint { failed, unchanged });
        let alive = held.is_some_and(|held| held.left > Duration::ZERO);
        let good = alive && held.is_some_and(|held| match need {
            Need::Living(least) => held.left >= least,
            Need::NewerThan(rejected) => held.generation > rejected,
        });
        let served = matches!(decision, Decision::Serve | Decision::ServeAndRefresh);
        let replaced = held.is_some_and(|held| held.being_replaced);
        prop_assert_eq!(served, good && (!replaced || failed || unchanged));
        let asks = matches!(decision, Decision::ServeAndRefresh | Decision::WaitForRefresh);
        let due = !good || replaced || held.is_some_and(|held| held.left <= held.window);
        let forbidden = failed || (unchanged && alive);
        prop_assert_eq!(asks, due && !forbidden);
    }
}

// === budget ===

#[derive(Clone, Copy, Debug)]
enum Tick {
    Run(u64),
    SetWall(i64),
    Take,
}

fn tick() -> impl Strategy<Value = Tick> {
    prop_oneof![
        4 => prop_oneof![0..5_000_u64, 50_000..70_000_u64, 0..600_000_u64].prop_map(Tick::Run),
        1 => (-7_200_000..7_200_000_i64).prop_map(Tick::SetWall),
        8 => Just(Tick::Take),
    ]
}

proptest! {
    #[test]
    fn no_span_of_time_sees_more_than_five_and_one_a_minute(ticks in vec(tick(), 0..200)) {
        let (mut time, mut budget) = (Time::new(), PassiveBudget::default());
        // When each was granted, in the time of a clock that counts whatever either clock has run or been set forward.
        let mut granted: Vec<u64> = Vec::new();
        for tick in ticks {
            match tick {
                Tick::Run(millis) => time.ran += millis,
                Tick::SetWall(by) => time.set_wall(by),
                Tick::Take => match budget.take(time.now()) {
                    Ok(()) => granted.push(time.ran + time.set_forward),
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO && wait <= ms(60_000));
                        let mut later = time.now();
                        later.monotonic += wait.saturating_sub(ms(1));
                        later.wall += wait.saturating_sub(ms(1));
                        prop_assert!(budget.clone().take(later).is_err(), "told to wait for too long");
                        later.monotonic += ms(1);
                        later.wall += ms(1);
                        prop_assert!(budget.clone().take(later).is_ok(), "told to come back too early");
                    }
                },
            }
        }
        for (i, first) in granted.iter().enumerate() {
            for (n, last) in granted.iter().enumerate().skip(i) {
                let most = 5 + (last - first) / 60_000;
                prop_assert!((n - i + 1) as u64 <= most, "{granted:?}");
            }
        }
        time.ran += 5 * 60_000;
        let now = time.now();
        prop_assert_eq!((0..10).filter(|_| budget.take(now).is_ok()).count(), 5, "five quiet minutes fill it");
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
    Rejected { left_secs: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop_oneof![0..1_000_u64, 0..40_000_u64, 0..4_000_000_u64].prop_map(Event::Run),
        3 => (any::<bool>(), option::weighted(0.2, 0..120_000_u64))
            .prop_map(|(transient, retry_after)| Event::Failed { transient, retry_after }),
        1 => (1..60_000_u64).prop_map(Event::FailedElsewhere),
        1 => Just(Event::Succeeded),
        1 => (1..30_000_u64).prop_map(Event::Unchanged),
        2 => (0..7_200_u64).prop_map(|left_secs| Event::Rejected { left_secs }),
    ]
}

/// What a `History` should know, in milliseconds of one clock.
#[derive(Default)]
struct Model {
    failures: u32,
    failed_until: u64,
    unchanged_until: u64,
    early: Vec<u64>,
    alarms: Vec<u64>,
}

impl Model {
    /// The shortest and longest wait after one more failure.
    fn waits(&self, transient: bool) -> (f64, f64) {
        let (first, last) = if transient { (0.5, 30.0) } else { (5.0, 300.0_f64) };
        let middle = (first * 2_f64.powi(i32::try_from(self.failures).unwrap())).min(last);
        (middle * 0.749, middle * 1.251)
    }

    fn rejected(&mut self, left_secs: u64, now: u64) -> bool {
        let lately = |times: &[u64]| times.iter().any(|at| now - at < 3_600_000);
        if left_secs < 600 {
            return false;
        }
        let alarm = lately(&self.early) && !lately(&self.alarms);
        self.early.push(now);
        self.alarms.extend(alarm.then_some(now));
        alarm
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
                    let wait = history.failed(&error, now);
                    let (least, most) = model.waits(transient);
                    let asked = retry_after.map_or(0.0, |wait| ms(wait).as_secs_f64());
                    prop_assert!(wait.as_secs_f64() >= least.max(asked), "{wait:?} after {} failures", model.failures);
                    prop_assert!(wait.as_secs_f64() <= most.max(asked), "{wait:?} after {} failures", model.failures);
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
                    (model.failures, model.failed_until, model.unchanged_until) = (0, 0, 0);
                }
                Event::Unchanged(wait) => {
                    history.unchanged(ms(wait), now);
                    model.unchanged_until = time.ran + wait;
                }
                Event::Rejected { left_secs } => {
                    let alarm = history.rejected(Duration::from_secs(left_secs), now);
                    prop_assert_eq!(alarm, model.rejected(left_secs, time.ran));
                }
            }
            let now = time.now();
            let expected = Restraint {
                failed: time.ran < model.failed_until,
                unchanged: time.ran < model.unchanged_until,
            };
            prop_assert_eq!(history.restraint(now), expected);
            let until = if expected.failed { model.failed_until } else { model.unchanged_until };
            let error = history.backed_off(now);
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
            left: ms(end.saturating_sub(self.time.ran)),
            window: ms(WINDOW),
            being_replaced: generation <= self.rejected && self.flight.is_some(),
        })
    }

    fn ask(&mut self, need: Need) -> Decision {
        let now = self.time.now();
        let decision = decide(self.held(), need, self.history.restraint(now));
        let asks = matches!(decision, Decision::ServeAndRefresh | Decision::WaitForRefresh);
        self.waiting += u32::from(decision == Decision::WaitForRefresh);
        if asks && self.flight.is_none() {
            let passive = matches!(need, Need::NewerThan(_)) && decision == Decision::WaitForRefresh;
            if passive {
                if let Err(pause) = self.history.spend(now) {
                    self.history.unchanged(pause.min(Duration::from_secs(5)), now);
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
                self.history.failed(&error, now);
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
                    let replaced = cache.held().is_some_and(|held| held.being_replaced);
                    let held_back = cache.history.restraint(cache.time.now()) != Restraint::default();
                    let decision = cache.ask(Need::Living(Duration::ZERO));
                    let served = matches!(decision, Decision::Serve | Decision::ServeAndRefresh);
                    prop_assert_eq!(served, good && (!replaced || held_back), "a living token is served");
                }
                Act::AskRejected => {
                    let generation = cache.token.map_or(0, |(generation, _)| generation);
                    cache.rejected = generation;
                    let decision = cache.ask(Need::NewerThan(generation));
                    let waits = matches!(decision, Decision::WaitForRefresh | Decision::BackedOff);
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
        cache.ask(Need::Living(Duration::ZERO));
        cache.run(1_000);
        prop_assert!(cache.held().is_some_and(|held| !held.left.is_zero()), "no failure is for ever");
    }
}
