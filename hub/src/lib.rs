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
//! A client that shuts down its side of a connection while it waits is taken to be gone.
//!
//! A token comes as `{"access_token", "expires_in", "generation", "platform"}`, with `cache-control: no-store`.
//!
//! Refusals are `application/problem+json` (RFC 9457): 400 for a question that cannot be understood, 401 for an unknown client,
//! 403 for a right that it lacks, 404 for an app that is not its or not there, 408, 413 and 431 for a request that is too slow
//! or too large, 422 for a `min_ttl` that no token has, 429 with `retry-after` where it asks too often, and 503 where there is no token to be had, with WeChat's
//! `errcode` and `rid` where it gave one.
//!
//! # WeChat's own endpoints
//!
//! An SDK that knows nothing of hubs has the hub for its base URL, and the client's secret for its app secret.
//!
//! | call | answer |
//! |---|---|
//! | `/cgi-bin/token`, `/cgi-bin/stable_token`, `/cgi-bin/gettoken` | in WeChat's shape: the real token for a client with the right `token`, else a pass for one with the right `proxy` |
//! | any other path, with a pass or a real token as `access_token`, or as `Authorization: Bearer`; or with the client's secret there, and the app in `x-wechat-app` | WeChat's own, to the call with the real token; `x-wechat-hub` says what was done |
//! | `/sns/jscode2session`, `/sns/oauth2/access_token`, `/cgi-bin/clear_quota/v2` with the client's secret | WeChat's own, to the call with the app's secret |
//! | `/sns/userinfo`, `/sns/auth`, `/sns/oauth2/refresh_token` | WeChat's own, to the call as it is |
//!
//! Refusals are `{"errcode": …, "errmsg": "wechat-hub: …"}`, whatever their status: 40001 for a secret that is no client's, 40013 for an
//! app, 48001 for a right or a path that the client lacks, 45009 with `retry-after` over its rate, 42001 for a pass that is not good,
//! 41001 for none, WeChat's own code where there is no token to be had (45011 where it gave none), 61450 where WeChat does not answer.
//! `docs/sdks` in the repository says how to set up some SDKs.
//!
//! # Looking at it
//!
//! [`Hub::admin_service`] has `/healthz`, `/readyz`, `/metrics` and a status page, for an address of its own.
//!
//! # Metrics
//!
//! Through the [`metrics`](https://docs.rs/metrics) facade: those of
//! [`tower-wechat`](https://docs.rs/tower-wechat/latest/tower_wechat/#metrics), which have the label `account`, and these. The
//! gauges are set when `/metrics` is asked for, and so is `tower_wechat_token_expiry_seconds`.
//!
//! <!-- begin metrics -->
//!
//! | metric | kind | labels | says |
//! |---|---|---|---|
//! | `wechat_hub_tokens_served_total` | counter | `client` | Tokens handed out |
//! | `wechat_hub_passes_total` | counter | `client` | Passes handed out |
//! | `wechat_hub_calls_total` | counter | `client`, `outcome` | Calls of APIs that were answered |
//! | `wechat_hub_verifications_total` | counter | `app` | Calls of the hub's own that made sure of a token |
//! | `wechat_hub_refusals_total` | counter | `status` | Requests refused |
//! | `wechat_hub_ready` | gauge | | What /readyz says: 1 once every app that is kept warm has a token, else 0 |
//! | `wechat_hub_connections` | gauge | | Connections to the hub's listeners, without those to its admin address |
//! | `wechat_hub_idle_connections` | gauge | | Those of them on which no request is being answered |
//! | `wechat_hub_long_polls` | gauge | `client` | Questions that wait for a later token |
//! | `wechat_hub_client_seen_timestamp_seconds` | gauge, s | `client` | When the client last asked for anything, since 1970; absent before the first time |
//! | `wechat_hub_app_info` | gauge | `app`, `account`, `platform` | 1 for each app: which account it is in the other metrics, and its platform |
//! | `tower_wechat_token_expiry_seconds` | gauge, s | `account` | What is left of the present token's life; zero without one |
//! | `wechat_hub_refreshes_left` | gauge | `account` | Refreshes in answer to rejections that the budget has left |
//! | `wechat_hub_futile_refreshes_left` | gauge | `account` | How many of them may bring a token that is rejected, too |
//! | `wechat_hub_held_back` | gauge | `account` | 1 while a failure or a spent budget forbids to replace the token, else 0 |
//! | `wechat_hub_store_down` | gauge | `account` | 1 if the store could not be used the last time, else 0 |
//!
//! <!-- end metrics -->
//!
//! `outcome` is `forwarded`, `replayed` after a rejection, or `not-replayed`. `docs/operating/metrics.md` in the repository lists the
//! events, too.
//!
//! There are as many series as the configuration has apps and clients. `wechat_hub_app_info` joins the name of an app to what
//! is told of its account: `tower_wechat_token_expiry_seconds * on(account) group_left(app) wechat_hub_app_info`.

#![warn(unreachable_pub)]

mod admin;
mod app;
mod ask;
mod base;
mod body;
mod caller;
mod client;
mod clock;
#[cfg(feature = "program")]
mod config;
mod day;
mod error;
mod facade;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod hub;
mod known;
mod limits;
mod pass;
mod paths;
mod peer;
mod problem;
#[cfg(feature = "program")]
#[doc(hidden)]
pub mod program;
mod protocol;
mod proxy;
mod recent;
mod secret;
mod serve;
mod service;
mod shared;
mod table;
mod telemetry;
mod ticker;
mod told;
mod upstream;
mod verify;

pub use crate::{
    client::{Client, Right},
    error::Error,
    hub::{Hub, HubBuilder, Load},
    limits::Limits,
    pass::PassKey,
    peer::{Peer, Process},
    secret::{ClientSecret, SecretHash},
    serve::{ListenAddr, Server, Tls},
    verify::Verify,
};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
