//! The cache's single flight and slot, as they are, over loom's synchronisation.

#![cfg(test)]

// The models use a part of it.
#[allow(dead_code)]
#[path = "../../src/cache/flight.rs"]
mod flight;
mod models;
#[path = "../../src/cache/slot.rs"]
mod slot;
mod sync;
