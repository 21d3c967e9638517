//! What a worker costs its hub in an hour.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use tower_wechat::TokenCache;

use super::property::{Manner, answer, issuer};
use crate::support::hub::Hub;

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods, reason = "simulated time is tokio's")]
async fn a_worker_that_calls_all_the_time_asks_its_hub_three_times_a_minute() {
    let (connections, mut hub) = Hub::memory();
    let newest = Arc::new(watch::Sender::new(1));
    let cache = TokenCache::new(issuer(connections));
    let mut answering = JoinSet::new();
    let (mut asked, mut calls, mut renewed) = (0, 0, false);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3600) {
        if !renewed && began.elapsed() > Duration::from_secs(1800) {
            newest.send_replace(2);
            renewed = true;
        }
        tokio::select! {
            question = hub.any() => {
                asked += 1;
                answering.spawn(answer(question, Manner::After(1), newest.clone()));
            }
            _ = async {
                let token = cache.token().await;
                sleep(Duration::from_millis(100)).await;
                token
            } => calls += 1,
        }
    }
    println!("{asked} questions to the hub for {calls} calls in an hour");
    assert_eq!(cache.current().unwrap().as_str(), "token-2");
    assert!(calls > 30_000 && (60..=180).contains(&asked), "{asked} questions for {calls} calls");
}
