//! The cache: what it does for its callers, in one process.

mod a_day;
mod failures;
mod health;
mod news;
mod scenarios;
#[path = "../support/mod.rs"]
mod support;
mod warm;
