//! A [tower](tower_service) middleware that authorises requests to WeChat's APIs.
//!
//! WeChat (微信) gives each app one global `access_token`. It
//! [expires](https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html) after two hours, or five minutes
//! after any program asked for another one, and is rejected with HTTP 200 and `{"errcode":40001}` in the body. That is the 40001
//! that comes and goes.
//!
//! [`WeChatAuthLayer`] goes onto your HTTP client. It puts the token into each request, from one shared [`TokenCache`]. When
//! WeChat rejects it, it fetches another one, once for everybody, and sends the request once more. WeCom (企业微信) and
//! third-party platforms have tokens of the same kind, and are served in the same way.
//!
//! # Start
//!
//! With reqwest, requests are built and sent as ever:
//!
//! ```toml
//! [dependencies]
//! tower-wechat = { version = "0.1", features = ["reqwest-middleware"] }
//! reqwest = { version = "0.13", features = ["json"] }
//! reqwest-middleware = { version = "0.5", features = ["json"] }
//! serde_json = "1"
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! ```
//!
//! ```no_run
//! use reqwest_middleware::ClientBuilder;
//! use serde_json::{Value, json};
//! use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = String::new();
//! // Once, for the whole program.
//! let issuer = StableToken::new("wx0123456789abcdef", secret);
//! let layer = WeChatAuthLayer::new(TokenCache::new(issuer));
//! let http = reqwest::Client::builder().referer(false).build()?;
//! let client = ClientBuilder::new(http).with(layer).build();
//!
//! // As often as needed. The token is nowhere in sight.
//! let url = "https://api.weixin.qq.com/cgi-bin/message/custom/send";
//! let text = json!({
//!     "touser": "OPENID", "msgtype": "text", "text": { "content": "你好" },
//! });
//! let answer: Value = client.post(url).json(&text).send().await?.json().await?;
//! assert_eq!(answer["errcode"], 0);
//! # Ok(())
//! # }
//! ```
//!
//! With hyper, or any other tower client, the layer is a tower layer:
//!
//! ```no_run
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = String::new();
//! # let text = "";
//! let https = hyper_rustls::HttpsConnectorBuilder::new()
//!     .with_webpki_roots()
//!     .https_only()
//!     .enable_http1()
//!     .build();
//! let issuer = StableToken::new("wx0123456789abcdef", secret);
//! let client = ServiceBuilder::new()
//!     .layer(WeChatAuthLayer::new(TokenCache::new(issuer)))
//!     .service(Client::builder(TokioExecutor::new()).build(https));
//!
//! let url = "https://api.weixin.qq.com/cgi-bin/message/custom/send";
//! let request = http::Request::post(url).body(Full::<Bytes>::from(text))?;
//! let response = client.send(request).await?;
//! # drop(response);
//! # Ok(())
//! # }
//! ```
//!
//! Where something does not fit, [`send`](WeChatAuth::send) has the compiler name it; the README has a list of the usual cases.
//!
//! ## Without an account
//!
//! [`FakeWeChat`](testing::FakeWeChat), with the feature `testing`, is WeChat on a port of this machine. Here it revokes the
//! token, and the caller does not notice:
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Empty};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower_wechat::{
//!     AuthOutcome, TokenCache, WeChatAuth, issuer::StableToken,
//!     testing::FakeWeChat,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wechat = FakeWeChat::start().await;
//! let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
//!     .base_url(&wechat.url())?; // the one line that differs
//! let http = Client::builder(TokioExecutor::new()).build_http();
//! let client = WeChatAuth::new(http, TokenCache::new(issuer));
//!
//! let url = wechat.url() + "/cgi-bin/user/info?openid=o1";
//! let request = || http::Request::get(&url).body(Empty::<Bytes>::new());
//! client.send(request()?).await?;
//!
//! wechat.revoke();
//! let response = client.send(request()?).await?;
//! let outcome = response.extensions().get::<AuthOutcome>();
//! assert!(outcome.is_some_and(AuthOutcome::replayed));
//!
//! let answer = response.into_body().collect().await?.to_bytes();
//! let user: serde_json::Value = serde_json::from_slice(&answer)?;
//! assert_eq!(user["openid"], "o1");
//! assert_eq!(wechat.mints(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! *Mint* (获取): ask the platform for a token. *Rejected* (失效): WeChat answered that the token is no good. *Replay* (重发): send
//! a request the second time, after a rejection. *Account* (账号): an app at an endpoint, with tokens of its own. *Store* (存储):
//! where processes share a token. *Hub* (中控服务器): a server of yours that mints for all.
//!
//! # Choose an issuer
//!
//! An issuer knows an account and how to mint for it.
//!
//! | account | issuer | because |
//! |---|---|---|
//! | official account, mini program, mini game, shop | [`StableToken`](issuer::StableToken) | asked again, WeChat hands out the same token: programs that know nothing of each other do no harm |
//! | the same, where older software mints at `/cgi-bin/token` | [`ClassicToken`](issuer::ClassicToken) | each mint ends the token before: all processes must share a store |
//! | an app of a WeCom corp | [`WeCom`](issuer::WeCom) | a second mint does no harm, but WeCom blocks who asks often |
//! | any of them, where only a hub is to know the secret | [`HubToken`](issuer::HubToken) | the hub mints once for all who ask |
//! | a third-party platform, a WeCom suite or provider, an authorised account | an [`Issuer`](issuer::Issuer) of your own | [`Platform::component`], [`suite`](Platform::suite) and [`provider`](Platform::provider) know where such tokens go |
//!
//! The first three ask another address with [`base_url`](issuer::StableToken::base_url), through another client with
//! [`http_client`](issuer::StableToken::http_client), and read a rotated secret with
//! [`secret_source`](issuer::StableToken::secret_source). Without a client of yours they use a built-in one, which heeds
//! `HTTPS_PROXY`: see [`issuer`](issuer#the-client).
//!
//! # Choose a store
//!
//! | who shares the token | store |
//! |---|---|
//! | one process | none: a [`TokenCache`] keeps it |
//! | processes of one host | [`FileStore`](store::FileStore): a directory |
//! | processes of many hosts | [`RedisStore`](store::RedisStore): a server, Sentinels or a Cluster |
//! | programs in other languages; or the secret is to be in one place | the hub, and [`HubToken`](issuer::HubToken) |
//!
//! [`TokenCacheBuilder::store`] takes it. The processes then choose one that mints, also when that one dies, and share budgets and
//! pauses. [`Sealed`](store::Sealed) encrypts what goes into any of them. For a store of your own see [`store`].
//!
//! # What happens to a request
//!
//! ## Which requests get a token
//!
//! Those to the hosts of the issuer's [`Platform`] over https, to the origin of its `base_url`, and to what
//! [`allow_origin`](WeChatAuthLayer::allow_origin) names, each below its path prefix if it has one. Not those
//!
//! - to token endpoints, and to `/sns/`, where `access_token` is the *user's*;
//! - with a token of whatever kind, or a secret, of the caller's own in the query;
//! - with the extension [`SkipAuth`], or sent by [`without_auth`](WeChatAuth::without_auth).
//!
//! A request that is left out goes out as it is, and its answer comes back as it is. A `debug` event with the target
//! `tower_wechat` says why.
//!
//! ## Which answers reject the token
//!
//! A JSON object with one of the platform's [codes](Platform::rejection_codes) as its top-level `errcode`, a number or a string
//! of digits, whatever its content type says: WeChat sends errors as `text/plain` too. For WeChat these are 40001, 40014 and 42001
//! (<https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html>), for WeCom 40014 and 42001
//! (<https://developer.work.weixin.qq.com/document/path/90313>).
//!
//! At most [`inspect_limit`](WeChatAuthLayer::inspect_limit) bytes (4 KiB) are looked at, for at most
//! [`inspect_timeout`](WeChatAuthLayer::inspect_timeout) (250 ms). An answer that cannot be a rejection is passed on at its first
//! frame: a picture, a download, a compressed one, any status but 2xx.
//!
//! ## What is sent again
//!
//! A rejected request, once, with the same body and the same `content-length`. A body in one piece has no limit; of a stream
//! [`replay_limit`](WeChatAuthLayer::replay_limit) (10 MiB) is kept. If the second answer is not there within
//! [`replay_timeout`](WeChatAuthLayer::replay_timeout) (10 s), or there can be none, WeChat's own first answer comes back whole.
//! Nothing else is ever sent again: not after a time-out, and not after `-1`, where WeChat may have carried it out.
//!
//! # What comes back, and what to do
//!
//! | you get | it means | do |
//! |---|---|---|
//! | an answer with `errcode` 0, or none | success | |
//! | an answer with another `errcode` | the call itself failed; [`WeChatError::parse`] reads it | what WeChat's list of codes says |
//! | an answer with an [`AuthOutcome`] among its extensions | the token was rejected; [`replayed`](AuthOutcome::replayed), or [why not](NotReplayed) | nothing, if it was replayed |
//! | an [`Error`] of kind [`Token`](ErrorKind::Token) | the token endpoint refused: wrong secret (40125), address not allowed (40164), quota (45009) | what its text says, then [`retry_now`](TokenCache::retry_now) |
//! | kind [`BackedOff`](ErrorKind::BackedOff) | it refused just now, or a budget is spent; nothing was sent | wait for [`retry_after`](TokenError::retry_after) |
//! | kind [`Timeout`](ErrorKind::Timeout) | no token within [`wait_timeout`](TokenCacheBuilder::wait_timeout) (5 s); the fetch goes on | try again |
//! | kind [`Inner`](ErrorKind::Inner) | the HTTP client failed | as without this crate |
//! | any other [`ErrorKind`] | a setting, the store, the runtime | see there |
//!
//! ```
//! use tower_wechat::{Error, ErrorKind, TokenError};
//!
//! /// What to tell the operator, if it is for the operator.
//! fn alarm(error: &Error) -> Option<String> {
//!     let why: &TokenError = error.downcast_ref()?;
//!     let is_passing = why.is_transient() || why.kind() == ErrorKind::Timeout;
//!     // Its text has the app, the code, the `rid`, and what to do.
//!     (!is_passing).then(|| why.to_string())
//! }
//! # drop(alarm);
//! ```
//!
//! # Where to put the layer
//!
//! From the outside in:
//!
//! | layer | why there |
//! |---|---|
//! | trace, metrics | outside: below this layer the URI carries the token, and would be logged |
//! | total timeout | outside: it covers the wait for a token and the replay |
//! | redirects | outside: each hop is judged anew, and a token goes to WeChat's hosts only |
//! | **[`WeChatAuthLayer`]** | |
//! | retry, timeout of one attempt | inside: they see one attempt each. [`ReplayBody::try_clone`] clones a body in one piece for tower's `Retry` |
//! | limits, load shedding | inside: a permit is given back while the layer waits for a token |
//! | decompression | inside: a compressed rejection cannot be read, and is passed on as it is |
//! | client | |
//!
//! tower's `RateLimit` is not `Clone`: put a `buffer` between it and this layer.
//!
//! # Several accounts
//!
//! A [`TokenPool`] in place of the cache. A request names its account with an [`AppId`] extension, or goes through
//! [`for_app`](WeChatAuth::for_app). Accounts are put in with [`insert`](TokenPool::insert), or made when they are first needed:
//! from memory ([`factory`](TokenPoolBuilder::factory)) or from a database ([`async_factory`](TokenPoolBuilder::async_factory)).
//!
//! ```
//! use tower_wechat::{
//!     AppId, TokenCache, TokenPool, WeChatAuthLayer, issuer::StableToken,
//! };
//!
//! # async fn secret_of(_: &AppId) -> std::io::Result<Option<String>> { Ok(None) }
//! let pool = TokenPool::builder()
//!     .async_factory(|app: AppId| async move {
//!         let secret = secret_of(&app).await?; // `None`: no such account
//!         Ok(secret.map(|secret| TokenCache::new(StableToken::new(app, secret))))
//!     })
//!     .build();
//! let layer = WeChatAuthLayer::new(pool);
//!
//! let url = "https://api.weixin.qq.com/cgi-bin/user/get";
//! let request = http::Request::get(url)
//!     .extension(AppId::from("wx0123456789abcdef"))
//!     .body(())?;
//! # drop((layer, request));
//! # Ok::<(), http::Error>(())
//! ```
//!
//! # Several processes
//!
//! Give each process's cache the same store, and nothing else changes:
//!
//! ```no_run
//! use tower_wechat::{TokenCache, issuer::StableToken, store::RedisStore};
//!
//! # async fn start(secret: String) -> Result<(), tower_wechat::Error> {
//! let store = RedisStore::connect("redis://127.0.0.1/").await?;
//! let issuer = StableToken::new("wx0123456789abcdef", secret);
//! let cache = TokenCache::builder(issuer).store(store).build();
//! // The first request need not wait for a token, either.
//! let warm = cache.keep_warm();
//! # drop(warm);
//! # Ok(())
//! # }
//! ```
//!
//! # A hub
//!
//! [`wechat-hub`](https://docs.rs/wechat-hub) is a server of yours that alone knows the secrets. It hands tokens to programs in any
//! language, or makes their calls for them. Programs in Rust ask it through [`HubToken`](issuer::HubToken), and hear of each new
//! token as it comes.
//!
//! # Testing
//!
//! The module [`testing`] has [`FakeWeChat`](testing::FakeWeChat), with faults to order, a
//! [`ManualClock`](testing::ManualClock), and [`store_conformance`](testing::store_conformance) for stores of your own. The fake
//! platform is also a crate, [`fake-wechat`](https://docs.rs/fake-wechat), and a program, for tests in other languages.
//!
//! # For authors of an SDK
//!
//! Be generic over the service that has the layer in it, and leave tokens to the layer: an SDK needs no secret, no token and no
//! HTTP client. `docs/writing/sdk.md` in the repository goes through it, and `examples/tiny_sdk` is a whole one.
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
//! let layer = WeChatAuthLayer::new(TokenCache::new(issuer));
//! let http = reqwest::Client::builder().referer(false).build()?;
//! let client = layer.layer(http.clone());
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
//! With the feature `reqwest-middleware`, `ClientBuilder::new(http).with(layer)` makes a client that is used like reqwest's own,
//! as [above](#start).
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
//! # Runtime
//!
//! Waiting for a token needs a tokio runtime with its timer enabled (`enable_time`): tokio panics where something has to wait
//! and there is none. Requests that find a good token need no runtime; without one, an answer is looked at however slowly it
//! comes, and a rejected request gets WeChat's first answer.
//!
//! A fetch runs on the runtime of whoever began it, so that one must go on: a current-thread runtime that is kept but not run
//! any more holds up all who wait for the same token, until it runs again or is dropped.
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `https` (default) | the built-in client that fetches tokens, with rustls and ring |
//! | `tracing` (default) | [events](#events), with the target `tower_wechat` |
//! | `metrics` | the [metrics](#metrics) below |
//! | `file`, `redis` | [`FileStore`](store::FileStore), [`RedisStore`](store::RedisStore) |
//! | `seal` | [`Sealed`](store::Sealed) |
//! | `hub` | [`HubToken`](issuer::HubToken) |
//! | `reqwest`, `reqwest-middleware` | the layer over those clients |
//! | `http2` | recognises a second request that an HTTP/2 server refused, so that the first answer can be handed on |
//! | `testing` | [`testing`] |
//! | `full` | all of them |
//!
//! Rust 1.89 or later. What is asked of Rust is at least six months old at any time.
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
// Links to what a feature brings lead nowhere without it.
#![cfg_attr(not(feature = "full"), allow(rustdoc::broken_intra_doc_links))]
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
