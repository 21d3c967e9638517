//! Servers that throw keys away when their memory is full.

use std::time::Duration;

use tracing::Level;

use crate::redis::{
    RECOVERY, account, connect,
    events::{Events, Line},
    recovers,
    support::{Server, eventually},
};

/// What a store says that is connected twice to such a server.
async fn said(server: &mut Server, user: &str) -> Vec<Line> {
    let (events, _guard) = Events::catch();
    let store = connect(&format!("redis://{user}127.0.0.1:{}/", server.port)).await;
    recovers(&store, &account("app")).await;
    let asked = async || server.cli(&["INFO", "commandstats"]).await.contains("cmdstat_info");
    eventually("the store has asked", RECOVERY, asked).await;
    server.kill();
    server.restart().await;
    recovers(&store, &account("app")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    events.take()
}

#[tokio::test]
async fn a_server_that_evicts_our_keys_is_warned_of_once() {
    for policy in ["volatile-lru", "allkeys-lfu"] {
        let args = ["--maxmemory", "100mb", "--maxmemory-policy", policy];
        let lines = said(&mut Server::start_with(&args).await, "").await;
        let [line] = &lines[..] else { panic!("{policy}: {lines:?}") };
        assert_eq!((line.level, line.get("policy")), (Level::WARN, Some(policy)));
        assert!(line.message.contains("Redis"), "{line:?}");
    }
}

#[tokio::test]
async fn a_server_that_evicts_nothing_is_not_warned_of() {
    for args in [
        ["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"],
        ["--maxmemory", "0", "--maxmemory-policy", "volatile-lru"],
    ] {
        let lines = said(&mut Server::start_with(&args).await, "").await;
        assert!(lines.is_empty(), "{lines:?}");
    }
}

#[tokio::test]
async fn a_user_who_may_not_ask_is_told_nothing() {
    let user = "user narrow on >pw ~* &* +@all -info\n";
    let args = ["--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru", "--aclfile", "users.acl"];
    let files = [("server.conf", ""), ("users.acl", user)];
    let lines = said(&mut Server::start_from(&files, &args).await, "narrow:pw@").await;
    assert!(lines.is_empty(), "{lines:?}");
}
