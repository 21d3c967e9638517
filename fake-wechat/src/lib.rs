#![doc = include_str!("../README.md")]

mod answer;
mod api;
mod body;
mod builder;
mod clock;
mod control;
mod endpoints;
mod errmsg;
mod fake;
mod faults;
mod fingerprint;
mod gate;
mod log;
mod media;
mod multipart;
mod paths;
mod query;
mod range;
mod received;
mod reply;
mod rules;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod tickets;
mod tokens;
mod users;

pub use self::{
    answer::Answer, body::media_byte, builder::FakeWeChatBuilder, fake::FakeWeChat, faults::Fault,
    fingerprint::Fingerprint, gate::Hold, log::Seen,
};
