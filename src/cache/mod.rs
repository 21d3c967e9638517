//! The shared coalescing cache: one token an account, however many ask for it.
//!
//! [`TokenCache`] is the handle. Behind it:
//!
//! - `slot`: the present token, read without a lock. A later generation replaces an earlier one, never the reverse.
//! - `policy`: what to do now, as a pure function: serve, serve and refresh, wait, or hold back.
//! - `flight`: the fetch under way, if there is one, and those who wait for it. It runs in a task of its own: a caller who
//!   gives up harms nobody, and the token is not lost.
//! - `refresh`: what a fetch does. With a store it first asks, in an `election`, whether another process was faster, and
//!   becomes the one who mints or waits for whoever is; `mint` asks the issuer; then it installs.
//! - `history` and `budget`: what failed lately, and what may not be tried again yet.
//! - `follow`: takes over what other processes write to a shared store.
//! - `warmer`: refreshes ahead without traffic, for all caches that ask for it.
//! - `pool`: many accounts behind one layer.
//!
//! A rejected token is compared, not thrown away: [`refresh`](TokenCache::refresh) names the token that WeChat rejected,
//! and if the cache has a later one already, that is the answer.

mod budget;
mod builder;
mod election;
mod flight;
mod follow;
mod history;
mod mint;
mod policy;
#[cfg(test)]
mod policy_model;
mod pool;
mod refresh;
mod shared;
mod slot;
mod stats;
mod sync;
mod warmer;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

pub use self::{
    builder::TokenCacheBuilder,
    pool::{TokenPool, TokenPoolBuilder},
    stats::Stats,
    warmer::KeepWarm,
};
use self::{policy::Need, shared::Shared};
use crate::{
    error::TokenError,
    issuer::{AccountKey, Issuer},
    platform::Platform,
    telemetry::Event,
    token::AccessToken,
};

/// One account's access token, shared by everybody who has a clone of this handle.
///
/// ```
/// use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = FakeWeChat::start().await;
/// let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
/// let cache = TokenCache::new(issuer);
///
/// let token = cache.token().await?;
/// assert_eq!(cache.token().await?.generation(), token.generation());
/// assert_eq!(wechat.mints(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenCache {
    shared: Arc<Shared>,
}

impl TokenCache {
    /// A cache with default settings, which keeps the token to itself.
    #[must_use]
    pub fn new(issuer: impl Issuer) -> Self {
        Self::builder(issuer).build()
    }

    /// A cache with settings of your own.
    pub fn builder(issuer: impl Issuer) -> TokenCacheBuilder {
        TokenCacheBuilder::new(Arc::new(issuer))
    }

