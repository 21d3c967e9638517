//! A hub that is killed, comes back, or is frozen.

use std::time::Duration;

use fake_wechat::FakeWeChat;
use tokio::time::Instant;

use super::{
    process::{Process, config, folder, socket},
    worker::{Worker, all, went_well},
};

#[tokio::test]
async fn workers_go_on_with_the_token_that_they_have_and_are_well_once_the_hub_is_back() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 2).await;
    let place = format!("unix:{}", socket(&folder).display());
    let mut workers: Vec<_> = (0..4).map(|_| Worker::start(&[&place], &wechat.url(), "")).collect();
    went_well(&all(&mut workers, "call 100").await, 100);
    let waits = all(&mut workers, "call 1").await;

    hub.signal("KILL");
    drop(hub);
    let alone = all(&mut workers, "call 1000").await;
    went_well(&alone, 1000);
    for (before, now) in waits.iter().zip(&alone) {
        assert_eq!(before["waits"], now["waits"], "nobody waits");
    }

    let _hub = Process::serve(&folder, 2).await;
    let back = Instant::now();
    // Memory is gone with the hub: its token is a new one, or the same text by another number. Then that is revoked.
    wechat.wait_for_token_requests(2).await;
    wechat.revoke();
    went_well(&all(&mut workers, "call 100").await, 100);
    println!(
        "{} ms after the hub was back, all workers had called with the next token",
        back.elapsed().as_millis()
    );
    assert!(wechat.mints() <= 3, "{}", wechat.mints());
}

#[tokio::test]
async fn a_cold_worker_of_a_frozen_hub_has_its_error_in_time() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 2).await;
    let place = format!("unix:{}", socket(&folder).display());
    let mut warm = Worker::start(&[&place], &wechat.url(), "");
    went_well(&[warm.ask("call 10").await], 10);
    hub.signal("STOP");
    let mut cold = Worker::start(&[&place], &wechat.url(), "");
    let said = cold.ask("token").await;
    assert_eq!(said["failed"], 1, "{said}");
    let took = Duration::from_millis(said["took_ms"].as_u64().unwrap());
    // A caller waits for 5 s at most.
    assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&took), "{said}");
    went_well(&[warm.ask("call 100").await], 100);
    hub.signal("CONT");
    let mut said = cold.ask("token").await;
    for _ in 0..100 {
        if said["failed"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        said = cold.ask("token").await;
    }
    assert_eq!(said["failed"], 0, "{said}");
}
