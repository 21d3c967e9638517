//! The stores, each by itself.

mod file;
mod memory;
mod redis;
mod sealed;
#[path = "../support/mod.rs"]
mod support;
