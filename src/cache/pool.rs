//! [`TokenPool`]: many accounts behind one layer.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::BuildHasher,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

use super::{TokenCache, sync::lock};
use crate::{
    clock::Clock,
    error::{Error, ErrorKind},
    issuer::AccountKey,
    platform::Platform,
    secret::AppId,
};

/// Enough that copying one to add an account is cheap with 100 000 accounts.
const SHARDS: usize = 1024;

/// Many accounts behind one layer; a request picks one with an [`AppId`] extension.
///
/// A request to the hosts of any of the accounts that names none, or one that the pool does not know, is not sent: the
/// error's kind is [`UnknownApp`](ErrorKind::UnknownApp).
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{Layer, ServiceExt};
/// use tower_wechat::{AppId, ErrorKind, TokenCache, TokenPool, WeChatAuthLayer, issuer::StableToken, testing::FakeWeChat};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = FakeWeChat::builder().account("wx-news", "secret-1").account("wx-shop", "secret-2").start().await;
/// let pool = TokenPool::new();
/// for (app, secret) in [("wx-news", "secret-1"), ("wx-shop", "secret-2")] {
///     pool.insert(app.into(), TokenCache::new(StableToken::new(app, secret).base_url(&wechat.url())?));
/// }
/// let client = WeChatAuthLayer::new(&pool).layer(Client::builder(TokioExecutor::new()).build_http());
///
/// let mut request = http::Request::get(wechat.url() + "/cgi-bin/user/get").body(Empty::<Bytes>::new())?;
/// request.extensions_mut().insert(AppId::from("wx-shop"));
/// client.clone().oneshot(request).await?;
/// assert_eq!(wechat.seen()[0].account, Some("wx-shop".into()));
///
/// let nameless = http::Request::get(wechat.url() + "/cgi-bin/user/get").body(Empty::<Bytes>::new())?;
/// assert_eq!(client.oneshot(nameless).await.unwrap_err().kind(), ErrorKind::UnknownApp);
/// # Ok(())
/// # }
/// ```
///
/// Accounts are added by [`insert`](Self::insert), or made by a closure when they are first needed. Clones share them. The
/// [`AppId`] is the pool's own key for the account: two agents of one WeCom corp are two keys.
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
#[derive(Clone)]
pub struct TokenPool(Arc<Inner>);

struct Inner {
    shards: Vec<ArcSwap<Shard>>,
    hasher: RandomState,
    /// Of all accounts there are or were, each once: what is in scope for the pool.
    platforms: ArcSwap<Vec<Platform>>,
    factory: Option<Factory>,
    clock: Clock,
    /// Everything that changes the pool goes through here.
    writing: Mutex<Writing>,
}

type Shard = HashMap<AppId, Member>;

struct Factory {
    make: Box<dyn Fn(AppId) -> Option<TokenCache> + Send + Sync>,
    idle: Option<Duration>,
}

#[derive(Clone)]
struct Member {
    cache: TokenCache,
    /// By the closure.
    made: bool,
}

#[derive(Default)]
struct Writing {
    /// The closure's results under way: it runs once for an id, however many ask.
    making: HashMap<AppId, Arc<OnceLock<Option<TokenCache>>>>,
    /// Under which id the closure has returned an account.
    made: HashMap<AccountKey, AppId>,
    /// When idle accounts were last looked for.
    swept: Option<Instant>,
}

