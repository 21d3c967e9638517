//! Servers that die, freeze and come back.

#![allow(clippy::disallowed_methods, reason = "a real server takes real time")]

use std::time::Duration;

use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};
use tower_wechat::store::{RedisStore, TokenStore};

use crate::redis::{
    RECOVERY, account, commit, connect, connect_patiently,
    proxy::Proxy,
    recovers,
    support::{Server, eventually},
    token,
};

/// The store's own time-out, and some for a busy machine.
const SOON: Duration = Duration::from_millis(900);

async fn fails_soon(store: &RedisStore) -> String {
    let error = timeout(SOON, store.load(&account("app"))).await.expect("an answer in time").unwrap_err();
    assert!(!error.is_unreadable());
    error.to_string()
}

#[tokio::test]
async fn an_absent_server_is_a_degraded_start() {
    let mut server = Server::start().await;
    server.kill();
    let store = timeout(SOON, connect(&server.url())).await.expect("no wait for an absent server");
    let text = fails_soon(&store).await;
    assert!(text.contains("cannot be reached"), "{text}");
    server.restart().await;
    recovers(&store, &account("app")).await;
    commit(&store, &account("app"), "t").await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_found_again_and_may_be_empty() {
    let mut server = Server::start().await;
    let store = connect(&server.url()).await;
    let account = account("app");
    commit(&store, &account, "t").await.unwrap();
    let mut watch = store.watch(&account);
    server.kill();
    eventually("the first attempt to connect again", RECOVERY, async || store.load(&account).await.is_err())
        .await;
    let start = Instant::now();
    for _ in 0..50 {
        fails_soon(&store).await;
    }
    assert!(start.elapsed() < SOON, "an outage that is known costs nothing");
    server.restart().await;
    timeout(RECOVERY, watch.changed()).await.expect("watchers are told after a gap, with no call being made");
    assert_eq!(token(&store, &account).await, None);
    commit(&store, &account, "new").await.unwrap();
}

#[tokio::test]
async fn a_broken_connection_is_not_noticed_by_callers() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port).await;
    let store = connect(&proxy.url()).await;
    for round in 0..3 {
        let account = account(&round.to_string());
        commit(&store, &account, "t").await.unwrap();
        proxy.cut();
        assert_eq!(token(&store, &account).await.as_deref(), Some("t"), "round {round}");
    }
}

#[tokio::test]
async fn a_frozen_server_delays_nobody_beyond_the_time_out() {
    let (server, healthy) = (Server::start().await, Server::start().await);
    let (store, other) = (connect(&server.url()).await, connect(&healthy.url()).await);
    commit(&store, &account("app"), "t").await.unwrap();
    server.freeze();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        fails_soon(&store).await;
        other.load(&account("app")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.thaw();
    recovers(&store, &account("app")).await;
    assert_eq!(token(&store, &account("app")).await.as_deref(), Some("t"));
}

#[tokio::test]
async fn a_connection_that_leads_nowhere_is_replaced_without_any_call() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port).await;
    let store = connect(&proxy.url()).await;
    let account = account("app");
    // The first look at a new connection is over.
    for _ in 0..2 {
        commit(&store, &account, "t").await.unwrap();
    }
    proxy.pause(true);
    // Three looks in a row must have gone unanswered, and an attempt to connect.
    eventually("the loss is noticed", Duration::from_secs(8), async || format!("{store:?}").contains("down"))
        .await;
    let mut watch = store.watch(&account);
    proxy.pause(false);
    timeout(RECOVERY, watch.changed()).await.expect("watchers are told after a gap");
    recovers(&store, &account).await;
}

#[tokio::test]
async fn a_demoted_primary_is_said_to_be_one_and_used_again_when_promoted() {
    let (server, primary) = (Server::start().await, Server::start().await);
    let store = connect(&server.url()).await;
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]).await;
    let error = commit(&store, &account("app"), "t").await.unwrap_err();
    assert!(error.to_string().contains("read-only replica"), "{error}");
    server.cli(&["REPLICAOF", "NO", "ONE"]).await;
    eventually("writes go through", RECOVERY, async || commit(&store, &account("app"), "t").await.is_ok())
        .await;
}

#[tokio::test]
async fn a_demoted_primary_behind_an_address_that_moves_is_left() {
    let (server, primary) = (Server::start().await, Server::start().await);
    let proxy = Proxy::to(server.port).await;
    let store = connect(&proxy.url()).await;
    commit(&store, &account("app"), "t").await.unwrap();
    server.cli(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]).await;
    proxy.lead_to(primary.port);
    eventually("writes go through", RECOVERY, async || commit(&store, &account("app"), "t").await.is_ok())
        .await;
}

#[tokio::test]
async fn a_thousand_accounts_share_one_connection() {
    let server = Server::start().await;
    let store = connect_patiently(&server.url()).await;
    let minted: Vec<_> = (0..1000)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move { commit(&store, &account(&i.to_string()), &format!("t{i}")).await })
        })
        .collect();
    for minted in minted {
        minted.await.unwrap().unwrap();
    }
    for i in [0, 499, 999] {
        assert_eq!(token(&store, &account(&i.to_string())).await, Some(format!("t{i}")));
    }
    assert_eq!(server.clients().await, 1);
}

#[tokio::test]
async fn nothing_is_left_of_a_store_but_its_watches() {
    let mut server = Server::start().await;
    let before = Handle::current().metrics().num_alive_tasks();
    let store = connect(&server.url()).await;
    let clone = store.clone();
    let mut watch = store.watch(&account("app"));
    commit(&store, &account("app"), "t").await.unwrap();
    drop(store);
    clone.load(&account("app")).await.unwrap();
    drop(clone);
    eventually("no connection is left", RECOVERY, async || server.clients().await == 0).await;
    eventually("no task is left", RECOVERY, async || Handle::current().metrics().num_alive_tasks() == before)
        .await;
    watch.changed().await;
    assert!(timeout(Duration::from_millis(50), watch.changed()).await.is_err());

    // The same while there is no server to be connected to.
    server.kill();
    drop(connect(&server.url()).await);
    eventually("no task is left", RECOVERY, async || Handle::current().metrics().num_alive_tasks() == before)
        .await;
}

#[test]
fn a_store_that_outlives_its_runtime_says_so() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let short = runtime();
    let server = short.block_on(Server::start());
    let store = short.block_on(connect(&server.url()));
    drop(short);
    let error = runtime().block_on(store.load(&account("app"))).unwrap_err();
    assert!(error.to_string().contains("runtime"), "{error}");
}
