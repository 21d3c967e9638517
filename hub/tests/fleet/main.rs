//! Hubs and workers as real processes, with real signals: this test program starts itself again as a worker.

#![allow(clippy::disallowed_methods, reason = "real time")]

#[path = "../program/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod away;
mod bots;
mod crowd;
mod hub_token;
mod noise;
mod two_hubs;
mod worker;