    /// The token; fetched if there is none, at once if there is.
    ///
    /// # Errors
    ///
    /// After [`wait_timeout`](TokenCacheBuilder::wait_timeout) at the latest:
    /// [`Timeout`](crate::ErrorKind::Timeout) while the fetch goes on or if it took too long itself,
    /// [`Config`](crate::ErrorKind::Config) for an id or secret that cannot be one,
    /// [`Token`](crate::ErrorKind::Token) if the endpoint refused, [`BackedOff`](crate::ErrorKind::BackedOff) soon after
    /// a failure, [`Store`](crate::ErrorKind::Store) if the shared store is out of reach and minting without it would
    /// end the others' token, [`NoRuntime`](crate::ErrorKind::NoRuntime) outside tokio, and
    /// [`Closed`](crate::ErrorKind::Closed) after [`shutdown`](Self::shutdown).
    ///
    /// # Panics
    ///
    /// If it has to wait on a tokio runtime that was built without its timer (`enable_time`).
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.token_with_min_ttl(Duration::ZERO).await
    }

    /// A token that lives at least for `ttl` from now, for work that takes long with one token (a file in parts). A good
    /// token that lives shorter stays in place for all others until the longer one has come.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// let token = cache.token_with_min_ttl(Duration::from_secs(600)).await?;
    /// assert!(token.expires_in() >= Duration::from_secs(600));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// WeChat's tokens live for 7200 s at most
    /// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>). The stable endpoint hands out
    /// one token until 300 s are left of it, so more than that is not always to be had from it.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token); and [`Config`](crate::ErrorKind::Config) if `ttl` is longer than the present token lived
    /// when it came, less the `fetch_timeout`, which a new one may have lost on its way. No other is fetched before that
    /// one is near its end: the stable endpoint would hand out the same.
    ///
    /// # Panics
    ///
    /// As [`token`](Self::token).
    pub async fn token_with_min_ttl(&self, ttl: Duration) -> Result<AccessToken, TokenError> {
        let need = Need::Living(ttl);
        match self.shared.ready(need) {
            Some(token) => Ok(token),
            None => self.shared.clone().wait(need, None).await,
        }
    }

    /// A token of a later generation than `rejected`, which WeChat has rejected. If there is one already, that is the
    /// answer; if not, all who ask at the same time share one mint. The later token may have the same text: the stable
    /// endpoint hands out one token until its last five minutes.
    ///
    /// The layer does this by itself. It is for callers who put the token in by hand.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// let token = cache.token().await?;
    /// // A call with that token was answered with 40001.
    /// # wechat.revoke();
    /// let better = cache.refresh(&token).await?;
    /// assert!(better.generation() > token.generation());
    /// // Somebody who comes late with the same rejected token gets the better one, and nothing is minted.
    /// assert_eq!(cache.refresh(&token).await?.generation(), better.generation());
    /// assert_eq!(wechat.mints(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token). [`BackedOff`](crate::ErrorKind::BackedOff) also if the last refresh brought nothing new,
    /// or if the budget is spent: five in a row, then one a minute.
    ///
    /// # Panics
    ///
    /// As [`token`](Self::token).
    pub async fn refresh(&self, rejected: &AccessToken) -> Result<AccessToken, TokenError> {
        self.shared.note_rejection(rejected);
        let need = Need::NewerThan(rejected.generation());
        match self.shared.ready(need) {
            Some(token) => Ok(token),
            None => self.shared.clone().wait(need, Some(rejected.clone())).await,
        }
    }

    /// The token, if there is a good one. No waiting, no I/O.
    #[must_use]
    pub fn current(&self) -> Option<AccessToken> {
        self.shared.current()
    }

    /// Keeps the token warm: fetches the first one and replaces each near its end, without any traffic, until the guard is
    /// dropped. One task serves all caches of a runtime. An account that nobody has used for six hours is left to refresh
    /// on use, and is warm again from then on. Caches without a token start one after another, ten a second, or faster
    /// if there are more than 65 000.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// let warm = cache.keep_warm(); // keep it as long as the program runs
    /// wechat.wait_for_token_requests(1).await; // nobody has asked the cache for a token
    /// # drop(warm);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, and on one that was built without its timer (`enable_time`).
    pub fn keep_warm(&self) -> KeepWarm {
        KeepWarm::new(self.clone())
    }

    /// What the cache has done since it was built.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Ends the cache: starts no further mint, and waits for the one that is under way and for its write to the store, so
    /// that no other process loses it. That takes no longer than a fetch may: see
    /// [`fetch_timeout`](TokenCacheBuilder::fetch_timeout), and the store's own time-outs. A good token is served on; without one, callers get [`Closed`](crate::ErrorKind::Closed).
    pub async fn shutdown(&self) {
        self.shared.close().await;
    }

    pub(crate) fn platform(&self) -> &Platform {
        self.shared.issuer.platform()
    }

    pub(crate) fn account(&self) -> &AccountKey {
        &self.shared.account
    }

    /// The token for a request, if there is a good one; sees to the next one if that is due.
    pub(crate) fn ready(&self) -> Option<AccessToken> {
        self.shared.ready(Need::Living(Duration::ZERO))
    }

    /// A token for a request that carried `rejected`, as [`ready`](Self::ready).
    pub(crate) fn ready_after(&self, rejected: &AccessToken) -> Option<AccessToken> {
        self.shared.ready(Need::NewerThan(rejected.generation()))
    }

    /// Takes note that WeChat rejected this token. Whether that is news.
    pub(crate) fn note_rejection(&self, rejected: &AccessToken) -> bool {
        self.shared.note_rejection(rejected)
    }

    /// Starts a refresh for those who come later, and does not wait for it.
    pub(crate) fn refresh_for_others(&self, rejected: &AccessToken) {
        self.shared.note_rejection(rejected);
        self.shared.start(Need::NewerThan(rejected.generation()), Some(rejected.clone()));
    }

    /// For how long nobody has asked it for a token.
    fn idle(&self) -> Duration {
        self.shared.idle(self.shared.clock.now())
    }

    /// Whether there is another handle of it: a request under way has one, and so has a caller who waits, and a fetch.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    fn downgrade(&self) -> WeakTokenCache {
        WeakTokenCache(Arc::downgrade(&self.shared))
    }

    pub(crate) fn report(&self, event: Event<'_>) {
        self.shared.report(event);
    }
}

/// A cache that is there only as long as somebody else has a handle of it.
struct WeakTokenCache(Weak<Shared>);

impl WeakTokenCache {
    fn upgrade(&self) -> Option<TokenCache> {
        Some(TokenCache { shared: self.0.upgrade()? })
    }

    fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("account", &self.shared.account)
            .field("token", &self.shared.current())
            .field("store", &self.shared.store)
            .finish()
    }
}
