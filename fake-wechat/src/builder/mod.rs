//! [`FakeWeChatBuilder`]: a platform of other habits or with other accounts.

mod habits;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use crate::{
    fake::{FakeWeChat, Running},
    gate::Gate,
    log::Log,
    rules::Rules,
    server,
    state::State,
    tokens::Tokens,
};

/// Sets up a [`FakeWeChat`]; made by [`FakeWeChat::builder`].
///
/// ```
/// use fake_wechat::FakeWeChat;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let fake = FakeWeChat::builder()
///     .account("wx-news", "secret-1")
///     .account("wx-shop", "secret-2")
///     .corp("ww-corp", "secret-of-an-agent")
///     .token_life(Duration::from_secs(600))
///     .classic_quota(10)
///     .start()
///     .await;
/// assert!(fake.mint_elsewhere("wx-news").is_some());
/// # }
/// ```
///
/// At its token endpoints it does as WeChat documents for
/// [classic](https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html) and
/// [stable](https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html) tokens, for
/// [quotas](https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html) and for
/// [WeCom](https://developer.work.weixin.qq.com/document/path/91039), unless one of these says otherwise:
///
/// ```
/// use fake_wechat::FakeWeChatBuilder;
/// use std::time::Duration;
///
/// let strict = FakeWeChatBuilder::default()
///     .overlap(Duration::ZERO) // a new token kills the old one at once
///     .forced_overlap(Duration::ZERO)
///     .forced_quota(5)
///     .forced_spacing(Duration::from_secs(60))
///     .stable_quota(100)
///     .wecom_mints_anew()
///     .wrong_secret_code(40001);
/// let slow = FakeWeChatBuilder::default()
///     .token_latency(Duration::from_millis(300))
///     .api_latency(Duration::from_millis(50));
/// let not_on_its_allow_list = FakeWeChatBuilder::default().refuse_ip();
/// # drop((strict, slow, not_on_its_allow_list));
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing listens before `start`"]
pub struct FakeWeChatBuilder {
    rules: Rules,
    token_latency: Duration,
    api_latency: Duration,
    media_size: u64,
    log_limit: usize,
    prefix: String,
    listen: SocketAddr,
    control_calls: bool,
    accounts: Vec<Account>,
}

#[derive(Clone)]
struct Account {
    id: String,
    secret: Box<str>,
    is_corp: bool,
}

impl Default for FakeWeChatBuilder {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            token_latency: Duration::ZERO,
            api_latency: Duration::ZERO,
            media_size: 64 * 1024,
            log_limit: 10_000,
            prefix: String::new(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            control_calls: false,
            accounts: Vec::new(),
        }
    }
}

impl FakeWeChatBuilder {
    /// Adds an official account or mini program. With any account or corp added, the default ones are not there.
    pub fn account(self, app_id: impl Into<String>, app_secret: &str) -> Self {
        self.add(app_id.into(), app_secret, false)
    }

    /// Adds a WeCom app. Apps of one corp have its id in common, and a secret and a token each.
    pub fn corp(self, corp_id: impl Into<String>, corp_secret: &str) -> Self {
        self.add(corp_id.into(), corp_secret, true)
    }

    fn add(mut self, id: String, secret: &str, is_corp: bool) -> Self {
        self.accounts.push(Account { id, secret: secret.into(), is_corp });
        self
    }

    /// How many bytes `/cgi-bin/media/get` sends unless its query has a `size`; 64 KiB by default.
    ///
    /// ```
    /// let fake = fake_wechat::FakeWeChat::builder().media_size(8 * 1024 * 1024);
    /// # drop(fake);
    /// ```
    pub fn media_size(self, bytes: u64) -> Self {
        Self { media_size: bytes, ..self }
    }

    /// How many requests [`FakeWeChat::seen`] remembers, the latest; 10 000 by default.
    ///
    /// ```
    /// let fake = fake_wechat::FakeWeChat::builder().log_limit(100);
    /// # drop(fake);
    /// ```
    pub fn log_limit(self, requests: usize) -> Self {
        Self { log_limit: requests, ..self }
    }

    /// Puts everything below this path (`/wx`), as a reverse proxy would. Anything else is answered with HTTP status 404,
    /// and what is [seen](FakeWeChat::seen) of a path begins after it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let fake = fake_wechat::FakeWeChat::builder().prefix("/wx").start().await;
    /// assert!(fake.url().ends_with("/wx"));
    /// # }
    /// ```
    pub fn prefix(self, path: &str) -> Self {
        Self { prefix: format!("/{}", path.trim_matches('/')).trim_end_matches('/').to_owned(), ..self }
    }

    /// Where it listens: a free port of 127.0.0.1 by default. Any other address of loopback will do, and no other address.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::net::Ipv6Addr;
    ///
    /// let address = (Ipv6Addr::LOCALHOST, 0).into(); // any free port
    /// let fake = fake_wechat::FakeWeChat::builder().listen(address).try_start().await;
    /// # }
    /// ```
    pub fn listen(self, address: SocketAddr) -> Self {
        Self { listen: address, ..self }
    }

    /// Answers control calls below `/_fake/`, by which a test in another language revokes tokens, moves the clock, has calls
    /// fail and reads counters. `GET /_fake/` lists them. They count as no request. Not there by default.
    ///
    /// ```
    /// # use fake_wechat::FakeWeChat;
    /// # use http_body_util::{BodyExt, Empty};
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # async fn get(url: String) -> serde_json::Value {
    /// #     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    /// #     let answer = client.get(url.parse().unwrap()).await.unwrap();
    /// #     let answer = answer.into_body().collect().await.unwrap().to_bytes();
    /// #     serde_json::from_slice(&answer).unwrap_or_default()
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let fake = FakeWeChat::builder().control_calls().start().await;
    /// let counters = get(fake.url() + "/_fake/counters").await;
    /// assert_eq!(counters["mints"], 0);
    /// # }
    /// ```
    pub fn control_calls(self) -> Self {
        Self { control_calls: true, ..self }
    }

    /// Starts it on the runtime that runs this.
    ///
    /// # Panics
    ///
    /// If the address cannot be bound, or outside a tokio runtime: no test could go on.
    pub async fn start(self) -> FakeWeChat {
        // Documented above.
        self.try_start().await.expect("an address of loopback that can be bound")
    }

    /// As [`start`](Self::start), for those who can go on without.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let public = "192.0.2.1:80".parse().unwrap();
    /// let fake = fake_wechat::FakeWeChat::builder().listen(public).try_start().await;
    /// assert!(fake.is_err(), "it listens on loopback only");
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the address cannot be bound, or is not one of loopback.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[allow(clippy::unused_async, reason = "sockets need a runtime, and `async` says so")]
    pub async fn try_start(mut self) -> io::Result<FakeWeChat> {
        let listener = server::listen(self.listen)?;
        let address = listener.local_addr()?;
        if self.accounts.is_empty() {
            self = self
                .account(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
                .corp(FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET);
        }
        let mut tokens = Tokens::new(self.rules);
        for account in self.accounts {
            tokens.add(account.id, &account.secret, account.is_corp);
        }
        let state = Arc::new(State::new(
            tokens,
            Gate::new(self.token_latency),
            Gate::new(self.api_latency),
            Log::new(self.log_limit),
            self.media_size,
            self.prefix.into(),
            self.control_calls,
        ));
        let server = tokio::spawn(server::serve(listener, state.clone())).abort_handle();
        Ok(FakeWeChat(Arc::new(Running { state, address, server })))
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id.fmt(f)
    }
}
