//! The election, model-checked: the real `TokenCache` of two or three processes over a store and an issuer that do nothing
//! until they are told to.
//!
//! Every call of a process (to the store, to the issuer) waits in a queue. The explorer decides which takes effect next,
//! and how: it may go wrong before or after its effect, the process may die or be frozen at that point, the store may go
//! down, the bell may stay silent. One run of a scenario makes a list of such choices; the explorer runs it again and
//! again until every list within the bounds was tried ([`explorer`]). Time is tokio's, paused, so a run of a virtual
//! minute takes a few milliseconds.
//!
//! - [`world`]: the processes and their calls under way; [`effects`]: what a choice does to a call; [`words`]: calls in words.
//! - [`account`]: the store by its rules; [`ports`]: the traits through which the caches call.
//! - [`choices`]: what may happen to a call, and what of it is a fault.
//! - [`run`]: one run, choice by choice; [`aftermath`]: its end, without faults; [`checks`]: what must hold.
//!
//! A state that another run has come to already is not tried again: a process is what it was told so far. (Not quite: the
//! poll's jitter and a few milliseconds may differ.)
//!
//! `ELECTION_FAULTS` and `ELECTION_DELAYS` together replace the bounds below; 2 and 1 take some minutes. A delay is a call
//! that others overtake, or a slow mint. A failing run prints its story, and how to run it alone.

mod account;
mod aftermath;
mod checks;
mod choices;
mod effects;
mod explorer;
mod ports;
mod run;
mod words;
mod world;

use explorer::{Scenario, Start, explore};

/// Faults and delays.
const TWO: [(usize, usize); 3] = [(0, 3), (1, 1), (2, 0)];
const THREE: [(usize, usize); 3] = [(0, 2), (1, 1), (2, 0)];

#[test]
fn two_start_cold_with_classic_mints() {
    explore(Scenario { processes: 2, start: Start::Cold, independent: false }, &TWO);
}

#[test]
fn two_start_cold_with_stable_mints() {
    explore(Scenario { processes: 2, start: Start::Cold, independent: true }, &TWO);
}

#[test]
fn two_see_a_classic_token_rejected() {
    explore(Scenario { processes: 2, start: Start::Rejected, independent: false }, &TWO);
}

#[test]
fn two_see_a_stable_token_rejected() {
    explore(Scenario { processes: 2, start: Start::Rejected, independent: true }, &TWO);
}

#[test]
fn three_start_cold() {
    explore(Scenario { processes: 3, start: Start::Cold, independent: false }, &THREE);
}

#[test]
fn three_see_a_token_rejected() {
    explore(Scenario { processes: 3, start: Start::Rejected, independent: false }, &THREE);
}

#[test]
fn two_need_a_longer_life() {
    explore(Scenario { processes: 2, start: Start::Old, independent: false }, &TWO);
}
