//! [`TokenPoolBuilder`].

use std::{fmt, future::Future, time::Duration};

use super::{TokenPool, factory::Factory};
use crate::{cache::TokenCache, error::BoxError, secret::AppId};

/// Settings of a [`TokenPool`]; made by [`TokenPool::builder`].
///
/// ```
/// use std::{collections::HashMap, time::Duration};
/// use tower_wechat::{AppId, TokenCache, TokenPool, issuer::StableToken};
///
/// let secrets = HashMap::from([("wx0123456789abcdef", "the-app-secret")]);
/// let pool = TokenPool::builder()
///     .factory(move |app: AppId| {
///         let secret = *secrets.get(app.as_str())?;
///         Some(TokenCache::new(StableToken::new(app, secret)))
///     })
///     .evict_after(Duration::from_secs(24 * 3600))
///     .build();
/// assert!(pool.get(&"wx0123456789abcdef".into()).is_some());
/// assert!(pool.get(&"wx-unknown".into()).is_none());
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct TokenPoolBuilder {
    factory: Option<Factory>,
    evict_after: Option<Duration>,
}

impl TokenPoolBuilder {
    /// Makes an account when it is first asked for, at once: from what is in memory. `None` means that there is no such
    /// account, and is not remembered.
    ///
    /// The closure runs once for an id, also if many ask at the same time: they get what it returned. It runs on the thread
    /// of the first who asks, and the others wait for it on theirs. It should not block, and must not ask the pool for the
    /// same id. Where accounts are in a database, use [`async_factory`](Self::async_factory), of which this takes the place.
    pub fn factory(self, make: impl Fn(AppId) -> Option<TokenCache> + Send + Sync + 'static) -> Self {
        Self { factory: Some(Factory::Sync(Box::new(make))), ..self }
    }

    /// Makes an account when it is first asked for, where that takes time: from a database, from a service.
    ///
    /// ```
    /// use tower_wechat::{AppId, TokenCache, TokenPool, issuer::StableToken};
    ///
    /// # #[derive(Clone)]
    /// # struct Database;
    /// # impl Database {
    /// #     async fn secret_of(&self, _: &AppId) -> std::io::Result<Option<String>> {
    /// #         Ok(Some("the-app-secret".into()))
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let database = Database;
    /// let pool = TokenPool::builder()
    ///     .async_factory(move |app: AppId| {
    ///         let database = database.clone();
    ///         async move {
    ///             let secret = database.secret_of(&app).await?; // may fail
    ///             let issuer = secret.map(|secret| StableToken::new(app, secret));
    ///             Ok(issuer.map(TokenCache::new))
    ///         }
    ///     })
    ///     .build();
    /// let cache = pool.account(&"wx0123456789abcdef".into()).await?;
    /// # drop(cache);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// There is one run at a time for an id, however many ask for it, in a task of its own on the runtime of the first of
    /// them: it goes on if they all give up, and the account is there for the next. How many ids are asked for at once is
    /// bounded by nothing here; a database's own pool of connections sees to that.
    ///
    /// - Whoever asks waits for 5 s at most, and a request no longer than its own time-out. Then the error's kind is
    ///   [`Timeout`](crate::ErrorKind::Timeout). A run that takes longer than 10 s is dropped.
    /// - `Ok(None)`, no such account, is [`UnknownApp`](crate::ErrorKind::UnknownApp). It is remembered for 5 s, for 4096
    ///   ids at most and none of more than 128 bytes, which takes less than 2 MB: whoever makes ids up fills nothing.
    /// - An `Err` goes to all who waited for it, and is not remembered: the next who asks runs the closure again. The kind
    ///   is [`Store`](crate::ErrorKind::Store), or the error's own if it is an [`Error`](crate::Error) of this crate. It is a
    ///   cause of the error that callers get, where [`downcast_ref`](crate::Error::downcast_ref) finds it; so its text must
    ///   show no secret, and no URL with a password.
    /// - A panic is caught. It is an [`UnknownApp`](crate::ErrorKind::UnknownApp), not remembered either.
    pub fn async_factory<F>(self, make: impl Fn(AppId) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Option<TokenCache>, BoxError>> + Send + 'static,
    {
        Self { factory: Some(Factory::Async(Box::new(move |app| Box::pin(make(app))))), ..self }
    }

    /// Lets go of accounts that the factory made and nobody has asked for a token for `idle`; they are made again when
    /// needed. By default accounts stay.
    ///
    /// They are looked for when another account is made, at most four times in that time, so there is no timer. An account
    /// that somebody holds stays: a request under way, a caller who waits, a fetch, a [`KeepWarm`](crate::KeepWarm), or a
    /// clone of its cache that you keep. So an account never has two caches by this.
    pub fn evict_after(self, idle: Duration) -> Self {
        Self { evict_after: Some(idle), ..self }
    }

    /// Builds the pool.
    #[must_use]
    pub fn build(self) -> TokenPool {
        TokenPool::with(self.factory, self.evict_after)
    }
}

impl fmt::Debug for TokenPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPoolBuilder")
            .field("factory", &self.factory)
            .field("evict_after", &self.evict_after)
            .finish()
    }
}
