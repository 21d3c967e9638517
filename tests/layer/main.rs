//! The layer at its edges: waits that end, memory that is counted, sends that may have been carried out, odd input.

mod carried_out;
mod odd_input;
mod replay_memory;
#[path = "../support/mod.rs"]
mod support;
mod upload_goes_on;
mod waits;
