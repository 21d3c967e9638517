//! The cache's single flight and slot, as they are, over loom's synchronisation.

#![cfg(test)]

#[path = "../../src/cache/flight.rs"]
mod flight;
mod models;
#[path = "../../src/cache/slot.rs"]
mod slot;
mod sync;
