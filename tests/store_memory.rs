//! `MemoryStore` keeps the rules of a store.

use tower_wechat::{store::MemoryStore, testing::store_conformance};

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_store_keeps_the_rules() {
    let store = MemoryStore::new();
    store_conformance(|| async { store.clone() }).await;
}
