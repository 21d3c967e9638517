//! A [tower](tower_service) middleware that authorises requests to WeChat's APIs.
//!
//! [`WeChatAuthLayer`] puts the `access_token` into each request from one shared [`TokenCache`]. When WeChat rejects the
//! token (HTTP 200 with `{"errcode":40001}`), it refreshes it once, for everybody, and sends the request once more.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Full};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_wechat::{AuthOutcome, TokenCache, WeChatAuthLayer, issuer::StableToken, testing::FakeWeChat};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A WeChat on this machine; leave `base_url` out for the real one, and build the client over https.
//! let wechat = FakeWeChat::start().await;
//! let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
//!
//! let client = ServiceBuilder::new()
//!     .layer(WeChatAuthLayer::new(TokenCache::new(issuer)))
//!     .service(Client::builder(TokioExecutor::new()).build_http());
//!
//! let request = || http::Request::get(wechat.url() + "/cgi-bin/user/info?openid=o1").body(Full::<Bytes>::default());
//! client.clone().oneshot(request()?).await?;
//!
//! wechat.revoke();
//! let response = client.clone().oneshot(request()?).await?;
//! let outcome = response.extensions().get::<AuthOutcome>().cloned().unwrap();
//! assert!(outcome.rejected() && outcome.replayed());
//! assert!(response.into_body().collect().await?.to_bytes().starts_with(b"{\"errcode\":0,"));
//! assert_eq!(wechat.mints(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Which requests
//!
//! Those to the hosts of the issuer's [`Platform`] over https, to the origin of its `base_url`, and to what
//! [`allow_origin`](WeChatAuthLayer::allow_origin) names. Not those to token endpoints, to `/sns/` (where `access_token` is
//! the *user's*), with a token or a secret of the caller's own in the query, or with the extension [`SkipAuth`]. A request
//! that is left out goes out as it is, and its answer comes back as it is.
//!
//! # Which answers
//!
//! An answer rejects the token if it is a JSON object with one of the platform's codes as its top-level `errcode`, a
//! number or a string of digits, whatever its content type says: WeChat sends errors as `text/plain` too. At most
//! [`inspect_limit`](WeChatAuthLayer::inspect_limit) bytes are looked at, and an answer that cannot be a rejection (a
//! picture, a download, a compressed one, any status but 2xx) is passed on at its first frame.
//!
//! # What the caller gets
//!
//! WeChat's answer, with an [`AuthOutcome`] in its extensions; or an [`Error`]: there is no token
//! ([`downcast_ref`](Error::downcast_ref) to [`TokenError`]), the token does not fit into the URI, or the inner service
//! failed. If a rejected request cannot be sent again, WeChat's own first answer comes back whole. [`WeChatError::parse`]
//! tells whether an answer is an error.
//!
//! # Where to put the layer
//!
//! Tracing outside: below this layer the URI carries the token. Total time-outs and redirects outside, too; retries, limits
//! and decompression inside. The README has the table.
//!
//! # The parts
//!
//! - [`issuer`]: who mints tokens: [`StableToken`](issuer::StableToken), [`ClassicToken`](issuer::ClassicToken),
//!   [`WeCom`](issuer::WeCom), or an [`Issuer`](issuer::Issuer) of your own.
//! - [`TokenCache`]: one account's token, however many ask for it; [`TokenPool`]: many accounts.
//! - [`store`]: where processes share the token, and choose who mints the next: `MemoryStore`, `FileStore`, `RedisStore`, and
//!   `Sealed`, which encrypts for any of them.
//! - [`WeChatAuthLayer`], [`WeChatAuth`]: the middleware.
//! - `reqwest` (feature): the same layer over `reqwest::Client`, and as a `reqwest_middleware::Middleware`.
//! - `testing` (feature): `FakeWeChat`, a fake platform on this machine, for tests.
//!
//! Waiting for a token needs a tokio runtime with its timer enabled; requests that find a good token need no runtime of
//! any kind. A fetch runs on the runtime of whoever began it, so that one must go on: a current-thread runtime that is kept
//! but not run any more holds up all who wait for the same token, until it runs again or is dropped.
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `https` (default) | the built-in client that fetches tokens, with rustls and ring |
//! | `tracing` (default) | events, with the target `tower_wechat` |
//! | `metrics` | the metrics below |
//! | `file`, `redis` | `FileStore`, `RedisStore` |
//! | `seal` | `Sealed` |
//! | `reqwest`, `reqwest-middleware` | the layer over those clients |
//! | `testing` | `FakeWeChat`, `ManualClock`, `store_conformance` |
//! | `full` | all of them |
//!
//! # Metrics
//!
//! With feature `metrics`, through the [`metrics`](https://docs.rs/metrics) facade. Every one has the label `account`: a hash,
//! the [`AccountKey`](issuer::AccountKey). [`Stats`] has the same counts.
//!
//! | counter | further labels | counts |
//! |---|---|---|
//! | `tower_wechat_mints_total` | `cause`: `cold`, `ahead`, `rejected`, `forced` | tokens minted here |
//! | `tower_wechat_mint_failures_total` | `cause` | mints that failed |
//! | `tower_wechat_shared_total` | | tokens taken from the store |
//! | `tower_wechat_waits_total` | | callers that waited for a token |
//! | `tower_wechat_coalesced_total` | | those of them that joined a fetch under way |
//! | `tower_wechat_rejections_total` | `errcode` | answers in which WeChat rejected the token |
//! | `tower_wechat_replays_total` | | requests sent a second time |
//! | `tower_wechat_not_replayed_total` | `why` | rejected requests that were not |
//! | `tower_wechat_budget_refusals_total` | | refreshes refused because the budget was spent |
//! | `tower_wechat_foreign_minter_total` | | times it looked as if another program minted for this app |
//! | `tower_wechat_store_failures_total` | | failures of the store |
//! | `tower_wechat_fenced_total` | | tokens minted too late, and thrown away |
//!
//! The histogram `tower_wechat_rejected_age_seconds` has the ages at which tokens were rejected.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(unreachable_pub)]

mod auth;
mod cache;
mod clock;
mod error;
mod memory;
mod platform;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest;
mod response;
mod rid;
mod secret;
mod telemetry;
mod token;
mod wechat_error;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod issuer;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use crate::{
    auth::{Accounts, AuthOutcome, NotReplayed, ResponseFuture, SkipAuth, WeChatAuth, WeChatAuthLayer},
    cache::{KeepWarm, Stats, TokenCache, TokenCacheBuilder, TokenPool},
    error::{Error, ErrorKind, TokenError},
    platform::Platform,
    request::{ReplayBody, ReplayBodyError},
    response::PeekedBody,
    secret::{AppId, AppSecret, Fingerprint},
    token::AccessToken,
    wechat_error::WeChatError,
};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
