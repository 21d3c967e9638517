//! What a Redis server may answer, or not.

use std::time::Duration;

use tower_wechat::{
    issuer::AccountKey,
    store::{RedisStore, StoreError, TokenStore},
};

use crate::{catalogue::Catalogue, scripted::Scripted};

fn account() -> AccountKey {
    AccountKey::new("stable", "https://api.weixin.qq.com", "wx0123456789abcdef", None)
}

async fn failure(url: &str) -> StoreError {
    let store = RedisStore::connect(url).await.expect("a URL");
    store.load(&account()).await.expect_err("it fails")
}

/// What is said of a server that answers scripts like this, or not at all.
async fn answers(answer: &'static str) -> StoreError {
    let server = Scripted::start(Duration::ZERO, move |command| {
        let known = [("HELLO", "%0\r\n"), ("SUBSCRIBE", "-NOPERM no\r\n"), ("PING", "+PONG\r\n")];
        let known = known.into_iter().find(|(name, _)| command.contains(name));
        match known {
            Some((_, answer)) => answer.to_owned(),
            // No answer at all.
            None if answer.is_empty() => String::new(),
            None => format!("{answer}\r\n"),
        }
    })
    .await;
    failure(&server.url()).await
}

/// What is said of a server that answers everything like this.
async fn always(answer: &'static str, url: impl Fn(u16) -> String) -> StoreError {
    let server = Scripted::start(Duration::ZERO, move |_| format!("{answer}\r\n")).await;
    failure(&url(server.port)).await
}

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let single = |port: u16| format!("redis://127.0.0.1:{port}/7");
    let cluster = |port: u16| format!("redis-cluster://127.0.0.1:{port}");
    for (entry, answer) in [
        ("redis-refuses", "-WRONGPASS invalid username-password pair or user is disabled."),
        ("redis-refuses", "-NOPERM this user has no permissions to run the 'evalsha' command"),
        ("redis-writes", "-OOM command not allowed when used memory > 'maxmemory'."),
        (
            "redis-writes",
            "-MISCONF Redis is configured to save RDB snapshots, but it is unable to persist on disk.",
        ),
        ("redis-writes", "-NOREPLICAS Not enough good replicas to write."),
        ("redis-busy", "-LOADING Redis is loading the dataset in memory"),
        ("redis-busy", "-BUSY Redis is busy running a script."),
        ("redis-replica", "-READONLY You can't write against a read only replica."),
        (
            "redis-replica",
            "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        ),
        ("redis-cluster", "-CLUSTERDOWN Hash slot not served"),
        ("redis-cluster", "-CROSSSLOT Keys in request don't hash to the same slot"),
        ("redis-other", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("redis-other", "-ERR unknown command 'EVALSHA'"),
        ("redis-other", "-ODD error"),
    ] {
        seen.add(entry, answers(answer).await);
    }
    seen.add("redis-other", always("-ERR DB index is out of range", single).await);
    seen.add("redis-down", always("-ERR max number of clients reached", single).await);
    seen.add("redis-down", always("HTTP/1.1 400 Bad Request", single).await);
    seen.add("redis-cluster", always("-ERR This instance has cluster support disabled", cluster).await);
    seen.add("redis-cluster", failure("redis-cluster://127.0.0.1:1").await);
    seen.add("redis-down", failure("redis://127.0.0.1:1/").await);
    seen.add("redis-down", answers("").await);
    for (entry, text, why) in [
        (
            "redis-down",
            "Redis does not answer; see whether it is overloaded, stopped or cut off",
            "a connection that stops on its way",
        ),
        (
            "redis-down",
            "Redis does not take a connection; see whether it is stopped or cut off, and the address",
            "a connection that takes longer than the library waits",
        ),
        ("redis-down", "Redis is not connected", "it cannot be"),
        (
            "redis-down",
            "Redis cannot be reached (broken pipe); see whether it still runs, and has not reached its `maxclients`",
            "a server that ends while it is asked",
        ),
        (
            "redis-down",
            "the tokio runtime that the Redis store was connected on is gone; connect on one that lasts",
            "a runtime that has ended",
        ),
        (
            "redis-other",
            "the server is too old, or its command HELLO is disabled; Redis 6.0 or later is needed",
            "an old server",
        ),
        (
            "redis-replica",
            "the Sentinels know no healthy primary of that name; see whether the name is right",
            "a set of Sentinels",
        ),
        (
            "redis-cluster",
            "the certificates of the Redis Cluster are not trusted; see the root certificates",
            "a cluster with TLS",
        ),
        (
            "redis-url",
            "Redis cannot be connected to with these settings; see the URL and the certificates",
            "settings that the library takes first",
        ),
        (
            "store-record",
            "Redis key tower-wechat:{a1b2c3}: a record is damaged (its checksum is another); look at it, or delete it to begin anew",
            "a damaged key",
        ),
        ("store-record", "a record is damaged or foreign", "a damaged key"),
    ] {
        let before = if entry == "redis-url" { "" } else { "token store: " };
        seen.quote(entry, before, text, why);
    }
    urls(&mut seen).await;
    seen
}

async fn urls(seen: &mut Catalogue) {
    for url in [
        "127.0.0.1:6379",
        "http://127.0.0.1:6379",
        "redis://:port",
        "rediss://127.0.0.1/#insecure",
        "redis-sentinel://127.0.0.1/%ff",
        "redis-sentinel://127.0.0.1",
        "redis-sentinel:///primary",
        "redis-cluster://127.0.0.1/7",
        "redis-cluster://",
    ] {
        seen.add("redis-url", RedisStore::connect(url).await.map(drop).expect_err(url));
    }
    let builder = || RedisStore::builder("rediss://127.0.0.1/");
    seen.add("redis-url", builder().key_prefix("{a}").connect().await.map(drop).expect_err("braces"));
    seen.add("redis-url", builder().timeout(Duration::ZERO).connect().await.map(drop).expect_err("no time"));
    seen.add(
        "redis-url",
        builder().root_certificates("no PEM").connect().await.map(drop).expect_err("no PEM"),
    );
    let outside = std::thread::spawn(|| {
        use futures_util::FutureExt;
        RedisStore::connect("redis://127.0.0.1/").now_or_never().expect("at once").map(drop)
    });
    seen.add("no-runtime", outside.join().expect("no panic").expect_err("no runtime"));
}
