//! A thousand accounts share a store, and say nothing of themselves in its names.

use std::{collections::HashSet, fs, time::Duration};

use futures_util::future::join_all;
use tower_wechat::{
    AccessToken, TokenCache,
    issuer::ClassicToken,
    store::{FileStore, RedisStore, TokenStore},
    testing::FakeWeChat,
};

use crate::election::{TempDir, harsh_with, server::Server};

/// A thousand mints in one process take their time.
const PATIENCE: Duration = Duration::from_secs(60);

fn app(i: usize) -> String {
    format!("wxSENTINEL{i:06}")
}

fn secret(i: usize) -> String {
    format!("SECRET{i:026}")
}

async fn platform(accounts: usize) -> FakeWeChat {
    harsh_with(|builder| (0..accounts).fold(builder, |builder, i| builder.account(app(i), &secret(i)))).await
}

async fn tokens(
    accounts: usize,
    wechat: &FakeWeChat,
    store: &(impl TokenStore + Clone),
) -> (Vec<TokenCache>, Vec<AccessToken>) {
    let cache = |i| {
        let issuer = ClassicToken::new(app(i), secret(i)).base_url(&wechat.url()).unwrap();
        TokenCache::builder(issuer).store(store.clone()).wait_timeout(PATIENCE).build()
    };
    let caches: Vec<_> = (0..accounts).map(cache).collect();
    let tokens = join_all(caches.iter().map(TokenCache::token)).await;
    (caches, tokens.into_iter().map(Result::unwrap).collect())
}

/// No two accounts have one token, and nobody minted what another has stored.
async fn keep_apart(accounts: usize, one: impl TokenStore + Clone, other: impl TokenStore + Clone) {
    let wechat = platform(accounts).await;
    let (_one, minted) = tokens(accounts, &wechat, &one).await;
    let (_other, found) = tokens(accounts, &wechat, &other).await;
    let distinct: HashSet<_> = minted.iter().map(AccessToken::as_str).collect();
    assert_eq!(distinct.len(), accounts);
    for (i, (minted, found)) in minted.iter().zip(&found).enumerate() {
        assert_eq!(minted.as_str(), found.as_str());
        assert_eq!(wechat.mints_of(&app(i)), 1);
    }
    assert!(minted.iter().all(|token| wechat.accepts(token.as_str())));
    assert_eq!(wechat.mints(), accounts as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_in_one_redis() {
    let server = Server::start().await;
    let (one, other) = (
        RedisStore::connect(&server.url()).await.unwrap(),
        RedisStore::connect(&server.url()).await.unwrap(),
    );
    keep_apart(1000, one.clone(), other.clone()).await;
    assert_eq!(server.clients().await, 2, "one connection a store, however many accounts");
    let keys = server.cli(&["KEYS", "*"]).await;
    assert_eq!(keys.lines().count(), 1000);
    for key in keys.lines() {
        let name = key.strip_prefix("tower-wechat:{").and_then(|rest| rest.strip_suffix('}')).unwrap();
        assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
    let values = server.cli(&["EVAL", ALL_VALUES, "0"]).await;
    assert!(values.contains("token"));
    assert!(!values.contains("SENTINEL") && !values.contains("SECRET"));
}

const ALL_VALUES: &str = "local all = {} for _, key in ipairs(redis.call('KEYS', '*')) do for _, value in \
                          ipairs(redis.call('HGETALL', key)) do all[#all + 1] = value end end return all";

#[tokio::test(flavor = "multi_thread")]
async fn fifty_in_one_directory() {
    let dir = TempDir::new();
    let open = || FileStore::open(&dir.0).unwrap();
    keep_apart(50, open(), open()).await;
    let mut files = 0;
    for entry in fs::read_dir(&dir.0).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let (stem, _) = name.split_once('.').unwrap();
        assert!(stem.len() == 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        let content = fs::read_to_string(entry.path()).unwrap();
        assert!(!content.contains("SENTINEL") && !content.contains("SECRET"), "{name}");
        files += 1;
    }
    assert!(files >= 50);
}
