//! `MemoryStore` keeps the rules of a store, and caches that share one share its token.

use tower_wechat::{
    TokenCache,
    issuer::ClassicToken,
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
