//! `MemoryStore` keeps the rules of a store, and caches that share one share its token.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tower_wechat::{
    ErrorKind, Platform, TokenCache, TokenError,
    issuer::{AccountKey, ClassicToken, Issuer, Mint, Minted},
    store::MemoryStore,
    testing::{FakeWeChat, store_conformance},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_store_keeps_the_rules() {
    let store = MemoryStore::new();
    store_conformance(|| async { store.clone() }).await;
}

#[tokio::test]
async fn what_a_follower_takes_over_first_answers_the_fetch() {
    let (wechat, store) = (FakeWeChat::start().await, MemoryStore::new());
    let cache = || {
        let classic = ClassicToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
        TokenCache::builder(classic.base_url(&wechat.url()).unwrap()).store(store.clone()).build()
    };
    let (one, other) = (cache(), cache());
    let token = one.token().await.unwrap();
    // On this runtime the other cache's follower runs before the fetch that it was started with.
    assert_eq!(other.token().await.unwrap().as_str(), token.as_str());
    assert_eq!(wechat.mints(), 1);
}

/// An endpoint that hands out one token, whatever becomes of it.
struct Stubborn {
    platform: Platform,
    mints: Arc<AtomicUsize>,
}

impl Issuer for Stubborn {
    fn mint(&self, _: Mint) -> Pin<Box<dyn Future<Output = Result<Minted, TokenError>> + Send + '_>> {
        self.mints.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(Minted::new("the-same-as-ever", Duration::from_secs(7200))) })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("stubborn", "https://stubborn.invalid", "app", None)
    }
}

#[tokio::test(start_paused = true)]
async fn that_asking_brings_nothing_new_is_known_to_all() {
    let (mints, store) = (Arc::new(AtomicUsize::new(0)), MemoryStore::new());
    let cache = || {
        let issuer = Stubborn { platform: Platform::wechat(), mints: mints.clone() };
        TokenCache::builder(issuer).store(store.clone()).build()
    };
    let (one, other) = (cache(), cache());
    let token = one.token().await.unwrap();
    other.token().await.unwrap();
    let again = one.refresh(&token).await.unwrap();
    while other.current().unwrap().generation() < again.generation() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for cache in [&other, &one] {
        assert_eq!(cache.refresh(&again).await.unwrap_err().kind(), ErrorKind::BackedOff);
    }
    assert_eq!(mints.load(Ordering::SeqCst), 2);
}
