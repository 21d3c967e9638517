//! A primary, a replica and three Sentinels.

use std::time::Duration;

use tokio::time::timeout;
use tower_wechat::store::TokenStore;

use crate::redis::{
    account, commit, connect,
    support::{Server, eventually},
    token,
};

/// A primary is given up after a second; then the Sentinels must agree on another.
const FAILOVER: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn the_present_primary_is_found_whoever_it_is() {
    let mut primary = Server::start_with(&["--requirepass", "pw", "--masterauth", "pw"]).await;
    let follow =
        ["--requirepass", "pw", "--masterauth", "pw", "--replicaof", "127.0.0.1", &primary.port.to_string()];
    let replica = Server::start_with(&follow).await;
    let conf = format!(
        "sentinel monitor mine 127.0.0.1 {} 2\nsentinel down-after-milliseconds mine 1000\nsentinel failover-timeout \
         mine 5000\nsentinel auth-pass mine pw\n",
        primary.port
    );
    let mut sentinels = Vec::new();
    for _ in 0..3 {
        sentinels.push(Server::start_from(&[("server.conf", &conf)], &["--sentinel"]).await);
    }
    for sentinel in &sentinels {
        eventually("the Sentinels know everybody", FAILOVER, async || {
            let known = sentinel.cli(&["SENTINEL", "MASTER", "mine"]).await;
            let known: Vec<_> = known.lines().collect();
            let value = |name| known.iter().position(|&line| line == name).map(|at| known[at + 1]);
            value("num-slaves") == Some("1") && value("num-other-sentinels") == Some("2")
        })
        .await;
    }
    eventually("the replica follows", FAILOVER, async || {
        replica.cli(&["-a", "pw", "INFO", "replication"]).await.contains("master_link_status:up")
    })
    .await;

    let hosts: Vec<_> = sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
    let url = |name| format!("redis-sentinel://:pw@{}/{name}?db=1", hosts.join(","));
    let (store, other) = (connect(&url("mine")).await, connect(&url("mine")).await);
    let account = account("app");
    commit(&store, &account, "before").await.unwrap();
    assert!(primary.cli(&["-a", "pw", "-n", "1", "KEYS", "*"]).await.contains("tower-wechat"), "database 1");
    assert_eq!(primary.cli(&["-a", "pw", "WAIT", "1", "5000"]).await, "1");

    let stranger = connect(&url("other")).await;
    let error = stranger.load(&account).await.unwrap_err();
    assert!(error.to_string().contains("Sentinels know no"), "{error}");

    let mut watch = other.watch(&account);
    primary.kill();
    // One Sentinel is dead as well.
    sentinels[0].kill();
    eventually("writes go to the new primary", FAILOVER, async || {
        commit(&store, &account, "after").await.is_ok()
    })
    .await;
    timeout(FAILOVER, watch.changed()).await.expect("told of it");
    eventually("the other store is there too", FAILOVER, async || other.load(&account).await.is_ok()).await;
    assert_eq!(token(&other, &account).await.as_deref(), Some("after"));
    assert_eq!(replica.cli(&["-a", "pw", "ROLE"]).await.lines().next(), Some("master"));
}

#[tokio::test]
async fn a_user_of_the_primary_needs_no_more_than_the_docs_say() {
    let primary = Server::start().await;
    let conf = format!("sentinel monitor mine 127.0.0.1 {} 1\n", primary.port);
    let sentinel = Server::start_from(&[("server.conf", &conf)], &["--sentinel"]).await;
    let commands = "+evalsha +script|load +ping +subscribe +publish +time +hmget +hget +hset +hdel +hincrby +pttl \
                    +pexpire +select";
    let mut user = vec!["ACL", "SETUSER", "narrow", "on", ">pw", "~tower-wechat:*", "&tower-wechat:*"];
    user.extend(commands.split_whitespace());
    assert_eq!(primary.cli(&user).await, "OK");
    let url = format!("redis-sentinel://narrow:pw@127.0.0.1:{}/mine?db=1", sentinel.port);
    let error = connect(&url).await.load(&account("app")).await.unwrap_err();
    assert!(error.to_string().contains("ROLE"), "{error}");

    primary.cli(&["ACL", "SETUSER", "narrow", "+role"]).await;
    let store = connect(&url).await;
    let mut watch = store.watch(&account("app"));
    commit(&store, &account("app"), "t").await.unwrap();
    timeout(crate::redis::RECOVERY, watch.changed()).await.expect("told");
}
