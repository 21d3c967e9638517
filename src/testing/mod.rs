//! What tests against WeChat need: [`FakeWeChat`], the platform in a box, a [`ManualClock`], and
//! [`store_conformance`] for whoever writes a store.
//!
//! Turn the feature `testing` on in `[dev-dependencies]` only:
//!
//! ```toml
//! [dev-dependencies]
//! tower-wechat = { version = "0.1", features = ["testing"] }
//! ```
//!
//! A test of a bot: the token is revoked while it works, and it does not notice.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower_wechat::{
//!     TokenCache, WeChatAuth, issuer::StableToken, testing::FakeWeChat,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wechat = FakeWeChat::start().await;
//! let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
//!     .base_url(&wechat.url())?;
//! let http = Client::builder(TokioExecutor::new()).build_http();
//! let client = WeChatAuth::new(http, TokenCache::new(issuer));
//!
//! let url = wechat.url() + "/cgi-bin/message/custom/send";
//! let send = || {
//!     let message = Full::<Bytes>::from(r#"{"touser":"OPENID"}"#);
//!     client.send(http::Request::post(&url).body(message).unwrap())
//! };
//! send().await?;
//! wechat.revoke();
//! send().await?;
//!
//! let answers: Vec<_> = wechat.seen().iter().map(|seen| seen.errcode).collect();
//! assert_eq!(answers, [Some(0), Some(40001), Some(0)]);
//! # Ok(())
//! # }
//! ```
//!
//! The platform is the crate [`fake-wechat`](https://docs.rs/fake-wechat), whose page lists what is answered where. It is a
//! program as well, for tests in other languages.

mod manual_clock;
mod store_conformance;

pub use fake_wechat::{Answer, FakeWeChat, FakeWeChatBuilder, Fault, Hold, Seen, media_byte};

pub use self::{manual_clock::ManualClock, store_conformance::store_conformance};
