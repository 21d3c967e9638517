//! Very many accounts on one Redis server that is restarted: nobody who comes then waits for those who were there before.

#![allow(clippy::disallowed_methods, reason = "a real server takes real time")]

use crate::support;
use crate::support::redis;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redis::Server;
use support::mill::Mill;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};
use tower_wechat::{TokenCache, store::RedisStore};

const TWO_HOURS: Duration = Duration::from_secs(7200);

/// A hundred looks a second, and somewhat more by chance.
const AT_REST: u64 = 130;

/// So many caches, each with a token.
async fn warm(accounts: usize, mill: &Mill, store: &RedisStore) -> Vec<TokenCache> {
    let at_once = Arc::new(Semaphore::new(200));
    let mut tasks = JoinSet::new();
    for app in 0..accounts {
        let cache = TokenCache::builder(mill.for_app(&format!("app{app}"))).store(store.clone()).build();
        let at_once = at_once.clone();
        tasks.spawn(async move {
            let _permit = at_once.acquire().await.unwrap();
            cache.token().await.unwrap();
            cache
        });
    }
    tasks.join_all().await
}

/// Scripts that the server was asked to run.
async fn asked(server: &Server) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]).await;
    let calls = stats.split("cmdstat_evalsha:calls=").nth(1).unwrap();
    calls.split(',').next().unwrap().parse().unwrap()
}

/// How often it is asked in a second, on average of ten.
async fn asked_a_second(server: &Server) -> u64 {
    let before = asked(server).await;
    sleep(Duration::from_secs(10)).await;
    (asked(server).await - before) / 10
}

async fn storm(accounts: usize) {
    let mut server = Server::start().await;
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let mill = Mill::new("app", TWO_HOURS);
    let caches = warm(accounts, &mill, &store).await;
    // First everybody hears of its own token, and looks.
    let mut rate = u64::MAX;
    for _ in 0..10 {
        rate = asked_a_second(&server).await;
        if rate <= AT_REST {
            break;
        }
    }
    println!("{accounts} accounts at rest ask the server {rate} times a second");
    assert!(rate <= AT_REST, "{rate}");

    // It comes back with nothing, and every cache gives it its token back.
    server.kill();
    server.restart().await;
    let (mut slowest, mut fresh) = (Duration::ZERO, 0);
    let mut most_clients = 0;
    while fresh < 200 {
        let cache = TokenCache::builder(mill.for_app(&format!("fresh{fresh}"))).store(store.clone()).build();
        let began = Instant::now();
        cache.token().await.unwrap();
        slowest = slowest.max(began.elapsed());
        fresh += 1;
        if fresh % 50 == 0 {
            most_clients = most_clients.max(server.clients().await);
        }
        sleep(Duration::from_millis(10)).await;
    }
    println!(
        "fresh callers after the restart: the slowest was served after {slowest:?}, {most_clients} connections"
    );
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(most_clients <= 2, "{most_clients} connections");
    drop(caches);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_accounts() {
    storm(5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute of both processors"]
async fn a_hundred_thousand_accounts() {
    storm(100_000).await;
}
