//! The layer: which requests get a token, what becomes of a rejection, and that bodies and answers arrive as they were.

mod answers;
mod bad_input;
mod bodies;
mod carried_out;
mod glob;
mod heal;
mod logs;
mod metrics;
mod odd_input;
mod placeholder;
mod promise;
mod replay_memory;
mod routes;
mod send;
mod stack;
#[path = "../support/mod.rs"]
mod support;
mod upload_goes_on;
mod waits;
mod wire;
