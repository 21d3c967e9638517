//! WeChat's own token endpoints, answered by the hub.

#[path = "../support/mod.rs"]
mod support;

mod early;
mod outages;
mod shapes;
