//! Calls that the hub sends on.

#[path = "../support/mod.rs"]
mod support;
mod upstream;

mod bad_input;
mod callers;
mod gone;
mod heads;
mod healing;
mod hiding;
mod paths;
mod secrets;
mod streams;
mod users;