impl TokenPool {
    /// An empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::build(None)
    }

    /// A pool that makes an account when it is first asked for. The closure runs once for an id, also if many ask at the
    /// same time; a `None` ("no such account") is not remembered. It runs on the caller's thread: it should not block, and
    /// must not ask the pool for the same id.
    ///
    /// Any request to WeChat's or WeCom's own hosts needs an [`AppId`] then, since the closure might know it. One that
    /// names an id makes the account first, whatever host it goes to: the account's own platform decides whether it gets a
    /// token, and an id that the closure does not know is an error.
    #[must_use]
    pub fn with_factory(make: impl Fn(AppId) -> Option<TokenCache> + Send + Sync + 'static) -> Self {
        Self::build(Some(Factory { make: Box::new(make), idle: None }))
    }

    /// Lets go of accounts that the closure made and nobody has asked for a token for `idle`; they are made again when
    /// needed. They are looked for when another account is made, at most four times in that time, so there is no timer.
    /// By default accounts stay.
    /// Call it before the pool is cloned or given to a layer: later it does nothing.
    #[must_use]
    pub fn evict_after(mut self, idle: Duration) -> Self {
        // Only a pool that has been handed to nobody can still be changed; a shared one keeps its setting.
        if let Some(factory) = Arc::get_mut(&mut self.0).and_then(|inner| inner.factory.as_mut()) {
            factory.idle = Some(idle);
        }
        self
    }

    fn build(factory: Option<Factory>) -> Self {
        let platforms = match factory {
            Some(_) => vec![Platform::wechat(), Platform::wecom()],
            None => Vec::new(),
        };
        let empty = Arc::new(Shard::new());
        Self(Arc::new(Inner {
            shards: (0..SHARDS).map(|_| ArcSwap::new(empty.clone())).collect(),
            hasher: RandomState::new(),
            platforms: ArcSwap::from_pointee(platforms),
            factory,
            clock: Clock::default(),
            writing: Mutex::default(),
        }))
    }

    /// Adds an account, or replaces the one of that id. Returns the one that was there.
    #[allow(clippy::must_use_candidate)] // Inserted for the effect.
    pub fn insert(&self, app: AppId, cache: TokenCache) -> Option<TokenCache> {
        let mut writing = lock(&self.0.writing);
        self.0.put(&mut writing, app, cache, false)
    }

    /// Removes an account. Requests that it has authorised already go on. With a closure it may be made again.
    #[allow(clippy::must_use_candidate)] // Removed for the effect.
    pub fn remove(&self, app: &AppId) -> Option<TokenCache> {
        let mut writing = lock(&self.0.writing);
        self.0.take(&mut writing, app)
    }

    /// The account of that id, made by the closure if there is one and the account is not there.
    #[must_use]
    pub fn get(&self, app: &AppId) -> Option<TokenCache> {
        self.find(app).ok()
    }

    /// As [`get`](Self::get), with the reason where there is none.
    pub(crate) fn find(&self, app: &AppId) -> Result<TokenCache, Error> {
        match self.0.lookup(app) {
            Some(cache) => Ok(cache),
            None => self.0.make(app),
        }
    }

    /// Whether accounts are made when they are first asked for.
    pub(crate) fn has_factory(&self) -> bool {
        self.0.factory.is_some()
    }

    /// The platforms of its accounts, each once.
    pub(crate) fn platforms(&self) -> impl std::ops::Deref<Target = Arc<Vec<Platform>>> {
        self.0.platforms.load()
    }

    /// How many accounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.shards.iter().map(|shard| shard.load().len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn lookup(&self, app: &AppId) -> Option<TokenCache> {
        let shard = self.shard(app).load();
        let member = shard.get(app)?;
        Some(member.cache.clone())
    }

    fn make(&self, app: &AppId) -> Result<TokenCache, Error> {
        let unknown = |why: &str| {
            Error::new(ErrorKind::UnknownApp, format!("no account for app {}: {why}", app.shown()))
        };
        let Some(factory) = &self.factory else {
            return Err(unknown("it is not in the pool; insert it first"));
        };
        let mut writing = lock(&self.writing);
        // It may have been made since it was looked for.
        if let Some(cache) = self.lookup(app) {
            return Ok(cache);
        }
        let cell = writing.making.entry(app.clone()).or_default().clone();
        drop(writing);
        // Not under the lock: the closure is the user's.
        let made =
            catch_unwind(AssertUnwindSafe(|| cell.get_or_init(|| (factory.make)(app.clone())).clone()));
        let mut writing = lock(&self.writing);
        // Not a later one, which others may be waiting for.
        if writing.making.get(app).is_some_and(|making| Arc::ptr_eq(making, &cell)) {
            writing.making.remove(app);
        }
        if let Some(cache) = self.lookup(app) {
            return Ok(cache);
        }
        match made {
            Ok(Some(cache)) => {
                if let Some(owner) = writing.made.get(cache.account()).filter(|owner| *owner != app) {
                    let text = format!(
                        "the pool's closure returned the cache of app {} for app {}",
                        owner.shown(),
                        app.shown()
                    );
                    return Err(Error::config(text));
                }
                writing.made.insert(cache.account().clone(), app.clone());
                self.sweep(&mut writing);
                self.put(&mut writing, app.clone(), cache.clone(), true);
                Ok(cache)
            }
            Ok(None) => Err(unknown("the pool's closure does not know it")),
            Err(_) => Err(unknown("the pool's closure panicked; that is a bug in it")),
        }
    }

    fn put(&self, writing: &mut Writing, app: AppId, cache: TokenCache, made: bool) -> Option<TokenCache> {
        let platforms = self.platforms.load();
        if !platforms.contains(cache.platform()) {
            let mut more = Vec::clone(&platforms);
            more.push(cache.platform().clone());
            self.platforms.store(Arc::new(more));
        }
        let slot = self.shard(&app);
        let mut shard = Shard::clone(&slot.load());
        let previous = shard.insert(app, Member { cache, made });
        if let Some(previous) = previous.as_ref().filter(|previous| previous.made) {
            writing.made.remove(previous.cache.account());
        }
        slot.store(Arc::new(shard));
        previous.map(|member| member.cache)
    }

    fn take(&self, writing: &mut Writing, app: &AppId) -> Option<TokenCache> {
        let slot = self.shard(app);
        let mut shard = Shard::clone(&slot.load());
        let member = shard.remove(app)?;
        slot.store(Arc::new(shard));
        if member.made {
            writing.made.remove(member.cache.account());
        }
        Some(member.cache)
    }

    /// Lets go of idle accounts, now and then.
    fn sweep(&self, writing: &mut Writing) {
        let Some(idle) = self.factory.as_ref().and_then(|factory| factory.idle) else {
            return;
        };
        let now = self.clock.now().monotonic;
        if writing.swept.is_some_and(|at| now.saturating_duration_since(at) < idle / 4) {
            return;
        }
        writing.swept = Some(now);
        let stays = |member: &Member| !member.made || member.cache.idle() < idle;
        for slot in &self.shards {
            let shard = slot.load();
            if shard.values().all(stays) {
                continue;
            }
            let (staying, leaving): (Shard, Shard) =
                Shard::clone(&shard).into_iter().partition(|(_, member)| stays(member));
            for member in leaving.values() {
                writing.made.remove(member.cache.account());
            }
            slot.store(Arc::new(staying));
        }
    }

    fn shard(&self, app: &AppId) -> &ArcSwap<Shard> {
        // Below SHARDS, so the cast loses nothing that matters.
        #[allow(clippy::cast_possible_truncation)]
        let index = self.hasher.hash_one(app) as usize % SHARDS;
        &self.shards[index]
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
