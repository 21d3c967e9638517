//! A tiny SDK: typed calls to WeChat over `tower-wechat`.
//!
//! It has four calls, and all that a large SDK needs around them. Read it in this order:
//!
//! 1. `http_service.rs`: [`HttpService`], what the SDK asks of the HTTP client that its user brings.
//! 2. `client.rs`: [`Client`], which is generic over that, and turns answers into types and errors.
//! 3. `error.rs`: [`Error`], which says whether WeChat refused or there was no answer.
//! 4. `users.rs`, `messages.rs`, `qr_codes.rs`, `media.rs`: the calls. Each is a few lines.
//! 5. `tests/`: tests in ten lines, against a `FakeWeChat` and against a closure.
//!
//! Nothing in here knows tokens. The layer puts them in, replaces them and sends a rejected request once more. What is left
//! of that to see for the SDK's user is [`Answer::auth`].

mod client;
mod error;
mod http_service;
mod media;
mod messages;
mod qr_codes;
mod users;

pub use crate::{
    client::{Answer, Client},
    error::Error,
    http_service::{BoxError, HttpService},
    media::{Media, MediaKind},
    qr_codes::{NewQrCode, QrCode},
    users::User,
};
