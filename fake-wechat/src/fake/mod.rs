//! [`FakeWeChat`]: the platform in a box.

mod accounts;
mod answers;
mod counts;
mod trouble;

use std::{fmt, net::SocketAddr, sync::Arc};

use tokio::task::AbortHandle;

use crate::{builder::FakeWeChatBuilder, state::State};

/// WeChat on loopback: token endpoints and APIs that behave as the real ones do, misbehave when told to, and remember
/// what they saw.
///
/// It speaks plain HTTP/1.1 on a free port, so any SDK in any language that can change its base URL can be tested with it.
/// Where the environment has an `HTTP_PROXY` or `ALL_PROXY`, let `NO_PROXY` list `127.0.0.1`: many clients send even such
/// calls to the proxy, reqwest among them.
/// Clones are handles of the same platform; with the last one, its server and all connections end.
///
/// ```
/// use http_body_util::{BodyExt, Empty};
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use serde_json::Value;
/// use fake_wechat::{FakeWeChat, Fault};
///
/// // In place of the SDK under test.
/// async fn get(url: &str) -> Value {
///     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
///     let answer = client.get(url.parse().unwrap()).await.unwrap();
///     serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let fake = FakeWeChat::start().await;
/// let (base, id, secret) = (fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
///
/// let mint = format!("{base}/cgi-bin/token?grant_type=client_credential&appid={id}&secret={secret}");
/// fake.fail_next_tokens(1, Fault::Busy);
/// assert_eq!(get(&mint).await["errcode"], -1);
/// let token = get(&mint).await["access_token"].as_str().unwrap().to_owned();
///
/// let api = format!("{base}/cgi-bin/user/get?access_token={token}");
/// assert_eq!(get(&api).await["errcode"], 0);
/// fake.revoke();
/// assert_eq!(get(&api).await["errcode"], 40001);
///
/// assert_eq!((fake.token_requests(), fake.mints(), fake.api_requests()), (2, 1, 2));
/// assert_eq!(fake.seen()[1].query, "access_token=***");
/// # });
/// ```
///
/// # Token endpoints
///
/// | endpoint | behaviour |
/// |---|---|
/// | `GET /cgi-bin/token` | mints at every call; the token before stays good for 5 minutes; 2000 a day |
/// | `POST /cgi-bin/stable_token` | the same token until 300 seconds are left of it; `force_refresh` at most every 30 seconds (else the present token) and 20 times a day |
/// | `GET /cgi-bin/gettoken` | WeCom: the same token as long as it lives; `errcode` 0 in a success |
///
/// The two of an official account mint in spaces of their own, as WeChat's do. Mistakes are answered with 40002, 40013,
/// 40125 (40001 on WeCom), 41002, 41004, 43001, 43002 and 47001, empty quotas with 45009. The builder changes lives,
/// overlap and quotas. What is told of them here is documented for
/// [classic](https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html) and
/// [stable](https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html) tokens,
/// [quotas](https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html) and
/// [WeCom](https://developer.work.weixin.qq.com/document/path/91039).
///
/// # APIs
///
/// Every other path is an API. It wants its token in a query parameter whose name ends in `access_token`, and answers with
/// HTTP status 200 and 41001 (missing), 40001 (unknown, superseded or revoked; 40014 on WeCom), 42001 (expired) or 40014
/// (no token can look like that). Where the app's token has no business, none is asked for: below `/sns/` and
/// `/cgi-bin/webhook/`; at `/cgi-bin/clear_quota/v2`, `/cgi-bin/component/clear_quota/v2` and
/// `/cgi-bin/component/api_start_push_ticket`; and where other tokens than those above are minted
/// (`/cgi-bin/component/api_component_token`, `/cgi-bin/service/get_suite_token`, `/cgi-bin/service/get_provider_token`,
/// `/cgi-bin/openhw/get_model_token`), whose answers a test must [set](Self::set_answer).
///
/// | path | with a good token |
/// |---|---|
/// | `/cgi-bin/media/get` | a download of `?size=` bytes, each of them [`media_byte`](crate::media_byte); its errors are `text/plain` |
/// | `/cgi-bin/media/upload` | a `media_id` that is the SHA-256 of what arrived; as `text/plain` too |
/// | `/wxa/getwxacodeunlimit` | a picture |
/// | one given to [`set_answer`](Self::set_answer) or [`set_open_answer`](Self::set_open_answer) | that answer |
/// | anything else | `{"errcode":0,"errmsg":"ok","path":…,"received":…,"sha256":…}`: length and hash of the body |
///
/// A chunked body is answered with HTTP status 412, whatever its token, as users have seen it from WeChat
/// (<https://blog.tomsean.cn/2025/p9CG0HIe>).
///
/// # Time
///
/// The platform's clock runs with tokio's, and [`advance`](Self::advance) moves it on without waiting. That is the way to
/// test expiry: a paused runtime jumps to the next timer whenever it is idle, and it is idle while bytes cross a socket, so
/// that time-outs pass early.
///
/// # What it leaves out
///
/// Limits per minute, WeCom's ban after repeated wrong secrets, tickets, and the tokens of third-party platforms and WeCom
/// suites: [`set_answer`](Self::set_answer) scripts those. [`Fault::Errcode`] answers with any code.
#[derive(Clone)]
pub struct FakeWeChat(pub(crate) Arc<Running>);

/// Ends with the last handle.
pub(crate) struct Running {
    pub(crate) state: Arc<State>,
    pub(crate) address: SocketAddr,
    pub(crate) server: AbortHandle,
}

impl FakeWeChat {
    /// The official account that is there by default.
    pub const APP_ID: &'static str = "wx0123456789abcdef";
    /// Its secret.
    pub const APP_SECRET: &'static str = "00112233445566778899aabbccddeeff";
    /// The WeCom corp that is there by default.
    pub const CORP_ID: &'static str = "ww0123456789abcdef";
    /// The secret of its one app.
    pub const CORP_SECRET: &'static str = "Zm9yLXRlc3RzLW9ubHktbm90LWEtcmVhbC1zZWNyZXQ";

    /// Starts it with one official account and one corp, on a free port of 127.0.0.1, on the runtime that runs this.
    ///
    /// # Panics
    ///
    /// If no port of 127.0.0.1 can be bound: no test could go on.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Sets up one of other habits or with other accounts.
    pub fn builder() -> FakeWeChatBuilder {
        FakeWeChatBuilder::default()
    }

    /// The base URL for the SDK under test: `http://127.0.0.1:PORT`, and the builder's prefix if it has one.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.0.address, self.state().prefix)
    }

    pub(crate) fn state(&self) -> &State {
        &self.0.state
    }
}

impl fmt::Debug for FakeWeChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeWeChat")
            .field("url", &self.url())
            .field("mints", &self.mints())
            .finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}
