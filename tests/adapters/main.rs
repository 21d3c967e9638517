//! The layer over reqwest, and the issuers over their clients.

mod issuer_client;
mod reqwest;
mod reqwest_middleware;
#[path = "../support/mod.rs"]
mod support;
