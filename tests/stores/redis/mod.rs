//! `RedisStore` against real servers: the rules, and everything that can happen to a server.

use crate::support::events;
use crate::support::managed as managed_proxy;
use crate::support::proxy;
use crate::support::redis as support;
use crate::support::scripted;

mod cluster;
mod errors;
mod eviction;
mod hello;
mod logins;
mod managed;
mod outages;
mod scripts;
mod sentinel;
mod storm;
mod tls;
mod watchers;

use std::time::Duration;

use tower_wechat::{
    issuer::AccountKey,
    store::{Claim, Commit, Lease, LeaseRequest, Record, RedisStore, StoreError, TokenStore, Usage},
};

/// How soon a store must work again once its server does.
const RECOVERY: Duration = Duration::from_secs(2);
const LIFE: Duration = Duration::from_secs(60);

fn account(name: &str) -> AccountKey {
    AccountKey::new("stable", "https://api.weixin.qq.com", name, Some(&"the-secret".into()))
}

async fn connect(url: &str) -> RedisStore {
    RedisStore::connect(url).await.unwrap()
}

/// For what has nothing to do with time-outs, on a machine that has much else to do.
async fn connect_patiently(url: &str) -> RedisStore {
    let builder = RedisStore::builder(url).timeout(Duration::from_secs(20));
    builder.connect().await.unwrap()
}

async fn lease(store: &RedisStore, account: &AccountKey) -> Result<Lease, StoreError> {
    match store.try_lease(account, LeaseRequest::new(LIFE, 0)).await? {
        Claim::Granted(lease, _) => Ok(lease),
        other => panic!("{other:?}"),
    }
}

/// Mints a token as far as the store can tell.
async fn commit(store: &RedisStore, account: &AccountKey, token: &str) -> Result<(), StoreError> {
    let lease = lease(store, account).await?;
    let record = Record::new(token, lease.fence, LIFE, LIFE);
    assert!(matches!(store.commit(account, &lease, &record, &Usage::default()).await?, Commit::Done));
    Ok(())
}

async fn token(store: &RedisStore, account: &AccountKey) -> Option<String> {
    let record = store.load(account).await.unwrap().record?;
    Some(record.token.to_string())
}

/// The store works again, by itself and in time.
async fn recovers(store: &RedisStore, account: &AccountKey) {
    support::eventually("the store works again", RECOVERY, async || store.load(account).await.is_ok()).await;
}
