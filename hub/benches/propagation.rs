//! How long after a refresh ahead all workers of a hub serve the new token. They hear of it by their long polls; on their way to a
//! token for a request they ask nobody.
//!
//! `cargo bench -p wechat-hub --bench propagation`

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    missing_docs
)]

use std::time::{Duration, Instant};

use fake_wechat::FakeWeChat;
use tower_wechat::{
    TokenCache,
    issuer::{ClassicToken, HubToken},
};
use wechat_hub::{Client, Hub, Right};

const APP: &str = FakeWeChat::APP_ID;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const WORKERS: usize = 50;
const REFRESHES: usize = 8;
/// Short, so that a refresh ahead is due every quarter of a minute.
const LIFE: Duration = Duration::from_secs(25);

#[tokio::main]
async fn main() {
    let wechat = FakeWeChat::builder().token_life(LIFE).start().await;
    let issuer = ClassicToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    let cache = TokenCache::new(issuer);
    let client = Client::new("worker", SECRET).apps([APP]).rights([Right::Token, Right::Refresh]);
    let hub = Hub::builder().app(APP, cache.clone()).client(client).build().unwrap();
    let folder = std::env::temp_dir().join(format!("hub-propagation-{}", std::process::id()));
    let socket = folder.join("hub.sock");
    let server = hub.serve_unix(&socket).unwrap();
    let workers: Vec<_> =
        (0..WORKERS).map(|_| TokenCache::new(HubToken::unix(&socket, APP, SECRET))).collect();
    for worker in &workers {
        worker.token().await.unwrap();
    }
    let mut took = Vec::new();
    for _ in 0..REFRESHES {
        while hub.load().long_polls < WORKERS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let held: Vec<_> = workers.iter().map(|worker| worker.current().unwrap().generation()).collect();
        let present = cache.current().unwrap().generation();
        let hearing: Vec<_> = workers
            .iter()
            .zip(held)
            .map(|(worker, held)| {
                let worker = worker.clone();
                tokio::spawn(async move {
                    worker.newer_than(held).await;
                    Instant::now()
                })
            })
            .collect();
        cache.newer_than(present).await;
        let refreshed = Instant::now();
        for heard in hearing {
            took.push(heard.await.unwrap().saturating_duration_since(refreshed));
        }
    }
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "{WORKERS} workers, {} refreshes ahead: the new token was there after {:.1} ms (median), {:.1} ms (p99), {:.1} ms (at most)",
        took.len() / WORKERS,
        at(0.5),
        at(0.99),
        at(1.0)
    );
    server.shutdown().await;
    std::fs::remove_dir_all(folder).unwrap();
}
