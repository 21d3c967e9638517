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
/// Clones are handles of the same platform; with the last one, its server and all connections end.
///
/// Where the environment has an `HTTP_PROXY` or `ALL_PROXY`, let `NO_PROXY` list `127.0.0.1`: many clients send even such
/// calls to the proxy, reqwest among them.
///
/// ```
/// use fake_wechat::{FakeWeChat, Fault};
/// # use http_body_util::{BodyExt, Empty};
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
///
/// // In place of the SDK under test.
/// async fn get(url: String) -> serde_json::Value {
///     // …
/// #     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
/// #     let answer = client.get(url.parse().unwrap()).await.unwrap();
/// #     let answer = answer.into_body().collect().await.unwrap().to_bytes();
/// #     serde_json::from_slice(&answer).unwrap()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let fake = FakeWeChat::start().await;
/// let mint = format!(
///     "{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
///     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET,
/// );
/// fake.fail_next_tokens(1, Fault::Busy);
/// assert_eq!(get(mint.clone()).await["errcode"], -1);
/// let answer = get(mint).await;
/// let token = answer["access_token"].as_str().unwrap();
///
/// let api = format!("{}/cgi-bin/user/get?access_token={token}", fake.url());
/// assert_eq!(get(api.clone()).await["total"], 3);
/// fake.revoke();
/// assert_eq!(get(api).await["errcode"], 40001);
///
/// assert_eq!((fake.token_requests(), fake.mints()), (2, 1));
/// assert_eq!(fake.api_requests(), 2);
/// assert_eq!(fake.seen()[1].query, "access_token=***");
/// # }
/// ```
///
/// The [crate's page](crate) lists what is answered where.
///
/// # Time
///
/// The platform's clock runs with tokio's, and [`advance`](Self::advance) moves it on without waiting. That is the way to
/// test expiry: a paused runtime jumps to the next timer whenever it is idle, and it is idle while bytes cross a socket, so
/// that time-outs pass early.
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
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let wechat = fake_wechat::FakeWeChat::start().await;
    /// println!("base URL: {}", wechat.url());
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If no port of 127.0.0.1 can be bound, or outside a tokio runtime: no test could go on.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Sets up one of other habits or with other accounts.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let wechat = FakeWeChat::builder().account("wx-shop", "secret").start().await;
    /// assert!(wechat.mint_elsewhere(FakeWeChat::APP_ID).is_none());
    /// # }
    /// ```
    pub fn builder() -> FakeWeChatBuilder {
        FakeWeChatBuilder::default()
    }

    /// The base URL for the SDK under test: `http://127.0.0.1:PORT`, and the builder's prefix if it has one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let wechat = fake_wechat::FakeWeChat::start().await;
    /// assert!(wechat.url().starts_with("http://127.0.0.1:"));
    /// # }
    /// ```
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
