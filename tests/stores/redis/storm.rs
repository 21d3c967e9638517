//! Many watches on one connection that is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};
use tower_wechat::store::TokenStore;

use crate::redis::{
    RECOVERY, account, connect, connect_patiently, proxy::Proxy, scripted::Scripted, support::Server,
};

/// Far more than it takes, on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(120);

#[tokio::test]
async fn fresh_calls_are_answered_while_thousands_of_watchers_are_told() {
    storm(3_000).await;
}

/// As many accounts as the largest platforms serve.
#[tokio::test]
#[ignore = "takes ten seconds of both processors; run it with `--run-ignored all`"]
async fn fresh_calls_are_answered_while_a_hundred_thousand_watchers_are_told() {
    storm(100_000).await;
}

async fn storm(watchers: usize) {
    let mut server = Server::start().await;
    let store = connect_patiently(&server.url()).await;
    let told = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for i in 0..watchers {
        let (store, told) = (store.clone(), told.clone());
        tasks.spawn(async move {
            let account = account(&i.to_string());
            let mut watch = store.watch(&account);
            watch.changed().await;
            store.load(&account).await.unwrap();
            told.fetch_add(1, SeqCst);
            std::future::pending::<()>().await;
        });
    }
    // Those who watch from before the first connection was settled may have been told of it: no more than a few.
    tokio::task::yield_now().await;
    let early = told.load(SeqCst);
    server.kill();
    server.restart().await;

    let mut fresh = 0;
    timeout(LONG, async {
        while told.load(SeqCst) < watchers {
            if store.load(&account("fresh")).await.is_ok() && told.load(SeqCst) > early {
                fresh += 1;
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("only {} of {watchers} have been told", told.load(SeqCst)));
    assert!(fresh >= watchers / 200, "only {fresh} calls were answered while {watchers} watchers were told");

    // Every watcher has looked once, and nobody twice. The first of all looked before the script was loaded again.
    let stats = server.cli(&["INFO", "commandstats"]).await;
    let calls = stats.split("cmdstat_evalsha:calls=").nth(1).unwrap().split(',').next().unwrap();
    let calls: usize = calls.parse().unwrap();
    let retried = stats.split("cmdstat_script|load:calls=").nth(1).unwrap().split(',').next().unwrap();
    let retried: usize = retried.parse().unwrap();
    assert!(calls <= watchers + fresh + retried + 200, "{calls} calls: {stats}");
    assert!(server.clients().await <= 2);
}

#[tokio::test]
async fn a_server_that_is_late_is_not_connected_to_again() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port).await;
    let store = connect(&proxy.url()).await;
    store.load(&account("app")).await.unwrap();
    let connection = server.cli(&["CLIENT", "LIST", "TYPE", "pubsub"]).await;
    let id = connection.split_whitespace().next().unwrap();
    proxy.pause(true);
    // Each of these fails after the store's time-out, which makes it doubt the connection.
    for _ in 0..2 {
        store.load(&account("app")).await.unwrap_err();
    }
    proxy.pause(false);
    timeout(RECOVERY, async { while store.load(&account("app")).await.is_err() {} }).await.unwrap();
    let now = server.cli(&["CLIENT", "LIST", "TYPE", "pubsub"]).await;
    assert!(id.starts_with("id=") && now.contains(id), "another connection: {connection}, {now}");
}

#[tokio::test]
async fn a_server_that_has_much_to_answer_is_not_given_up_for_a_late_answer_to_ping() {
    // A twentieth of a second for each command.
    let server = Scripted::start(Duration::from_millis(50), |command| {
        let answers = [("HELLO", "%0\r\n"), ("SUBSCRIBE", "-NOPERM no\r\n"), ("", "-BUSY with a script\r\n")];
        let answer = answers.into_iter().find(|(name, _)| command.contains(name));
        answer.unwrap().1.into()
    })
    .await;
    let store = connect_patiently(&server.url()).await;
    let mut calls = JoinSet::new();
    for i in 0..100 {
        let store = store.clone();
        calls.spawn(async move { store.load(&account(&i.to_string())).await.unwrap_err() });
    }
    for error in calls.join_all().await {
        assert!(error.to_string().contains("busy"), "{error}");
    }
    assert_eq!(server.connections(), 1);
}
