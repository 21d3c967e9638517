//! A [tower](tower_service) middleware that authorises requests to WeChat's APIs.
//!
//! [`WeChatAuthLayer`] puts the `access_token` into each request from one shared [`TokenCache`]. When WeChat rejects the
//! token (HTTP 200 with `{"errcode":40001}`), it refreshes it once, for everybody, and sends the request once more.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Full};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_wechat::{
//!     AuthOutcome, TokenCache, WeChatAuthLayer, issuer::StableToken,
//!     testing::FakeWeChat,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A WeChat on this machine; leave `base_url` out for the real one,
//! // and build the client over https.
//! let wechat = FakeWeChat::start().await;
//! let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
//!     .base_url(&wechat.url())?;
//!
//! let client = ServiceBuilder::new()
//!     .layer(WeChatAuthLayer::new(TokenCache::new(issuer)))
//!     .service(Client::builder(TokioExecutor::new()).build_http());
//!
//! let url = wechat.url() + "/cgi-bin/user/info?openid=o1";
//! let request = || http::Request::get(&url).body(Full::<Bytes>::default());
//! client.send(request()?).await?;
//!
//! wechat.revoke();
//! let response = client.send(request()?).await?;
//! let outcome = response.extensions().get::<AuthOutcome>();
//! assert!(outcome.is_some_and(AuthOutcome::replayed));
//! let answer = response.into_body().collect().await?.to_bytes();
//! let user: serde_json::Value = serde_json::from_slice(&answer)?;
//! assert_eq!(user["openid"], "o1");
//! assert_eq!(wechat.mints(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Which requests
//!
//! Those to the hosts of the issuer's [`Platform`] over https, to the origin of its `base_url`, and to what
//! [`allow_origin`](WeChatAuthLayer::allow_origin) names, each below its path prefix if it has one. Not those to token
//! endpoints, to `/sns/` (where `access_token` is the *user's*), with a token of whatever kind or a secret of the caller's own
//! in the query, or with the extension [`SkipAuth`]. A request that is left out goes out as it is, and its answer comes back
//! as it is; a `debug` event with the target `tower_wechat` says why.
//!
//! # Which answers
//!
//! An answer rejects the token if it is a JSON object with one of the platform's codes as its top-level `errcode`, a
//! number or a string of digits, whatever its content type says: WeChat sends errors as `text/plain` too. At most
//! [`inspect_limit`](WeChatAuthLayer::inspect_limit) bytes are looked at, for at most
//! [`inspect_timeout`](WeChatAuthLayer::inspect_timeout), and an answer that cannot be a rejection (a picture, a download, a
//! compressed one, any status but 2xx) is passed on at its first frame.
//!
//! # What the caller gets
//!
//! WeChat's answer; where it rejected the token, with an [`AuthOutcome`] in the response's extensions. Or an [`Error`]: there is
//! no token ([`downcast_ref`](Error::downcast_ref) to [`TokenError`]), the token does not fit into the URI, or the inner
//! service failed. If a rejected request cannot be sent again, or has no answer within
//! [`replay_timeout`](WeChatAuthLayer::replay_timeout), WeChat's own first answer comes back whole. [`WeChatError::parse`]
//! reads an error from an answer.
//!
//! # Where to put the layer
//!
//! Tracing outside: below this layer the URI carries the token. Total time-outs and redirects outside, too; retries, limits
//! and decompression inside. The README has the table.
//!
//! # The parts
//!
//! - [`issuer`]: who mints tokens: [`StableToken`](issuer::StableToken), [`ClassicToken`](issuer::ClassicToken),
//!   [`WeCom`](issuer::WeCom), `HubToken` (feature `hub`), which asks a token hub that alone knows the secrets, or an
//!   [`Issuer`](issuer::Issuer) of your own.
//! - [`TokenCache`]: one account's token, however many ask for it; [`TokenPool`]: many accounts.
//! - [`store`]: where processes share the token, and choose who mints the next: `MemoryStore`, `FileStore`, `RedisStore`, and
//!   `Sealed`, which encrypts for any of them.
//! - [`WeChatAuthLayer`], [`WeChatAuth`]: the middleware.
//! - With feature `reqwest` the same layer goes over a `reqwest::Client`, and with `reqwest-middleware` it is a
//!   `reqwest_middleware::Middleware`: see [below](#reqwest).
//! - `testing` (feature): `FakeWeChat`, a fake platform on this machine, for tests.
//!
//! Waiting for a token needs a tokio runtime. Requests that find a good token need none; without one, an answer is looked at
//! however slowly it comes, and a rejected request gets WeChat's first answer. A tokio runtime must have its timer enabled
//! (`enable_time`): tokio panics where something has to wait. A fetch runs on the runtime of whoever began it, so that one
//! must go on: a current-thread runtime that is kept but not run any more holds up all who wait for the same token, until it
//! runs again or is dropped.
//!
//! # reqwest
//!
//! With the feature `reqwest` the layer goes onto a `reqwest::Client`, or onto another service of reqwest's requests over one
//! (tower's `Timeout`, `LoadShed`, `Buffer`, `BoxCloneService`, …), and takes reqwest's own requests:
//!
//! ```
//! use tower::Layer;
//! use tower_wechat::{
//!     TokenCache, WeChatAuthLayer, issuer::StableToken, testing::FakeWeChat,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # // reqwest comes without a TLS provider in this package.
//! # let _ = rustls::crypto::ring::default_provider().install_default();
//! # let wechat = FakeWeChat::start().await;
//! let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
//!     .base_url(&wechat.url())?; // leave it out for the real WeChat
//! let http = reqwest::Client::builder().referer(false).build()?;
//! let client = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(http.clone());
//!
//! let url = wechat.url() + "/cgi-bin/get_api_domain_ip";
//! let response = client.execute(http.get(url).build()?).await?;
//! assert_eq!(response.url().query(), None); // the token is not shown
//! let answer: serde_json::Value = response.json().await?;
//! assert_eq!(answer["errcode"], 0);
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `reqwest-middleware`, `ClientBuilder::new(http).with(WeChatAuthLayer::new(cache))` makes a client that is
//! used like reqwest's own.
//!
//! ## Switch the `Referer` off
//!
//! When reqwest follows a redirect, it tells the next host the whole URL that it came from, **the token in it**. Nothing
//! above a client can change that. Build it with `ClientBuilder::referer(false)`, or, since WeChat's APIs have no use for
//! redirects, with `ClientBuilder::redirect(Policy::none())`.
//!
//! ## What is as ever, and what is not
//!
//! - A body in one piece stays one, on both sends: reqwest announces its length, and can send it again by itself after a
//!   lost connection or a redirect. A stream is recorded on its way and sent again if it was not longer than
//!   [`replay_limit`](WeChatAuthLayer::replay_limit). WeChat answers HTTP 412 to streams of unknown length
//!   (as users report: <https://blog.tomsean.cn/2025/p9CG0HIe>), so give multipart streams theirs
//!   (`Part::stream_with_length`).
//! - A request's own timeout covers the waits for its account and a token and both sends together; after it a rejected
//!   request gets WeChat's first answer. A timeout of the client's is for each send.
//! - `Response::url` and every error show the URL without the token. A response that came by a
//!   redirect has the URL that it came from, also without. (A `Location` header is handed on as it came.)
//! - [`AuthOutcome`] is among the response's extensions. A `reqwest::Request` has none of its own to
//!   put an [`AppId`] or a [`SkipAuth`] into, so that
//!   [`for_app`](WeChatAuth::for_app) and [`without_auth`](WeChatAuth::without_auth) take their place; one
//!   that was made from an [`http::Request`] keeps those it had.
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
//! | `hub` | `HubToken` |
//! | `reqwest`, `reqwest-middleware` | the layer over those clients |
//! | `http2` | recognises a second request that an HTTP/2 server refused, so that the first answer can be handed on |
//! | `testing` | `FakeWeChat`, `ManualClock`, `store_conformance` |
//! | `full` | all of them |
//!
//! # Metrics
//!
//! With feature `metrics`, through the [`metrics`](https://docs.rs/metrics) facade. Every one has the label `account`: a hash,
//! the [`AccountKey`](issuer::AccountKey). [`Stats`] has the same counts. `docs/operating/metrics.md` in the repository lists the
//! events, too.
//!
//! <!-- begin metrics -->
//!
//! | metric | kind | further label | says |
//! |---|---|---|---|
//! | `tower_wechat_mints_total` | counter | `cause` | Tokens minted here |
//! | `tower_wechat_mint_failures_total` | counter | `cause` | Mints that failed; a second try belongs to the first |
//! | `tower_wechat_shared_total` | counter | | Tokens taken from the store instead of minted |
//! | `tower_wechat_waits_total` | counter | | Callers that had to wait for a token |
//! | `tower_wechat_coalesced_total` | counter | | Those of them that joined a fetch under way |
//! | `tower_wechat_rejections_total` | counter | `errcode` | Answers in which WeChat rejected the token |
//! | `tower_wechat_replays_total` | counter | | Rejected requests sent a second time |
//! | `tower_wechat_not_replayed_total` | counter | `why` | Rejected requests without a second answer |
//! | `tower_wechat_budget_refusals_total` | counter | | Refreshes refused because a budget was spent |
//! | `tower_wechat_foreign_minter_total` | counter | | Times it looked as if another program minted for this app; once an hour at most |
//! | `tower_wechat_store_failures_total` | counter | | Outages of the store, each counted once |
//! | `tower_wechat_fenced_total` | counter | | Tokens minted too late, and thrown away |
//! | `tower_wechat_mint_duration_seconds` | histogram, s | | How long a mint took that went well, second and forced tries included |
//! | `tower_wechat_rejected_age_seconds` | histogram, s | | How long ago a token was minted that WeChat rejected |
//! | `tower_wechat_token_expiry_seconds` | gauge, s | | What is left of the present token's life, as of the last second in which somebody asked for it |
//!
//! <!-- end metrics -->
//!
//! All of them are described to the recorder, with their units. `cause` is `cold`, `ahead`, `rejected` or `forced`; `why` is one of
//! [`NotReplayed`], as it is shown.
//!
//! # Events
//!
//! With feature `tracing`. All have the target `tower_wechat` and the fields `app` and `account`. What happens in a fetch is in
//! a span `fetch` with the field `cause` (as for `tower_wechat_mints_total`). It has no parent, since it belongs to no single
//! one of those who wait for it; it follows from the span of the one who came first.

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

#[cfg(feature = "reqwest")]
pub use crate::reqwest::ReqwestFuture;
pub use crate::{
    auth::{Accounts, AuthOutcome, NotReplayed, ResponseFuture, SkipAuth, WeChatAuth, WeChatAuthLayer},
    cache::{
        FailedMint, Health, KeepWarm, Stats, TokenCache, TokenCacheBuilder, TokenPool, TokenPoolBuilder,
    },
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
