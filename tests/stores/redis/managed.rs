//! Through the proxy of a managed Redis, which knows no RESP3 and looks into scripts.

use tower_wechat::{TokenCache, issuer::StableToken, store::RedisStore, testing::FakeWeChat};

use crate::redis::{
    connect,
    managed_proxy::Managed,
    support::{Server, cli},
};

#[tokio::test]
async fn the_proxy_refuses_what_alibaba_cloud_refuses() {
    let server = Server::start().await;
    let proxy = Managed::to(server.port).await;
    let eval = async |script: &str, keys: &str| cli(proxy.port, &["EVAL", script, keys, "key"]).await;

    for bad in [
        "local key = KEYS[1]; return redis.call('GET', key)",
        "return redis.pcall('GET', ARGV[1])",
        "return redis.call('GET', KEYS[1] .. ':1')",
        "return redis.call('HMGET', KEYS[1], unpack({'a', 'b'}))",
        "return redis.call('PUBLISH', KEYS[1], 'x')",
        "redis.call('SET', KEYS[1], '1') return redis.call('GET', key)",
        "return redis.call(ARGV[1], KEYS[1])",
    ] {
        assert!(eval(bad, "1").await.contains("bad lua script"), "{bad}");
        let loaded = cli(proxy.port, &["SCRIPT", "LOAD", bad]).await;
        assert!(loaded.contains("bad lua script"), "{bad}: {loaded}");
        // Nor if somebody else has loaded it.
        let hash = server.cli(&["SCRIPT", "LOAD", bad]).await;
        let called = cli(proxy.port, &["EVALSHA", &hash, "1", "key"]).await;
        assert!(called.contains("NOSCRIPT"), "{bad}: {called}");
    }
    let good = "local t = redis.call('TIME') -- key\nredis.call( \"SET\" , KEYS[1], t[1])\nreturn redis.call('GET', KEYS[1])";
    assert!(eval(good, "0").await.contains("number of keys"));
    let seconds = eval(good, "1").await;
    assert!(seconds.parse::<u64>().is_ok(), "{seconds}");
    let hash = cli(proxy.port, &["SCRIPT", "LOAD", good]).await;
    assert!(cli(proxy.port, &["EVALSHA", &hash, "1", "key"]).await.parse::<u64>().is_ok());
    assert!(cli(proxy.port, &["EVALSHA", &hash, "0"]).await.contains("number of keys"));
    assert!(cli(proxy.port, &["HELLO", "3"]).await.contains("unknown command"));
    // What is no script is let through.
    assert_eq!(cli(proxy.port, &["PUBLISH", "channel", "x"]).await, "0");
    assert!(cli(proxy.port, &["HGETALL", "none"]).await.is_empty());
}

#[tokio::test]
async fn caches_share_a_token_through_such_a_proxy() {
    let server = Server::start().await;
    let proxy = Managed::to(server.port).await;
    let wechat = FakeWeChat::start().await;
    let mut caches = Vec::new();
    for _ in 0..4 {
        let store = connect(&proxy.url()).await;
        caches.push(cache(&wechat, store));
    }
    let tokens = futures_util::future::join_all(caches.iter().map(TokenCache::token)).await;
    let first = tokens[0].as_ref().unwrap();
    assert!(tokens.iter().all(|token| token.as_ref().unwrap().as_str() == first.as_str()));
    assert_eq!(wechat.token_requests(), 1);

    wechat.revoke();
    let second = caches[0].refresh(first).await.unwrap();
    for other in &caches[1..] {
        let token = other.refresh(first).await.unwrap();
        assert_eq!(token.as_str(), second.as_str());
    }
    assert_eq!(wechat.token_requests(), 2);
}

fn cache(wechat: &FakeWeChat, store: RedisStore) -> TokenCache {
    let issuer =
        StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    TokenCache::builder(issuer).store(store).build()
}
