//! The shared coalescing cache: one token an account, however many ask for it.
//!
//! The way down, from the handle to the rules; each knows only those below it:
//!
//! - [`TokenCache`] is the handle, made by the `builder`. The `pool` keeps many accounts behind one layer, and the `warmer`
//!   refreshes ahead without traffic.
//! - `core`: from a need to a token. It decides, serves from the slot, or waits for a call of the `flight`: the fetch under
//!   way, if there is one, in a task of its own. A caller who gives up harms nobody, and the token is not lost.
//! - `fetch`: what a fetch does. It asks the issuer (`mint`), and with a store it first finds out in an `election` whether
//!   another process was faster. A `follower` takes over what other processes write.
//! - `state`: what is known. The present token is in a `slot`, read without a lock; a later one replaces an earlier one, never
//!   the reverse. `history` and `budget` say what failed or was used lately, and what may not be tried again yet.
//! - `policy`: what to do now, as a pure function: serve, serve and refresh, wait, or hold back.
//!
//! A rejected token is compared, not thrown away: [`refresh`](TokenCache::refresh) names the token that WeChat rejected,
//! and if the cache has a later one already, that is the answer.

mod budget;
mod builder;
mod core;
mod fetch;
mod flight;
mod foreign_minter;
mod health;
mod history;
mod per_runtime;
mod policy;
#[cfg(test)]
mod policy_model;
mod pool;
mod settings;
mod slot;
mod state;
mod stats;
mod sync;
mod trial;
mod warmer;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

pub use self::{
    builder::TokenCacheBuilder,
    health::{FailedMint, Health},
    pool::{TokenPool, TokenPoolBuilder},
    stats::Stats,
    warmer::KeepWarm,
};
use self::{core::Core, policy::Need};
use crate::{
    error::TokenError,
    issuer::{AccountKey, Issuer},
    platform::Platform,
    secret::AppId,
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
/// let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
///     .base_url(&wechat.url())?;
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
    core: Arc<Core>,
}

impl TokenCache {
    /// A cache with default settings, which keeps the token to itself.
    ///
    /// ```
    /// use tower_wechat::{TokenCache, issuer::StableToken};
    ///
    /// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret");
    /// let cache = TokenCache::new(issuer); // nothing is sent yet
    /// assert!(cache.current().is_none());
    /// ```
    #[must_use]
    pub fn new(issuer: impl Issuer) -> Self {
        Self::builder(issuer).build()
    }

    /// A cache with settings of your own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_wechat::{TokenCache, issuer::StableToken, store::MemoryStore};
    ///
    /// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret");
    /// let cache = TokenCache::builder(issuer)
    ///     .store(MemoryStore::new())
    ///     .wait_timeout(Duration::from_secs(3))
    ///     .build();
    /// # drop(cache);
    /// ```
    pub fn builder(issuer: impl Issuer) -> TokenCacheBuilder {
        TokenCacheBuilder::new(Arc::new(issuer))
    }

    /// The token; fetched if there is none, at once if there is.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// # let cache = TokenCache::new(issuer);
    /// let token = cache.token().await?;
    /// let query = format!("access_token={}", token.as_str());
    /// # drop(query);
    /// # Ok(())
    /// # }
    /// ```
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
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
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
        self.get(Need::Living(ttl)).await
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
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// let token = cache.token().await?;
    /// // A call with that token was answered with 40001.
    /// # wechat.revoke();
    /// let better = cache.refresh(&token).await?;
    /// assert!(better.generation() > token.generation());
    ///
    /// // Whoever comes late with the rejected token gets the better one.
    /// assert_eq!(cache.refresh(&token).await?.generation(), better.generation());
    /// assert_eq!(wechat.mints(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token). [`BackedOff`](crate::ErrorKind::BackedOff) also if the last refresh brought nothing new,
    /// or if a budget of the account is spent; [`retry_after`](TokenError::retry_after) says until when. There are two: one
    /// for all refreshes, of a size that the [issuer](Issuer::refreshes) names, and a small one for those that did not help,
    /// whose token was rejected too (within 30 s, if nothing else tells): five, then one every five minutes.
    ///
    /// # Panics
    ///
    /// As [`token`](Self::token).
    pub async fn refresh(&self, rejected: &AccessToken) -> Result<AccessToken, TokenError> {
        self.core.state.note_rejection(rejected);
        self.get(Need::Replacing(rejected.clone())).await
    }

