//! The token goes to WeChat's hosts only, and neither it nor a secret shows anywhere.

mod hosts;
mod output;
#[path = "../support/mod.rs"]
mod support;
