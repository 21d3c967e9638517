//! [`TokenCacheBuilder`].

use std::{fmt, sync::Arc, time::Duration};

use super::{TokenCache, core::Core, settings::Settings, state::State};
use crate::{clock::Clock, issuer::Issuer, store::TokenStore};

/// Settings of a [`TokenCache`].
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::{TokenCache, issuer::StableToken, store::MemoryStore};
///
/// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret");
/// let cache = TokenCache::builder(issuer)
///     .store(MemoryStore::new()) // or a FileStore, or a RedisStore
///     .refresh_ahead(Duration::from_secs(200))
///     .wait_timeout(Duration::from_secs(3))
///     .fetch_timeout(Duration::from_secs(8))
///     .build();
/// # drop(cache);
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct TokenCacheBuilder {
    issuer: Arc<dyn Issuer>,
    store: Option<Arc<dyn TokenStore>>,
    settings: Settings,
    clock: Clock,
}

impl TokenCacheBuilder {
    pub(super) fn new(issuer: Arc<dyn Issuer>) -> Self {
        Self { issuer, store: None, settings: Settings::default(), clock: Clock::default() }
    }

    /// Shares the token through this store. By default there is none, and the cache keeps the token to itself.
    pub fn store(mut self, store: impl TokenStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// How long before its end a token is replaced, by default 240 s, at most half of its life. The old one is served
    /// meanwhile. Up to a quarter is taken off at random, so that processes do not all ask in the same second. With zero,
    /// a token is replaced only when it has expired.
    ///
    /// Stay below 300 s with [`StableToken`](crate::issuer::StableToken): earlier than in its last five minutes WeChat
    /// hands out the same token again
    /// (<https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html>).
    pub fn refresh_ahead(mut self, ahead: Duration) -> Self {
        self.settings.refresh_ahead = ahead;
        self
    }

    /// The longest that a caller waits for a token, by default 5 s; then it gets
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout). The fetch itself goes on for the next caller.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.settings.wait_timeout = timeout;
        self
    }

    /// The longest that one mint may take, its second try included, whoever asked for it, by default 10 s. A mint is tried
    /// a second time after a transient failure.
    pub fn fetch_timeout(mut self, timeout: Duration) -> Self {
        self.settings.fetch_timeout = timeout;
        self
    }

    /// Reads the wall clock from `clock`, which a test can move.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_wechat::testing::ManualClock;
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let clock = ManualClock::new();
    /// let cache = TokenCache::builder(issuer).clock(&clock).build();
    /// let token = cache.token().await?;
    ///
    /// clock.set_forward(Duration::from_secs(3 * 3600));
    /// assert!(token.expires_in().is_zero());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "testing")]
    pub fn clock(mut self, clock: &crate::testing::ManualClock) -> Self {
        self.clock = clock.clock();
        self
    }

    /// Builds the cache. It does nothing until it is first asked for a token.
    #[must_use]
    pub fn build(self) -> TokenCache {
        let state = State::new(self.issuer, self.store, self.settings, self.clock);
        TokenCache { core: Arc::new(Core::new(state)) }
    }
}

impl fmt::Debug for TokenCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCacheBuilder")
            .field("account", &self.issuer.account())
            .field("store", &self.store)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
