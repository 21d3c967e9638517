//! Listeners, connections, and their limits.

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod ending;
mod slow;
mod tls;
mod unix;
