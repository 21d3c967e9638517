//! Protocol v1, over real sockets and with a fake WeChat behind.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod outages;
mod refresh;
mod token;
