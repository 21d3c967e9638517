//! Looking at the hub, over real sockets.

#[path = "../support/mod.rs"]
mod support;

mod devtools;
mod scene;

mod advice;
mod agree;
mod browser;
mod endpoints;
mod languages;
mod secrets;
mod text;
mod warm;
