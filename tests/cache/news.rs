//! Tokens that an issuer's source tells of by itself.

#![allow(clippy::disallowed_methods, reason = "simulated time is tokio's")]

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{sync::watch, time::sleep};
use tower_wechat::{
    AccessToken, Platform, TokenCache, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted, News},
    store::MemoryStore,
};

const TWO_HOURS: Duration = Duration::from_secs(7200);

/// A source of tokens: the present one, and how often it was asked, listened to, and away.
#[derive(Clone)]
struct Source {
    present: Arc<watch::Sender<&'static str>>,
    mints: Arc<AtomicUsize>,
    listeners: Arc<AtomicUsize>,
    outages: Arc<AtomicUsize>,
    /// How long a mint takes.
    delay: Duration,
    platform: Platform,
}

impl Source {
    fn new() -> Self {
        Self {
            present: Arc::new(watch::Sender::new("first")),
            mints: Arc::default(),
            listeners: Arc::default(),
            outages: Arc::default(),
            delay: Duration::ZERO,
            platform: Platform::wechat(),
        }
    }

    fn tell(&self, token: &'static str) {
        self.present.send_replace(token);
    }
}

impl Issuer for Source {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        self.mints.fetch_add(1, SeqCst);
        Box::pin(async {
            sleep(self.delay).await;
            Ok(Minted::new(*self.present.borrow(), TWO_HOURS))
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("source", "", "wx0123456789abcdef", None)
    }

    fn mints_are_independent(&self) -> bool {
        true
    }

    fn listen(&self) -> Option<Box<dyn News>> {
        self.listeners.fetch_add(1, SeqCst);
        Some(Box::new(Listener(self.clone())))
    }
}

struct Listener(Source);

impl News for Listener {
    fn next<'a>(&'a mut self, held: Option<&'a AccessToken>) -> MintFuture<'a> {
        let away = self.0.outages.load(SeqCst);
        if away > 0 {
            self.0.outages.store(away - 1, SeqCst);
            return Box::pin(ready(Err(TokenError::transient("away"))));
        }
        let mut present = self.0.present.subscribe();
        Box::pin(async move {
            let other = |present: &&str| held.is_none_or(|held| held.as_str() != *present);
            let Ok(other) = present.wait_for(other).await else { pending().await };
            Ok(Minted::new(*other, TWO_HOURS))
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, SeqCst);
    }
}

async fn a_moment() {
    sleep(Duration::from_secs(2)).await;
}

fn text(cache: &TokenCache) -> String {
    cache.current().map_or_else(String::new, |token| token.as_str().to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_is_told_is_there_before_it_is_needed() {
    let source = Source::new();
    let cache = TokenCache::new(source.clone());
    let first = cache.token().await.unwrap();
    a_moment().await;
    let mints = source.mints.load(SeqCst);
    source.tell("second");
    let second = cache.newer_than(first.generation()).await;
    assert_eq!((second.as_str(), text(&cache).as_str()), ("second", "second"));
    assert!(second.expires_in() > Duration::from_secs(7199));
    assert_eq!(
        cache.refresh(&first).await.unwrap().generation(),
        second.generation(),
        "who was rejected with the first finds the second"
    );
    assert_eq!(source.mints.load(SeqCst), mints);
    source.tell("first");
    let third = cache.newer_than(second.generation()).await;
    assert_eq!(third.as_str(), "first");
}

#[tokio::test(start_paused = true)]
async fn the_same_token_again_is_no_news_and_what_is_no_token_neither() {
    let source = Source::new();
    let cache = TokenCache::new(source.clone());
    let first = cache.token().await.unwrap();
    a_moment().await;
    source.tell("");
    a_moment().await;
    source.tell("first");
    a_moment().await;
    assert_eq!(cache.current().unwrap().generation(), first.generation());
    source.tell("second");
    a_moment().await;
    assert_eq!(text(&cache), "second");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_was_away_is_listened_to_again() {
    let source = Source::new();
    source.outages.store(300, SeqCst);
    let cache = TokenCache::new(source.clone());
    cache.token().await.unwrap();
    source.tell("second");
    sleep(Duration::from_secs(60)).await;
    let left = source.outages.load(SeqCst);
    assert!((100..200).contains(&left), "between two and three attempts a second: {left} of 300 are left");
    sleep(Duration::from_secs(200)).await;
    assert_eq!(text(&cache), "second");
}

#[tokio::test(start_paused = true)]
async fn nobody_listens_for_a_cache_that_is_not_used_or_not_there() {
    let source = Source::new();
    let cache = TokenCache::new(source.clone());
    cache.token().await.unwrap();
    a_moment().await;
    assert_eq!(source.listeners.load(SeqCst), 1);
    sleep(Duration::from_secs(2 * 3600)).await;
    assert_eq!(source.listeners.load(SeqCst), 0, "not used for an hour");
    cache.token().await.unwrap();
    a_moment().await;
    assert_eq!(source.listeners.load(SeqCst), 1);
    drop(cache);
    a_moment().await;
    assert_eq!(source.listeners.load(SeqCst), 0, "not there");

    let cache = TokenCache::new(source.clone());
    cache.token().await.unwrap();
    cache.shutdown().await;
    a_moment().await;
    assert_eq!(source.listeners.load(SeqCst), 0, "shut down");
}

#[tokio::test(start_paused = true)]
async fn with_a_store_the_store_tells() {
    let source = Source::new();
    let cache = TokenCache::builder(source.clone()).store(MemoryStore::new()).build();
    cache.token().await.unwrap();
    a_moment().await;
    assert_eq!(source.listeners.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_look_takes_over_what_others_have_written() {
    let store = MemoryStore::new();
    let source = Source::new();
    let [one, other] = [(); 2].map(|()| TokenCache::builder(source.clone()).store(store.clone()).build());
    other.look().await;
    assert_eq!(text(&other), "");
    one.token().await.unwrap();
    other.look().await;
    assert_eq!(text(&other), "first");
    assert_eq!(source.mints.load(SeqCst), 1);
    TokenCache::new(source).look().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_told_while_it_is_fetched_can_be_refreshed_at_once() {
    let source = Source::new();
    let cache = TokenCache::new(source.clone());
    // The listener hears of it before the mint has its answer.
    let first = cache.token().await.unwrap();
    assert_eq!(first.as_str(), "first");
    source.present.send_replace("second");
    let second = cache.refresh(&first).await.unwrap();
    assert_eq!(second.as_str(), "second");
    assert_eq!(source.mints.load(SeqCst), 0, "both were told of before they were asked for");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_told_and_minted_has_one_generation() {
    let source = Source { delay: Duration::from_secs(1), ..Source::new() };
    let cache = TokenCache::new(source.clone());
    let minting = tokio::spawn({
        let cache = cache.clone();
        async move { cache.token().await.unwrap() }
    });
    let told = cache.newer_than(0).await;
    let minted = minting.await.unwrap();
    assert_eq!((told.as_str(), minted.as_str()), ("first", "first"));
    assert_eq!(told.generation(), minted.generation());
    assert_eq!(cache.current().unwrap().generation(), minted.generation());
}
