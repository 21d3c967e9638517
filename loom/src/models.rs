//! The models. Each runs through every interleaving of its threads (of up to three preemptions where there are three).

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time::Duration,
};

use loom::{future::block_on, thread};

use crate::{
    flight::{Leader, Role, SingleFlight, Waiter},
    slot::{Slot, Versioned},
    sync::Arc,
};

/// What `TokenCache` allows itself.
const CALLS: usize = 4;
const ABORTED: u64 = 0;

struct Token(u64);

impl Versioned for Token {
    fn gives_way_to(&self, new: &Self) -> bool {
        new.0 > self.0
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// The cache, as far as threads meet in it. A token is its generation.
struct Cache {
    slot: Slot<Token>,
    flight: Arc<SingleFlight<u64>>,
    /// For the models to count with; loom need not know of these.
    mints: AtomicU64,
    minting: AtomicU64,
}

impl Cache {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            slot: Slot::empty(),
            flight: Arc::new(SingleFlight::new()),
            mints: AtomicU64::new(0),
            minting: AtomicU64::new(0),
        })
    }

    fn present(&self) -> u64 {
        self.slot.load().map_or(0, |token| token.0)
    }

    fn enter(&self, rejected: u64) -> Role<u64, u64> {
        self.enter_at(0, rejected)
    }

    /// The same at that second; a call takes one.
    fn enter_at(&self, second: u64, rejected: u64) -> Role<u64, u64> {
        let (now, ends) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        let newer = || Some(self.present()).filter(|&present| present > rejected);
        SingleFlight::enter(&self.flight, (now, ends), || ABORTED, newer)
    }

    /// Mints, publishes, ends the call.
    fn mint(&self, leader: Leader<u64>) {
        assert_eq!(self.minting.fetch_add(1, Relaxed), 0, "two flight at a time");
        let generation = self.mints.fetch_add(1, Relaxed) + 1;
        self.slot.install(&Arc::new(Token(generation)));
        self.minting.fetch_sub(1, Relaxed);
        leader.finish(generation);
    }

    /// A token later than `rejected`, as `Core::wait` gets it.
    fn later_than(&self, rejected: u64) -> u64 {
        for _ in 0..CALLS {
            let waiter = match self.enter(rejected) {
                Role::Decided(token) => return token,
                Role::Waiter(waiter) => waiter,
                Role::Leader(waiter, leader) => {
                    self.mint(leader);
                    waiter
                }
            };
            let token = block_on(waiter);
            if token > rejected {
                return token;
            }
        }
        panic!("{CALLS} calls brought nothing later than {rejected}");
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

fn first(cache: &Cache) -> (Waiter<u64>, Leader<u64>) {
    match cache.enter(0) {
        Role::Leader(waiter, leader) => (waiter, leader),
        _ => panic!("nobody mints yet"),
    }
}

/// Polls once, as a caller who then gives up.
fn poll_once(waiter: Waiter<u64>) {
    let mut waiter = pin!(waiter);
    let _: Poll<u64> = waiter.as_mut().poll(&mut Context::from_waker(Waker::noop()));
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
        assert_eq!(cache.mints.load(Relaxed), 1, "what a call published is seen under the lock");
    });
}

#[test]
fn nobody_who_waits_is_forgotten() {
    check(None, || {
        let cache = Cache::new();
        let (waiter, leader) = first(&cache);
        let waiter = thread::spawn(move || block_on(waiter));
        cache.mint(leader);
        assert_eq!(waiter.join().unwrap(), 1);
    });
}

#[test]
fn two_who_wait_are_both_told() {
    check(Some(3), || {
        let cache = Cache::new();
        let (one, leader) = first(&cache);
        let two = cache.flight.join().unwrap();
        let waiters = [one, two].map(|waiter| thread::spawn(move || block_on(waiter)));
        cache.mint(leader);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 1);
        }
    });
}

#[test]
fn who_waits_for_an_aborted_call_is_told_too() {
    check(Some(3), || {
        let cache = Cache::new();
        let (one, leader) = first(&cache);
        let two = cache.flight.join().unwrap();
        let waiters = [one, two].map(|waiter| thread::spawn(move || block_on(waiter)));
        drop(leader);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), ABORTED);
        }
        assert!(matches!(cache.enter(0), Role::Leader(..)), "the next may begin");
    });
}

#[test]
fn who_gives_up_harms_nobody() {
    check(Some(3), || {
        let cache = Cache::new();
        let (quitter, leader) = first(&cache);
        let stayer = cache.flight.join().unwrap();
        let quitter = thread::spawn(move || poll_once(quitter));
        let stayer = thread::spawn(move || block_on(stayer));
        cache.mint(leader);
        assert_eq!(stayer.join().unwrap(), 1);
        quitter.join().unwrap();
    });
}

#[test]
fn a_place_that_was_given_up_serves_the_next() {
    check(Some(3), || {
        let cache = Cache::new();
        let (one, leader) = first(&cache);
        let (quitter, two) = (cache.flight.join().unwrap(), cache.flight.join().unwrap());
        let one = thread::spawn(move || block_on(one));
        let two = thread::spawn(move || {
            poll_once(quitter);
            block_on(two)
        });
        cache.mint(leader);
        assert_eq!(one.join().unwrap(), 1);
        assert_eq!(two.join().unwrap(), 1);
    });
}

/// Whoever has the outcome of a call cannot join that call again: it would be the rejected token for an answer.
#[test]
fn a_call_that_told_its_outcome_cannot_be_joined() {
    check(None, || {
        let cache = Cache::new();
        let (waiter, leader) = first(&cache);
        let minter = spawn(&cache, |cache| cache.mint(leader));
        let rejected = block_on(waiter);
        assert!(matches!(cache.enter(rejected), Role::Leader(..)));
        minter.join().unwrap();
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
        // One who reads the slot is rejected before the call has ended.
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

/// The runtime of a call is kept, but nobody polls it, until it is.
#[test]
fn an_overdue_call_is_replaced_and_ends_for_itself_alone() {
    check(Some(3), || {
        let cache = Cache::new();
        let (waiter, late) = first(&cache);
        let waiter = thread::spawn(move || block_on(waiter));
        let (second, leader) = match cache.enter_at(1, 0) {
            Role::Leader(second, leader) => (second, leader),
            _ => panic!("the first call is overdue"),
        };
        let late = thread::spawn(move || drop(late));
        assert!(matches!(cache.enter_at(1, 0), Role::Waiter(_)), "the late one clears only itself");
        cache.mint(leader);
        assert_eq!(block_on(second), 1);
        assert_eq!(waiter.join().unwrap(), ABORTED, "who waits for the first is told");
        late.join().unwrap();
        assert!(cache.flight.join().is_none());
    });
}
