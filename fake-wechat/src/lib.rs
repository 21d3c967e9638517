//! WeChat's server APIs in a box: token endpoints and APIs on this machine that behave as the real ones do, misbehave when told
//! to, and remember what they saw.
//!
//! [`FakeWeChat`] listens on loopback and nowhere else, speaks plain HTTP/1.1, and keeps nothing on disk. Any bot or SDK whose base
//! URL can be changed can be tested with it, without an account. The program `fake-wechat` is the same for tests in other
//! languages; the README of this package is about it. The crate `tower-wechat` has this one as `tower_wechat::testing`.
//!
//! ```toml
//! [dev-dependencies]
//! fake-wechat = { version = "0.1", default-features = false } # no program
//! ```
//!
//! # A test
//!
//! ```
//! use fake_wechat::FakeWeChat;
//! # use http_body_util::{BodyExt, Empty};
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//!
//! /// The bot under test: asks for a token, and for its followers.
//! async fn bot(base_url: &str) -> serde_json::Value {
//!     let (id, secret) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
//!     let answer = get(format!(
//!         "{base_url}/cgi-bin/token?grant_type=client_credential\
//!          &appid={id}&secret={secret}"
//!     )).await;
//!     let token = answer["access_token"].as_str().unwrap_or_default();
//!     get(format!("{base_url}/cgi-bin/user/get?access_token={token}")).await
//! }
//! # async fn get(url: String) -> serde_json::Value {
//! #     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
//! #     let answer = client.get(url.parse().unwrap()).await.unwrap();
//! #     let answer = answer.into_body().collect().await.unwrap().to_bytes();
//! #     serde_json::from_slice(&answer).unwrap()
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let wechat = FakeWeChat::start().await;
//! assert_eq!(bot(&wechat.url()).await["total"], 3);
//!
//! wechat.reject_all(Some(45009)); // the day's quota is used up
//! assert_eq!(bot(&wechat.url()).await["errcode"], 45009);
//! assert_eq!((wechat.mints(), wechat.api_requests()), (2, 2));
//! # }
//! ```
//!
//! # What can be ordered
//!
//! | to happen | call |
//! |---|---|
//! | the token is revoked: 40001, on WeCom 40014 | [`revoke`](FakeWeChat::revoke), [`revoke_account`](FakeWeChat::revoke_account) |
//! | it has expired: 42001 | [`expire`](FakeWeChat::expire), or [`advance`](FakeWeChat::advance) the clock |
//! | another program asks for a token, and ours dies five minutes later | [`mint_elsewhere`](FakeWeChat::mint_elsewhere) |
//! | the token endpoint hands out a token that is dead | [`revoke_unnoticed`](FakeWeChat::revoke_unnoticed) |
//! | every token is rejected | [`reject_all`](FakeWeChat::reject_all) |
//! | calls fail: a code, a status, HTML, half an answer, none, a reset | [`fail_next_apis`](FakeWeChat::fail_next_apis), [`fail_next_tokens`](FakeWeChat::fail_next_tokens) and others, with a [`Fault`] |
//! | calls wait until the test says so | [`hold_apis`](FakeWeChat::hold_apis), [`hold_tokens`](FakeWeChat::hold_tokens) |
//! | all is slow | [`set_api_latency`](FakeWeChat::set_api_latency), [`set_token_latency`](FakeWeChat::set_token_latency) |
//! | an answer of your own | [`set_answer`](FakeWeChat::set_answer), [`set_open_answer`](FakeWeChat::set_open_answer) with an [`Answer`] |
//! | a user logs in | [`login_code`](FakeWeChat::login_code) |
//! | other accounts, lives, quotas, no overlap, an address that is not allowed | [`FakeWeChat::builder`] |
//!
//! What it saw is in counters ([`mints`](FakeWeChat::mints), [`token_requests`](FakeWeChat::token_requests),
//! [`api_errors`](FakeWeChat::api_errors) and others) and in [`seen`](FakeWeChat::seen), request by request. A test waits for
//! requests with [`wait_for_api_requests`](FakeWeChat::wait_for_api_requests) and
//! [`wait_for_token_requests`](FakeWeChat::wait_for_token_requests), without sleeping.
//!
//! # Token endpoints
//!
//! | endpoint | behaviour |
//! |---|---|
//! | `GET /cgi-bin/token` | mints at every call; the token before stays good for 5 minutes; 2000 a day |
//! | `POST /cgi-bin/stable_token` | the same token until 300 seconds are left of it; `force_refresh` at most every 30 seconds (else the present token) and 20 times a day |
//! | `GET /cgi-bin/gettoken` | WeCom: the same token as long as it lives; `errcode` 0 in a success |
//!
//! The two of an official account mint in spaces of their own, as WeChat's do. Mistakes are answered with 40002, 40013, 40125
//! (40001 on WeCom), 41002, 41004, 43001, 43002 and 47001, empty quotas with 45009. This is documented for
//! [classic](https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html) and
//! [stable](https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html) tokens,
//! [quotas](https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html) and
//! [WeCom](https://developer.work.weixin.qq.com/document/path/91039).
//!
//! # APIs
//!
//! Every other path is an API. It wants its token in a query parameter whose name ends in `access_token`, and refuses with HTTP
//! status 200, an `errcode`, and a `rid` (WeCom: a `hint`) in the `errmsg`:
//!
//! | code | for |
//! |---|---|
//! | 41001 | no token |
//! | 40001 | a token that is unknown, superseded or revoked |
//! | 40014 | the same on WeCom; and a text that no token can be |
//! | 42001 | a token that has expired |
//! | 40001, 40082, 40014 | an app's token as `component_access_token` or `cloudbase_access_token`; as `suite_access_token` or `provider_access_token`; as `model_access_token` or `device_access_token` |
//!
//! With a good token:
//!
//! | path | answer |
//! |---|---|
//! | `/cgi-bin/user/info`, `/cgi-bin/user/get`, `/cgi-bin/qrcode/create` | the fields that SDKs read; three followers; 40003 without an `openid`. On WeCom: as any other path |
//! | `/cgi-bin/ticket/getticket`; on WeCom `/cgi-bin/get_jsapi_ticket`, `/cgi-bin/ticket/get` | the same ticket for 7200 seconds; `expires_in` does not count down |
//! | `/cgi-bin/media/get`, `/cgi-bin/media/get/jssdk` | the file that was uploaded under this `media_id`, if it is one of the last 16 and shorter than a MiB; else `?size=` bytes, each a [`media_byte`]; a `Range` is answered with 206 or 416 |
//! | `/cgi-bin/media/upload`, `/cgi-bin/material/add_material` | a `media_id` that is the SHA-256 of the whole body |
//! | `/cgi-bin/media/uploadimg` | a `url` at `mmbiz.qpic.cn` |
//! | `/wxa/getwxacode`, `/wxa/getwxacodeunlimit`, `/cgi-bin/wxaapp/createwxaqrcode` | a picture |
//! | `/cgi-bin/clear_quota` | the daily quotas of the account's token calls are full again |
//! | anything else | `{"errcode":0,"errmsg":"ok","path":…,"received":…,"sha256":…}`: length and hash of the body |
//!
//! - An upload whose body is not `multipart/form-data` with a part that has a file name and content is 41005.
//! - Errors below `/cgi-bin/media/` and `/cgi-bin/material/`, and the answers of `media/upload` and `media/uploadimg`, are
//!   `text/plain`.
//! - A chunked body is answered with HTTP status 412, whatever its token, as
//!   [users have seen it](https://blog.tomsean.cn/2025/p9CG0HIe) from WeChat.
//!
//! Some paths want something else than an app's token:
//!
//! | path | authorised by | answer |
//! |---|---|---|
//! | `/cgi-bin/clear_quota/v2`, or `/cgi-bin/clear_quota` with `appsecret=` | `appid` and `appsecret` | as with a token; ten times in 30 days, then 48006 |
//! | `/sns/jscode2session` | `appid`, `secret` and a code | `openid`, `session_key`, `unionid` |
//! | `/sns/oauth2/access_token` | the same | a user's token and refresh token, `openid`, `scope` |
//! | `/sns/oauth2/refresh_token` | a refresh token; 40030 for another | another token for the user |
//! | `/sns/userinfo`, `/sns/auth` | a user's token | the user; `errcode` 0 |
//! | tokens of third-party platforms, suites, providers, devices | not looked at | an answer of your own |
//! | the rest of `/sns/`, `/cgi-bin/webhook/` | not looked at | as any other path |
//!
//! # What it does not do
//!
//! - Limits per minute, and WeCom's ban after repeated wrong secrets, do not come by themselves: order their codes, 45011 and 45009.
//! - Tokens of third-party platforms, WeCom suites, providers and devices: their paths need an answer of your own
//!   ([`set_open_answer`](FakeWeChat::set_open_answer)).
//! - State behind APIs, but for the last uploads: a menu that was made is not there.
//! - TLS, HTTP/2, the encrypted mode of mini programs, callbacks, and WeChat Pay.
//!
//! Rust 1.89 or later. The feature `program`, on by default, is the command line; the library needs nothing of it.

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
