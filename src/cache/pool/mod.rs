//! [`TokenPool`]: many accounts behind one layer.
//!
//! - `table`: the accounts that are there, found without a lock.
//! - `accounts`: how they come and go. Whoever changes the pool holds the lock of its `registry`, which knows what the
//!   factory made, and for which ids it is at work.
//! - `factory`: the user's closure. It runs once for an id at a time, and all who ask get what comes of it; where that takes
//!   time, it runs in a task of its own, and they are `waiting`. What it does not know is `absent` for a few seconds.
//! - An account that is let go of is found again as long as somebody holds it: it never has two caches by that.

mod absent;
mod accounts;
mod builder;
mod factory;
mod registry;
mod table;
mod waiting;

use std::{fmt, future::Future, ops::Deref, sync::Arc};

use tokio::time::Instant;

pub use self::builder::TokenPoolBuilder;
use self::{accounts::Accounts, factory::Factory};
use super::TokenCache;
use crate::{error::Error, platform::Platform, secret::AppId};

/// Many accounts behind one layer; a request picks one with an [`AppId`] extension.
///
/// A request to the hosts of any of the accounts that names none, or one that the pool does not know, is not sent: the
/// error's kind is [`UnknownApp`](crate::ErrorKind::UnknownApp).
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower_wechat::{
///     AppId, ErrorKind, TokenCache, TokenPool, WeChatAuth, issuer::StableToken,
///     testing::FakeWeChat,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let apps = [("wx-news", "secret-1"), ("wx-shop", "secret-2")];
/// # let wechat = FakeWeChat::builder()
/// #     .account(apps[0].0, apps[0].1)
/// #     .account(apps[1].0, apps[1].1)
/// #     .start()
/// #     .await;
/// let pool = TokenPool::new();
/// for (app, secret) in apps {
///     let issuer = StableToken::new(app, secret).base_url(&wechat.url())?;
///     pool.insert(app.into(), TokenCache::new(issuer));
/// }
/// let http = Client::builder(TokioExecutor::new()).build_http();
/// let client = WeChatAuth::new(http, &pool);
///
/// let url = wechat.url() + "/cgi-bin/user/get";
/// let mut request = http::Request::get(&url).body(Empty::<Bytes>::new())?;
/// request.extensions_mut().insert(AppId::from("wx-shop"));
/// client.send(request).await?;
/// assert_eq!(wechat.seen()[0].account, Some("wx-shop".into()));
///
/// let nameless = http::Request::get(&url).body(Empty::<Bytes>::new())?;
/// let error = client.send(nameless).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::UnknownApp);
/// # Ok(())
/// # }
/// ```
///
/// Accounts are added by [`insert`](Self::insert), or made by a closure when they are first needed: at once
/// ([`factory`](TokenPoolBuilder::factory)), or from a database
/// ([`async_factory`](TokenPoolBuilder::async_factory)). Clones share them. The [`AppId`] is the pool's own key for the
/// account: two agents of one WeCom corp are two keys.
///
/// ```
/// use tower_wechat::{AppId, TokenCache, TokenPool, issuer::StableToken};
///
/// # fn secret_of(_: &AppId) -> Option<String> { Some("0123456789abcdef0123456789abcdef".into()) }
/// let pool = TokenPool::with_factory(|app: AppId| {
///     let secret = secret_of(&app)?;
///     Some(TokenCache::new(StableToken::new(app.as_str(), secret)))
/// });
/// assert!(pool.get(&"wx0123456789abcdef".into()).is_some());
/// ```
///
/// # With a factory
///
/// Any request to WeChat's or WeCom's own hosts needs an [`AppId`] then, since the factory might know it. One that names an
/// id makes the account first, whatever host it goes to: the account's own platform decides whether it gets a token, and an
/// id that the factory does not know is an error. While an account is made in a task, its request waits without the inner
/// service, as it does for a token.
///
/// # What it costs
///
/// An account takes about 1 KB with its token, whatever the number of accounts, and stays until it is removed or, if the
/// pool is told to, [let go of](TokenPoolBuilder::evict_after). Finding one takes no lock, and does not wait for those who
/// add others. The origins of all platforms that its accounts have or had are remembered, each platform once.
#[derive(Clone)]
pub struct TokenPool(Arc<Accounts>);

impl TokenPool {
    /// An empty pool.
    ///
    /// ```
    /// let pool = tower_wechat::TokenPool::new();
    /// assert!(pool.is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A pool that makes an account when it is first asked for; short for
    /// [`builder`](Self::builder)`().`[`factory`](TokenPoolBuilder::factory)`(make).build()`.
    ///
    /// ```
    /// use tower_wechat::{AppId, TokenCache, TokenPool, issuer::WeCom};
    ///
    /// // The key of an account is the pool's own: here, the agent's name.
    /// let pool = TokenPool::with_factory(|agent: AppId| {
    ///     let secret = std::env::var(format!("SECRET_OF_{agent}")).ok()?;
    ///     Some(TokenCache::new(WeCom::new("ww0123456789abcdef", secret)))
    /// });
    /// assert!(pool.get(&"no-such-agent".into()).is_none());
    /// ```
    #[must_use]
    pub fn with_factory(make: impl Fn(AppId) -> Option<TokenCache> + Send + Sync + 'static) -> Self {
        Self::builder().factory(make).build()
    }

    /// A pool with settings of your own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_wechat::{TokenCache, TokenPool, issuer::StableToken};
    ///
    /// let pool = TokenPool::builder()
    ///     .factory(|app| {
    ///         let issuer = StableToken::new(app, "the-same-secret-for-all");
    ///         Some(TokenCache::new(issuer))
    ///     })
    ///     .evict_after(Duration::from_secs(24 * 3600))
    ///     .build();
    /// assert!(pool.is_empty(), "accounts are made when they are asked for");
    /// ```
    pub fn builder() -> TokenPoolBuilder {
        TokenPoolBuilder::default()
    }

    fn with(factory: Option<Factory>, evict_after: Option<std::time::Duration>) -> Self {
        Self(Arc::new(Accounts::new(factory, evict_after)))
    }

    /// Adds an account, or replaces the one of that id. Returns the one that was there.
    ///
    /// ```
    /// use tower_wechat::{AppId, TokenCache, TokenPool, issuer::StableToken};
    ///
    /// let pool = TokenPool::new();
    /// let app = AppId::from("wx0123456789abcdef");
    /// let cache = TokenCache::new(StableToken::new(app.clone(), "the-app-secret"));
    /// assert!(pool.insert(app, cache).is_none());
    /// assert_eq!(pool.len(), 1);
    /// ```
    #[allow(clippy::must_use_candidate, clippy::needless_pass_by_value)] // Inserted for the effect, as into a map.
    pub fn insert(&self, app: AppId, cache: TokenCache) -> Option<TokenCache> {
        self.0.insert(&app, cache)
    }

    /// Removes an account. Requests that it has authorised already go on. With a factory it is made again when it is next
    /// asked for, also if it is being made just now.
    ///
    /// ```
    /// # use tower_wechat::{AppId, TokenCache, TokenPool, issuer::StableToken};
    /// # let pool = TokenPool::new();
    /// # let app = AppId::from("wx0123456789abcdef");
    /// # pool.insert(app.clone(), TokenCache::new(StableToken::new(app.clone(), "secret")));
    /// let gone = pool.remove(&app); // its owner has withdrawn the authorisation
    /// assert!(gone.is_some() && pool.is_empty());
    /// ```
    #[allow(clippy::must_use_candidate)] // Removed for the effect.
    pub fn remove(&self, app: &AppId) -> Option<TokenCache> {
        self.0.remove(app)
    }

    /// The account of that id, if it is there, or made by the [`factory`](TokenPoolBuilder::factory). It waits for nothing:
    /// see [`account`](Self::account).
    #[must_use]
    pub fn get(&self, app: &AppId) -> Option<TokenCache> {
        self.find(app).ok().flatten()
    }

    /// The account of that id; as [`get`](Self::get), but waits while an
    /// [`async_factory`](TokenPoolBuilder::async_factory) makes it.
    ///
    /// ```
    /// # use tower_wechat::{AppId, TokenCache, TokenPool, issuer::StableToken};
    /// use tower_wechat::ErrorKind;
    ///
    /// # async fn secret_of(app: &AppId) -> Option<String> {
    /// #     (app.as_str() == "wx0123456789abcdef").then(|| "the-app-secret".into())
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = TokenPool::builder()
    ///     .async_factory(|app| async move {
    ///         let secret = secret_of(&app).await; // from a database
    ///         Ok(secret.map(|secret| TokenCache::new(StableToken::new(app, secret))))
    ///     })
    ///     .build();
    ///
    /// let cache = pool.account(&"wx0123456789abcdef".into()).await?;
    /// assert_eq!(cache.app().as_str(), "wx0123456789abcdef");
    ///
    /// let error = pool.account(&"wx-unknown".into()).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::UnknownApp);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnknownApp`](crate::ErrorKind::UnknownApp) if there is no such account, or the factory panicked,
    /// [`Config`](crate::ErrorKind::Config) if it returned the account of another id,
    /// [`Store`](crate::ErrorKind::Store) if it failed (or its own kind if it failed with an [`Error`] of this crate),
    /// [`Timeout`](crate::ErrorKind::Timeout) after 5 s, [`NoRuntime`](crate::ErrorKind::NoRuntime) outside tokio if it has
    /// to wait, and [`Closed`](crate::ErrorKind::Closed) if the factory's runtime is shut down again and again.
    ///
    /// # Panics
    ///
    /// If it has to wait on a tokio runtime that was built without its timer (`enable_time`).
    pub async fn account(&self, app: &AppId) -> Result<TokenCache, Error> {
        self.account_by(app.clone(), None).await
    }

    /// The same, before the deadline.
    pub(crate) fn account_by(
        &self,
        app: AppId,
        deadline: Option<Instant>,
    ) -> impl Future<Output = Result<TokenCache, Error>> + Send + use<> {
        self.0.clone().account(app, deadline)
    }

    /// The account, if it need not be waited for.
    pub(crate) fn find(&self, app: &AppId) -> Result<Option<TokenCache>, Error> {
        self.0.find(app)
    }

    /// Whether accounts are made when they are first asked for.
    pub(crate) fn has_factory(&self) -> bool {
        self.0.factory.is_some()
    }

    /// The platforms of its accounts, each once.
    pub(crate) fn platforms(&self) -> impl Deref<Target = Arc<Vec<Platform>>> {
        self.0.platforms.load()
    }

    /// How many accounts there are.
    ///
    /// ```
    /// # let pool = tower_wechat::TokenPool::new();
    /// assert_eq!(pool.len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.table.len()
    }

    /// Whether there is none.
    ///
    /// ```
    /// # let pool = tower_wechat::TokenPool::new();
    /// assert!(pool.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for TokenPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPool").field("accounts", &self.len()).finish_non_exhaustive()
    }
}
