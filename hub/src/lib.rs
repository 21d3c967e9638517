//! A token hub for WeChat: the one place that knows the app secrets.
//!
//! WeChat gives each app one global `access_token`, which expires and which a second program that asks for it can end. The
//! hub holds it, replaces it ahead of its end, and hands it to whoever may have it, in any language, over a Unix socket,
//! TCP or TLS. Programs in Rust ask it through
//! [`HubToken`](https://docs.rs/tower-wechat/latest/tower_wechat/issuer/struct.HubToken.html).
//!
//! This is the library: [`Hub`] as a service and as a server. The program `wechat-hub` is the same with a configuration file.
//!
//! # Protocol
//!
//! JSON over HTTP/1.1, with `Authorization: Bearer <client secret>`. `openapi.yaml` in the repository describes it in full.
//!
//! | call | answer |
//! |---|---|
//! | `GET /v1/apps/{app}/token` | the present token; with `min_ttl` one that lives at least so many seconds |
//! | the same with `newer_than` and `wait` | a token of a later generation, as soon as there is one; 204 if there is none in so many seconds (300 at most) |
//! | `POST /v1/apps/{app}/refresh` with `{"rejected": …}` | a better token than the one with this generation or text; costs nothing if it was replaced already |
//!
//! A token comes as `{"access_token", "expires_in", "generation", "platform"}`, with `cache-control: no-store`.
//!
//! Refusals are `application/problem+json` (RFC 9457): 400 for a question that cannot be understood, 401 for an unknown client,
//! 403 for a right that it lacks, 404 for an app that is not its or not there, 408, 413 and 431 for a request that is too slow
//! or too large, 429 with `retry-after` where it asks too often, and 503 where there is no token to be had, with WeChat's
//! `errcode` and `rid` where it gave one.

#![warn(unreachable_pub)]

mod admin;
mod caller;
mod client;
mod clock;
#[cfg(feature = "program")]
mod config;
mod day;
mod error;
mod hub;
mod known;
mod limits;
mod peer;
mod problem;
#[cfg(feature = "program")]
#[doc(hidden)]
pub mod program;
mod protocol;
mod secret;
mod serve;
mod shared;
mod table;
mod ticker;

pub use crate::{
    client::{Client, Right},
    error::Error,
    hub::{Hub, HubBuilder, Load},
    limits::Limits,
    peer::{Peer, Process},
    secret::{ClientSecret, SecretHash},
    serve::{ListenAddr, Server, Tls},
};
