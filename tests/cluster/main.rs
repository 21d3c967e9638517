//! Processes that share an account: the election, fleets, failures of one of them or of the store.

mod election;
mod fleet;
mod give_back;
mod model;
mod rare;
mod sharing;
mod storm;
#[path = "../support/mod.rs"]
mod support;
