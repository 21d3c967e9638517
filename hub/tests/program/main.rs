//! The program, as a process with real signals.

#[path = "../support/mod.rs"]
mod support;

mod process;

mod admin;
mod bad_input;
mod capture;
mod commands;
mod ending;
mod log;
mod passes;
mod reload;
mod secrets;
mod serve;
