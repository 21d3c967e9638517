//! A token hub for WeChat: the one place that knows the app secrets.
//!
//! WeChat gives each app one global `access_token`, which expires and which a second program that asks for it can end. The
//! hub holds it, replaces it ahead of its end, and hands it to whoever may have it, in any language, over a Unix socket,
//! TCP or TLS. Programs in Rust ask it through
//! [`HubToken`](https://docs.rs/tower-wechat/latest/tower_wechat/issuer/struct.HubToken.html).
//!
//! This is the library: [`Hub`] as a service and as a server, for a program of your own that is to be the hub. The program
//! `wechat-hub` is the same with a configuration file; the README of this package is about it.
//!
//! # Start
//!
//! A hub for one app and two programs. One gets the real token; the other calls WeChat through the hub, and never sees it.
//!
//! ```
//! use tower_wechat::{TokenCache, issuer::{HubToken, StableToken}};
//! use wechat_hub::{Client, ClientSecret, Hub, Right};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use fake_wechat::FakeWeChat;
//! # let wechat = FakeWeChat::start().await;
//! # let (app, app_secret) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
//! # let issuer = StableToken::new(app, app_secret).base_url(&wechat.url())?;
//! # /*
//! let issuer = StableToken::new(app, app_secret);
//! # */
//! // Each program has a secret of its own; the hub keeps its hash.
//! let (worker, agent) = (ClientSecret::generate()?, ClientSecret::generate()?);
//! let hub = Hub::builder()
//!     .app(app, TokenCache::new(issuer)) // kept warm
//!     .client(
//!         Client::new("worker", worker.hash().to_string())
//!             .apps([app])
//!             .rights([Right::Token, Right::Refresh]),
//!     )
//!     .client(
//!         Client::new("agent", agent.hash().to_string())
//!             .apps([app])
//!             .rights([Right::Proxy])
//!             .paths(["/cgi-bin/message/**"]),
//!     )
//!     .build()?;
//! let server = hub.serve_tcp("127.0.0.1:0")?;
//! let url = format!("http://{}", server.local_addr());
//!
//! // In the worker, another process:
//! let issuer = HubToken::tcp(&url, app, worker.expose())?;
//! let token = TokenCache::new(issuer).token().await?;
//! # assert_eq!(wechat.mints(), 1);
//! # drop(token);
//! # server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! | to do | call |
//! |---|---|
//! | serve it | [`serve_unix`](Hub::serve_unix), [`serve_tcp`](Hub::serve_tcp) on loopback, [`serve_tls`](Hub::serve_tls), or [`service`](Hub::service) in a server of yours |
//! | take whoever may open the socket for a client | [`unix_client`](HubBuilder::unix_client) |
//! | change apps and clients while it runs | [`reconfigure`](Hub::reconfigure); a certificate: [`Tls::replace`] |
//! | have two hubs, either of which may die | the same [store](tower_wechat::store) for their caches, and the same [`PassKey`] |
//! | let mini programs log in through it | [`app_secret`](HubBuilder::app_secret) |
//! | bound what clients may do | [`paths`](Client::paths), [`rate`](Client::rate), [`Limits`] |
//! | look at it | [`serve_admin`](Hub::serve_admin) |
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
//! Refusals are `application/problem+json` (RFC 9457):
//!
//! | status | for |
//! |---|---|
//! | 400 | a question that cannot be understood |
//! | 401 | an unknown client |
//! | 403 | a right that it lacks |
//! | 404 | an app that is not its or not there |
//! | 408, 413, 431 | a request that is too slow or too large |
//! | 422 | a `min_ttl` that no token has |
//! | 429, with `retry-after` | a client that asks too often |
//! | 503 | no token to be had, with WeChat's `errcode` and `rid` where it gave one |
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
//! A *pass* is a text that stands for a token: it is worth nothing but at this hub, and at others with the same [`PassKey`].
//!
//! Refusals are `{"errcode": …, "errmsg": "wechat-hub: …"}`, whatever their status:
//!
//! | code | for |
//! |---|---|
//! | 40001 | a secret that is no client's |
//! | 40013 | an app that is not the client's or not there |
//! | 48001 | a right or a path that the client lacks |
//! | 45009, with `retry-after` | a client over its rate |
//! | 42001, 41001 | a pass that is not good, and none |
//! | WeChat's own, or 45011 | no token to be had |
//! | 61450 | WeChat does not answer |
//!
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
