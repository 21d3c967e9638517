//! The models. Each runs through every interleaving of its threads (of up to three preemptions where there are three).

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    task::{Context, Poll, Waker},
};

use loom::{future::block_on, thread};

use crate::{
    flight::{Boarding, Join, Pilot, SingleFlight},
    slot::{Generation, Slot},
    sync::Arc,
};

/// What `TokenCache` allows itself.
const BOARDINGS: usize = 3;
const ABORTED: u64 = 0;

struct Token(u64);

impl Generation for Token {
    fn generation(&self) -> u64 {
        self.0
    }
}

/// The cache, as far as threads meet in it. A token is its generation.
struct Cache {
    slot: Slot<Token>,
    flights: Arc<SingleFlight<u64>>,
    /// For the models to count with; loom need not know of these.
    mints: AtomicU64,
    flying: AtomicU64,
}

impl Cache {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            slot: Slot::empty(),
            flights: Arc::new(SingleFlight::new()),
            mints: AtomicU64::new(0),
            flying: AtomicU64::new(0),
        })
    }

    fn present(&self) -> u64 {
        self.slot.load().map_or(0, |token| token.generation())
    }

    fn board(&self, rejected: u64) -> Boarding<u64, u64> {
        SingleFlight::board(
            &self.flights,
            || ABORTED,
            |_| Some(self.present()).filter(|&present| present > rejected),
        )
    }

    /// Mints, publishes, lands.
    fn fly(&self, pilot: Pilot<u64>) {
        assert_eq!(self.flying.fetch_add(1, Relaxed), 0, "two flights at a time");
        let generation = self.mints.fetch_add(1, Relaxed) + 1;
        self.slot.install(&Arc::new(Token(generation)));
        self.flying.fetch_sub(1, Relaxed);
        pilot.land(generation);
    }

    /// A token later than `rejected`, as `Shared::wait` gets it.
    fn later_than(&self, rejected: u64) -> u64 {
        for _ in 0..BOARDINGS {
            let join = match self.board(rejected) {
                Boarding::Decided(token) => return token,
                Boarding::Joined(join) => join,
                Boarding::First(join, pilot) => {
                    self.fly(pilot);
                    join
                }
            };
            let token = block_on(join);
            if token > rejected {
                return token;
            }
        }
        panic!("{BOARDINGS} boardings brought nothing later than {rejected}");
    }
}

/// Runs `model` with up to this many preemptions, or any number.
fn check(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(model);
}

fn spawn<T: 'static>(cache: &Arc<Cache>, run: impl FnOnce(&Cache) -> T + 'static) -> thread::JoinHandle<T> {
    let cache = cache.clone();
    thread::spawn(move || run(&cache))
}

fn first(cache: &Cache) -> (Join<u64>, Pilot<u64>) {
    match cache.board(0) {
        Boarding::First(join, pilot) => (join, pilot),
        _ => panic!("nobody flies yet"),
    }
}

/// Polls once, as a caller who then gives up.
fn poll_once(join: Join<u64>) {
    let mut join = pin!(join);
    let _: Poll<u64> = join.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn a_cold_herd_is_one_mint() {
    check(Some(3), || {
        let cache = Cache::new();
        let others = [(), ()].map(|()| spawn(&cache, |cache| cache.later_than(0)));
        assert_eq!(cache.later_than(0), 1);
        for other in others {
            assert_eq!(other.join().unwrap(), 1);
        }
        assert_eq!(cache.mints.load(Relaxed), 1, "what a flight published is seen under the lock");
    });
}

#[test]
fn nobody_who_waits_is_forgotten() {
    check(None, || {
        let cache = Cache::new();
        let (join, pilot) = first(&cache);
        let waiter = thread::spawn(move || block_on(join));
        cache.fly(pilot);
        assert_eq!(waiter.join().unwrap(), 1);
    });
}

#[test]
fn two_who_wait_are_both_told() {
    check(Some(3), || {
        let cache = Cache::new();
        let (one, pilot) = first(&cache);
        let two = cache.flights.join().unwrap();
        let waiters = [one, two].map(|join| thread::spawn(move || block_on(join)));
        cache.fly(pilot);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 1);
        }
    });
}

