//! [`WeChatAuthLayer`].

use std::{sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{
    service::WeChatAuth,
    settings::{Accounts, Settings},
};
use crate::{error::Error, memory::Memory, platform::Origin};

/// [`Layer`] that authorises requests to WeChat with a shared access token.
///
/// See the [crate docs](crate) for what it does and how to order it among other layers. Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use tower::Layer;
/// use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken};
///
/// # #[derive(Clone)]
/// # struct Client;
/// # let http = Client;
/// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret");
/// let layer = WeChatAuthLayer::new(TokenCache::new(issuer))
///     .replay_limit(1024 * 1024)
///     .replay_memory(16 * 1024 * 1024)
///     .replay_timeout(Duration::from_secs(5))
///     .inspect_limit(2048)
///     .inspect_timeout(Duration::from_millis(100));
/// let client = layer.layer(http); // any tower HTTP client
/// # drop(client);
/// ```
#[derive(Clone, Debug)]
pub struct WeChatAuthLayer {
    settings: Arc<Settings>,
}

impl WeChatAuthLayer {
    /// A layer over one account's [`TokenCache`](crate::TokenCache), or over a [`TokenPool`](crate::TokenPool).
    ///
    /// ```
    /// use tower_wechat::{TokenCache, TokenPool, WeChatAuthLayer, issuer::StableToken};
    ///
    /// let cache = TokenCache::new(StableToken::new("wx0123456789abcdef", "secret"));
    /// let one_account = WeChatAuthLayer::new(&cache); // or `cache` itself
    ///
    /// let pool = TokenPool::new();
    /// pool.insert("wx0123456789abcdef".into(), cache);
    /// let many_accounts = WeChatAuthLayer::new(&pool);
    /// # drop((one_account, many_accounts));
    /// ```
    #[must_use]
    pub fn new(accounts: impl Into<Accounts>) -> Self {
        Self { settings: Arc::new(Settings::new(accounts.into())) }
    }

    /// How much of a streamed request body is kept for a replay, in bytes; 10 MiB by default, WeChat's largest media
    /// (<https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/Adding_Permanent_Assets.html>). A longer
    /// stream goes out once, and its rejection is handed on. A body in one piece costs nothing and has no limit; with 0 no
    /// other is replayed.
    #[must_use]
    pub fn replay_limit(self, bytes: usize) -> Self {
        self.with(|settings| settings.replay_limit = bytes)
    }

    /// How much all requests of this layer and its clones keep together, in bytes; 64 MiB by default. That is what streamed
    /// bodies are recorded into, and what answers that take more than one frame to decide are kept in. A stream that finds
    /// none left goes out once; an answer that does is handed on without a further look.
    #[must_use]
    pub fn replay_memory(self, bytes: usize) -> Self {
        self.with(|settings| settings.memory = Memory::new(bytes))
    }

    /// How long a rejected request waits for its second answer: for another token, for the inner service, and for the head
    /// of the answer; 10 s by default. After that the caller gets WeChat's first answer. With zero nothing is replayed;
    /// the next request has the other token.
    #[must_use]
    pub fn replay_timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.replay_timeout = timeout)
    }

    /// How much of an answer is looked at for an errcode, in bytes; 4 KiB by default. WeChat's errors are far shorter.
    /// With 0 nothing is looked at, and nothing replayed.
    #[must_use]
    pub fn inspect_limit(self, bytes: usize) -> Self {
        self.with(|settings| settings.inspect_limit = bytes)
    }

    /// How long an answer is looked at, from its head on; 250 ms by default. One that does not show by then whether it is a
    /// rejection is handed on. With zero only what came with the head is looked at.
    #[must_use]
    pub fn inspect_timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.inspect_timeout = timeout)
    }

    /// Takes these codes, and no others, for "the token was rejected". By default they are the account's own
    /// [`Platform::rejection_codes`](crate::Platform::rejection_codes). With none nothing is replayed.
    ///
    /// Name only codes that WeChat answers *before* it carries the request out: a request may be sent again for each. 0, which
    /// is success, is left out.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::WeCom};
    /// # let cache = TokenCache::new(WeCom::new("ww0123456789abcdef", "secret"));
    /// // WeCom's own, and one that a gateway in front of it answers.
    /// let layer = WeChatAuthLayer::new(cache).rejection_codes([40014, 42001, 9001]);
    /// # drop(layer);
    /// ```
    #[must_use]
    pub fn rejection_codes(self, codes: impl IntoIterator<Item = i64>) -> Self {
        let codes = codes.into_iter().filter(|code| *code != 0).collect();
        self.with(|settings| settings.rejection_codes = Some(codes))
    }

    /// Sends tokens to this origin too: a reverse proxy, a gateway. If the URL has a path, only what is below that path
    /// gets a token. The paths that never get one (`/cgi-bin/token`, `/sns/`, …) are recognised after it.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken};
    /// # let cache = TokenCache::new(StableToken::new("wx0123456789abcdef", "secret"));
    /// let layer = WeChatAuthLayer::new(cache)
    ///     .allow_origin("https://gateway.example/wechat")?; // nothing beside /wechat/
    /// assert!(layer.allow_origin("http://gateway.example").is_err());
    /// # Ok::<(), tower_wechat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything but `https://host[:port][/prefix]`, or the same with
    /// `http` and a loopback host.
    pub fn allow_origin(self, url: &str) -> Result<Self, Error> {
        let origin = Origin::parse(url)?;
        Ok(self.with(|settings| settings.allowed.push(origin)))
    }

    /// Sends tokens to this origin too, by plain `http` if the URL says so: **whoever can listen on the way can take the
    /// token**. For a private deployment in a network of your own.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::WeCom};
    /// # let cache = TokenCache::new(WeCom::new("ww0123456789abcdef", "secret"));
    /// let layer = WeChatAuthLayer::new(cache)
    ///     .dangerous_plain_http_origin("http://wecom.corp.example:8080")?;
    /// # drop(layer);
    /// # Ok::<(), tower_wechat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything but `http://host[:port][/prefix]` or the same with
    /// `https`.
    pub fn dangerous_plain_http_origin(self, url: &str) -> Result<Self, Error> {
        let origin = Origin::parse_dangerous_plain_http(url)?;
        Ok(self.with(|settings| settings.allowed.push(origin)))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for WeChatAuthLayer {
    type Service = WeChatAuth<S>;

    fn layer(&self, inner: S) -> WeChatAuth<S> {
        WeChatAuth::with_settings(inner, self.settings.clone())
    }
}
