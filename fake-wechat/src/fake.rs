//! [`FakeWeChat`]: the platform in a box.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use tokio::task::AbortHandle;

use crate::{
    answer::Answer,
    builder::FakeWeChatBuilder,
    faults::Fault,
    gate::Hold,
    log::Seen,
    state::{Early, Scripted, State},
};

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

    /// How many tokens were issued anew, of all accounts.
    #[must_use]
    pub fn mints(&self) -> u64 {
        self.state().tokens(|tokens, _| tokens.mints(None))
    }

    /// How many tokens were issued anew for this app or corp id.
    #[must_use]
    pub fn mints_of(&self, app: &str) -> u64 {
        self.state().tokens(|tokens, _| tokens.mints(Some(app)))
    }

    /// How many calls reached a token endpoint, whatever the answer.
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        self.state().token_gate.arrived()
    }

    /// How many of those asked the stable endpoint, with the right id and secret, for a forced refresh.
    #[must_use]
    pub fn forced_requests(&self) -> u64 {
        self.state().tokens(|tokens, _| tokens.forced_requests())
    }

    /// How many calls reached an API, whatever the answer.
    #[must_use]
    pub fn api_requests(&self) -> u64 {
        self.state().api_gate.arrived()
    }

    /// Comes back when that many calls, in all, have reached a token endpoint.
    pub async fn wait_for_token_requests(&self, count: u64) {
        self.state().token_gate.wait_for(count).await;
    }

    /// Comes back when that many calls, in all, have reached an API.
    pub async fn wait_for_api_requests(&self, count: u64) {
        self.state().api_gate.wait_for(count).await;
    }

    /// The API requests in the order in which they came, the latest 10 000 unless the builder said otherwise.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.state().lock().log.all()
    }

    /// Forgets what was seen. Counters stay.
    pub fn clear_seen(&self) {
        self.state().lock().log.clear();
    }

    /// Kills every present token at once: 40001 from now on, 40014 on WeCom.
    pub fn revoke(&self) {
        self.state().tokens(|tokens, _| tokens.revoke(None));
    }

    /// Kills the present tokens of this app or corp id at once.
    pub fn revoke_account(&self, app: &str) {
        self.state().tokens(|tokens, _| tokens.revoke(Some(app)));
    }

    /// Kills every present token at once, and the stable endpoint and WeCom's do not notice: a normal call is answered
    /// with the dead token again until it would have run out. A forced refresh of a stable token helps.
    pub fn revoke_unnoticed(&self) {
        self.state().tokens(|tokens, _| tokens.revoke_unnoticed());
    }

    /// Ends the life of every present token at once: 42001 from now on.
    pub fn expire(&self) {
        self.state().tokens(|tokens, _| tokens.expire());
    }

    /// Mints a classic token for somebody else who uses the same account, so that the present one dies after the overlap.
    /// Returns its text, or `None` if there is no such official account. No counter counts it.
    #[must_use = "the token, or `None` for an unknown account"]
    pub fn mint_elsewhere(&self, app: &str) -> Option<String> {
        self.state().tokens(|tokens, now| tokens.mint_elsewhere(app, now)).map(|text| text.to_string())
    }

    /// Whether an API would accept this token now.
    #[must_use]
    pub fn accepts(&self, token: &str) -> bool {
        self.state().tokens(|tokens, now| tokens.judge(token, now).errcode) == 0
    }

    /// Has every API call answered with this code, whatever its token; `None` switches that off.
    pub fn reject_all(&self, errcode: Option<i64>) {
        self.state().lock().manner.reject_all = errcode;
    }

    /// Moves the platform's own clock forward, by which tokens expire and quotas are renewed. It also runs with tokio's.
    pub fn advance(&self, by: Duration) {
        self.state().clock.advance(by);
    }

    /// How long token endpoints take to answer from now on.
    pub fn set_token_latency(&self, latency: Duration) {
        self.state().token_gate.set_latency(latency);
    }

    /// How long APIs take to answer from now on.
    pub fn set_api_latency(&self, latency: Duration) {
        self.state().api_gate.set_latency(latency);
    }

    /// Has every call to a token endpoint fail like this, until [`heal`](Self::heal).
    pub fn fail_tokens(&self, fault: Fault) {
        self.state().token_gate.fail(fault);
    }

    /// Has the next calls to a token endpoint fail like this. Calls add up, and come before
    /// [`fail_tokens`](Self::fail_tokens).
    pub fn fail_next_tokens(&self, count: usize, fault: Fault) {
        self.state().token_gate.fail_next(count, fault);
    }

    /// Has every API call fail like this, until [`heal`](Self::heal).
    pub fn fail_apis(&self, fault: Fault) {
        self.state().api_gate.fail(fault);
    }

    /// Has the next API calls fail like this. Calls add up, and come before [`fail_apis`](Self::fail_apis).
    pub fn fail_next_apis(&self, count: usize, fault: Fault) {
        self.state().api_gate.fail_next(count, fault);
    }

    /// Ends all faults and [`reject_all`](Self::reject_all). What hangs already goes on hanging.
    pub fn heal(&self) {
        self.state().token_gate.heal();
        self.state().api_gate.heal();
        self.reject_all(None);
    }

    /// Keeps calls to token endpoints waiting until the hold is released or dropped. They are counted as they arrive.
    pub fn hold_tokens(&self) -> Hold {
        self.state().token_gate.hold()
    }

    /// Keeps API calls waiting until the hold is released or dropped. They are counted as they arrive; their token is
    /// judged when they go on.
    pub fn hold_apis(&self) -> Hold {
        self.state().api_gate.hold()
    }

    /// Answers calls of this path like this whenever their token is good; always, where no token is asked for. That
    /// includes the token endpoints, which do not mint then. A path is replaced as a whole.
    pub fn set_answer(&self, path: &str, answer: Answer) {
        self.script(path, answer, false);
    }

    /// Answers calls of this path like this whatever their token, also those that have none: an endpoint that another
    /// secret or a ticket authorises, or one of your own. [`reject_all`](Self::reject_all) and faults go before it.
    ///
    /// ```
    /// use http_body_util::{BodyExt, Empty};
    /// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// use fake_wechat::{Answer, FakeWeChat};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeWeChat::start().await;
    /// fake.set_open_answer("/tokens/wx01", Answer::json(r#"{"token":"a","seconds":7200}"#));
    ///
    /// let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    /// let answer = client.get(format!("{}/tokens/wx01", fake.url()).parse()?).await?;
    /// assert_eq!(answer.into_body().collect().await?.to_bytes(), r#"{"token":"a","seconds":7200}"#);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_open_answer(&self, path: &str, answer: Answer) {
        self.script(path, answer, true);
    }

    fn script(&self, path: &str, answer: Answer, open: bool) {
        self.state().lock().answers.insert(path.to_owned(), Scripted { answer, open });
    }

    /// Answers like this whenever a token is missing or not good; `None` brings the platform's own errors back.
    pub fn set_rejection(&self, answer: Option<Answer>) {
        self.state().lock().manner.rejection = answer;
    }

    /// Rejects a bad token before the upload is read, and reads that while the answer is on its way.
    pub fn answer_before_reading(&self, on: bool) {
        self.state().lock().manner.early = on.then_some(Early::Drain);
    }

    /// Rejects a bad token before the upload is read, and does not read it: the connection ends after the answer.
    pub fn answer_without_reading(&self, on: bool) {
        self.state().lock().manner.early = on.then_some(Early::Close);
    }

    fn state(&self) -> &State {
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