#[test]
fn an_aborted_flight_is_told_too() {
    check(Some(3), || {
        let cache = Cache::new();
        let (one, pilot) = first(&cache);
        let two = cache.flights.join().unwrap();
        let waiters = [one, two].map(|join| thread::spawn(move || block_on(join)));
        drop(pilot);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), ABORTED);
        }
        assert!(matches!(cache.board(0), Boarding::First(..)), "the way is free");
    });
}

#[test]
fn who_gives_up_harms_nobody() {
    check(Some(3), || {
        let cache = Cache::new();
        let (quitter, pilot) = first(&cache);
        let stayer = cache.flights.join().unwrap();
        let quitter = thread::spawn(move || poll_once(quitter));
        let stayer = thread::spawn(move || block_on(stayer));
        cache.fly(pilot);
        assert_eq!(stayer.join().unwrap(), 1);
        quitter.join().unwrap();
    });
}

#[test]
fn a_seat_that_was_given_up_serves_the_next() {
    check(Some(3), || {
        let cache = Cache::new();
        let (one, pilot) = first(&cache);
        let (quitter, two) = (cache.flights.join().unwrap(), cache.flights.join().unwrap());
        let one = thread::spawn(move || block_on(one));
        let two = thread::spawn(move || {
            poll_once(quitter);
            block_on(two)
        });
        cache.fly(pilot);
        assert_eq!(one.join().unwrap(), 1);
        assert_eq!(two.join().unwrap(), 1);
    });
}

/// Whoever has the outcome of a flight cannot board that flight again: it would be the rejected token for an answer.
#[test]
fn a_flight_that_told_its_outcome_has_left() {
    check(None, || {
        let cache = Cache::new();
        let (join, pilot) = first(&cache);
        let flyer = spawn(&cache, |cache| cache.fly(pilot));
        let rejected = block_on(join);
        assert!(matches!(cache.board(rejected), Boarding::First(..)));
        flyer.join().unwrap();
    });
}

#[test]
fn nobody_gets_back_what_was_rejected() {
    check(Some(2), || {
        let cache = Cache::new();
        let callers = [(), ()].map(|()| {
            spawn(&cache, |cache| {
                let rejected = cache.later_than(0);
                assert!(cache.later_than(rejected) > rejected);
            })
        });
        // One who reads the slot is rejected before the flight has landed.
        let rejected = cache.present();
        assert!(cache.later_than(rejected) > rejected);
        for caller in callers {
            caller.join().unwrap();
        }
    });
}

#[test]
fn one_rejection_is_one_mint() {
    check(Some(3), || {
        let cache = Cache::new();
        assert_eq!(cache.later_than(0), 1);
        let others = [(), ()].map(|()| spawn(&cache, |cache| cache.later_than(1)));
        assert_eq!(cache.later_than(1), 2);
        for other in others {
            assert_eq!(other.join().unwrap(), 2);
        }
        assert_eq!(cache.mints.load(Relaxed), 2);
    });
}

#[test]
fn the_slot_never_goes_back() {
    check(Some(3), || {
        let cache = Cache::new();
        let install =
            |generation| spawn(&cache, move |cache| cache.slot.install(&Arc::new(Token(generation))));
        let (two, one) = (install(2), install(1));
        let (first, second) = (cache.present(), cache.present());
        assert!(first <= second, "{first}, then {second}");
        assert!(two.join().unwrap(), "the newest always gets in");
        one.join().unwrap();
        assert_eq!(cache.present(), 2);
    });
}

#[test]
fn an_amendment_gives_way_to_a_later_token() {
    check(None, || {
        let cache = Cache::new();
        cache.slot.install(&Arc::new(Token(1)));
        let newer = spawn(&cache, |cache| cache.slot.install(&Arc::new(Token(2))));
        let amended = Arc::new(Token(1));
        cache.slot.amend(&amended);
        assert!(newer.join().unwrap());
        assert_eq!(cache.present(), 2);
        assert!(!cache.slot.amend(&amended), "too late");
    });
}