    async fn get(&self, need: Need) -> Result<AccessToken, TokenError> {
        match self.core.ready(&need) {
            Some(token) => Ok(token),
            None => self.core.clone().wait(need).await,
        }
    }

    /// The token, if there is a good one. No waiting, no I/O.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// assert!(cache.current().is_none(), "nobody has asked yet");
    ///
    /// let token = cache.token().await?;
    /// assert_eq!(cache.current().unwrap().generation(), token.generation());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn current(&self) -> Option<AccessToken> {
        self.core.state.current()
    }

    /// The first good token of a later generation, as soon as it is here: whoever fetched it, wherever. Waits for as long as
    /// that takes and fetches nothing; the wait counts as use, so that tokens of other processes are heard of.
    ///
    /// For those who hand the token on, as `wechat-hub` does.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// let (first, handed_on) = tokio::join!(cache.token(), cache.newer_than(0));
    /// assert_eq!(first?.generation(), handed_on.generation());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn newer_than(&self, generation: u64) -> AccessToken {
        let state = &self.core.state;
        state.note_use(state.clock.now());
        self.core.follow();
        state.newer_than(generation).await
    }

    /// The token before the present one, as far as this process knows; it is kept from the first call of this on. For a server
    /// that is shown tokens which it has handed out. WeChat may still take it: the old token and the new one both work for five
    /// minutes (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>).
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// assert!(cache.replaced().is_none()); // kept from now on
    /// let first = cache.token().await?;
    /// cache.refresh(&first).await?;
    /// assert_eq!(cache.replaced().unwrap().generation(), first.generation());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn replaced(&self) -> Option<AccessToken> {
        self.core.state.replaced()
    }

    /// Takes over what other processes have written to the store by now. They are heard of soon anyway; this is for those
    /// who cannot wait for it, such as a server that is asked about a token which it has never seen. Without a store, or if
    /// that is out of reach, nothing happens.
    ///
    /// ```
    /// # use tower_wechat::{
    /// #     TokenCache, issuer::StableToken, store::MemoryStore, testing::FakeWeChat,
    /// # };
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = || StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url());
    /// let store = MemoryStore::new();
    /// let ours = TokenCache::builder(issuer()?).store(store.clone()).build();
    /// let theirs = TokenCache::builder(issuer()?).store(store).build();
    ///
    /// let token = theirs.token().await?; // in another process, say
    /// ours.look().await;
    /// assert_eq!(ours.current().unwrap().generation(), token.generation());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn look(&self) {
        self.core.look().await;
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
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// let warm = cache.keep_warm(); // keep it as long as the program runs
    /// // It has asked for one, though nobody has asked the cache.
    /// wechat.wait_for_token_requests(1).await;
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
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// cache.token().await?;
    /// cache.token().await?;
    ///
    /// let stats = cache.stats();
    /// assert_eq!((stats.mints(), stats.waits), (1, 1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.state.stats()
    }

    /// How the account is at the moment: its token, what failed, what is forbidden, and what the budgets have left. No
    /// waiting, no I/O; for status pages and checks, not for every request.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// use tower_wechat::testing::Fault;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// wechat.fail_tokens(Fault::Errcode(40125)); // the secret is wrong
    /// assert!(cache.token().await.is_err());
    ///
    /// let health = cache.health();
    /// assert_eq!(health.last_failure.unwrap().error.errcode(), Some(40125));
    /// assert!(health.held_back.unwrap().retry_after().is_some());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        self.core.state.health()
    }

    /// The app that its tokens are for.
    ///
    /// ```
    /// use tower_wechat::{TokenCache, issuer::StableToken};
    ///
    /// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret");
    /// assert_eq!(TokenCache::new(issuer).app().as_str(), "wx0123456789abcdef");
    /// ```
    #[must_use]
    pub fn app(&self) -> &AppId {
        self.account().app()
    }

    /// Which account this is, in stores, events and metrics.
    ///
    /// ```
    /// use tower_wechat::{TokenCache, issuer::{ClassicToken, StableToken}};
    ///
    /// let app = "wx0123456789abcdef";
    /// let stable = TokenCache::new(StableToken::new(app, "the-app-secret"));
    /// let classic = TokenCache::new(ClassicToken::new(app, "the-app-secret"));
    /// // Their tokens live beside each other, so they are two accounts.
    /// assert_ne!(stable.account(), classic.account());
    /// assert_eq!(stable.account().to_string().len(), 32);
    /// ```
    #[must_use]
    pub fn account(&self) -> &AccountKey {
        &self.core.state.account
    }

    /// What was wrong has been mended: the secret is right now, the quota was cleared, the ticket has been pushed. Back-off
    /// is over, whoever met the failure, and the next fetch is at once; if there is no good token or the next one is due, it
    /// begins here (inside a tokio runtime). A budget of refreshes that is spent stays so.
    ///
    /// ```
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    /// use tower_wechat::testing::Fault;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// // This machine's address is not on the app's IP allow-list.
    /// wechat.fail_tokens(Fault::Errcode(40164));
    /// assert!(cache.token().await.is_err());
    ///
    /// // Somebody has put it there.
    /// wechat.heal();
    /// cache.retry_now();
    /// cache.token().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn retry_now(&self) {
        self.core.retry_now();
    }

    /// Ends the cache: starts no further mint, and waits for the one that is under way and for its write to the store, so
    /// that no other process loses it. That takes no longer than a fetch may: the
    /// [`fetch_timeout`](TokenCacheBuilder::fetch_timeout) and a second; with a store, twice that time-out and 5 s. A good
    /// token is served on; without one, callers get [`Closed`](crate::ErrorKind::Closed). The store is left alone.
    ///
    /// ```
    /// use tower_wechat::ErrorKind;
    /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// let cache = TokenCache::new(issuer);
    /// cache.shutdown().await; // at the end of the program
    ///
    /// let error = cache.token().await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Closed);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn shutdown(&self) {
        self.core.close().await;
    }

    /// Where its tokens may go, and how their rejection looks.
    ///
    /// ```
    /// use tower_wechat::{TokenCache, issuer::WeCom};
    ///
    /// let issuer = WeCom::new("ww0123456789abcdef", "the-corp-secret");
    /// let cache = TokenCache::new(issuer);
    /// assert_eq!(cache.platform().name(), "wecom");
    /// ```
    #[must_use]
    pub fn platform(&self) -> &Platform {
        self.core.state.issuer.platform()
    }

    /// The token for a request, if there is a good one; sees to the next one if that is due.
    pub(crate) fn ready(&self) -> Option<AccessToken> {
        self.core.ready(&Need::ANY)
    }

    /// A token for a request that carried `rejected`, as [`ready`](Self::ready).
    pub(crate) fn ready_after(&self, rejected: &AccessToken) -> Option<AccessToken> {
        self.core.ready(&Need::After(rejected.generation()))
    }

    /// Takes note that WeChat rejected this token. Whether that is news.
    pub(crate) fn note_rejection(&self, rejected: &AccessToken) -> bool {
        self.core.state.note_rejection(rejected)
    }

    /// Takes note that a request which had been rejected was sent again with this token, and was accepted or not.
    pub(crate) fn note_replay(&self, token: &AccessToken, accepted: bool) {
        self.core.note_replay(token, accepted);
    }

    /// Takes note that a request was accepted with this token, which had not been rejected before.
    pub(crate) fn note_accepted(&self, token: &AccessToken) {
        self.core.state.trial.accepted(token.generation());
    }

    /// Starts a refresh for those who come later, and does not wait for it.
    pub(crate) fn refresh_for_others(&self, rejected: &AccessToken) {
        self.core.state.note_rejection(rejected);
        self.core.start(&Need::Replacing(rejected.clone()));
    }

    /// For how long nobody has asked it for a token.
    fn idle(&self) -> Duration {
        let state = &self.core.state;
        state.idle(state.clock.now())
    }

    /// Whether somebody has some use for it: there is another handle (a request under way has one, and so has a caller who
    /// waits), or a fetch is under way.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.core) > 1 || self.core.is_fetching()
    }

    fn downgrade(&self) -> WeakTokenCache {
        WeakTokenCache(Arc::downgrade(&self.core))
    }

    pub(crate) fn report(&self, event: Event<'_>) {
        self.core.state.report(event);
    }
}

/// A cache that is there only as long as somebody else has a handle of it.
struct WeakTokenCache(Weak<Core>);

impl WeakTokenCache {
    fn upgrade(&self) -> Option<TokenCache> {
        Some(TokenCache { core: self.0.upgrade()? })
    }

    fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("account", self.account())
            .field("token", &self.current())
            .field("store", &self.core.state.store)
            .finish()
    }
}
