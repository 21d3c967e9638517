//! The layer over reqwest, and the issuers over their clients.

#[cfg(unix)]
mod hub;
mod issuer_client;
mod reqwest;
mod reqwest_middleware;
#[path = "../support/mod.rs"]
mod support;
