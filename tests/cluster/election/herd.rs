//! Eight processes of a thousand callers each.

use tower_wechat::testing::FakeWeChat;

use crate::election::{
    Kind, Place, harsh,
    worker::{Spec, Worker, agreed, all, sum},
    workers,
};

const PROCESSES: usize = 8;
const CALLERS: u64 = 1000;
/// Enough to be under way when the token is revoked.
const UNDER_LOAD: u64 = 250;

/// All calls went well.
async fn fire(workers: &mut [Worker], callers: u64) {
    let said = all(workers, &format!("fire {callers}")).await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");
    assert_eq!(sum(&said, "ok"), callers * workers.len() as u64);
}

fn asked(wechat: &FakeWeChat, times: u64) {
    assert_eq!(wechat.mints(), times, "tokens minted");
    assert_eq!(wechat.token_requests(), times, "mints asked for");
}

async fn herd(place: Place, kind: Kind) {
    let wechat = harsh().await;
    let spec = Spec::new(&wechat, place.url(), kind);
    let mut workers = workers(PROCESSES, &spec).await;

    // Cold.
    fire(&mut workers, CALLERS).await;
    asked(&wechat, 1);
    let first = agreed(&mut workers).await;
    let said = all(&mut workers, "stats").await;
    assert_eq!(sum(&said, "waits"), CALLERS * PROCESSES as u64, "everybody was there before the token");
    assert_eq!(sum(&said, "mints"), 1);
    assert_eq!(sum(&said, "shared"), PROCESSES as u64 - 1);

    // Revoked under load.
    for worker in &mut workers {
        worker.tell(&format!("fire {UNDER_LOAD}")).await;
    }
    wechat.wait_for_api_requests(wechat.api_requests() + UNDER_LOAD).await;
    wechat.revoke();
    for worker in &mut workers {
        let said = worker.hear().await;
        assert_eq!((said["ok"].as_u64(), said["failed"].as_u64()), (Some(UNDER_LOAD), Some(0)), "{said}");
    }
    asked(&wechat, 2);
    let second = agreed(&mut workers).await;
    assert!(second > first);

    // Restarted, one after another.
    for worker in &mut workers {
        let mut next = Worker::start(&spec);
        assert_eq!(next.hear().await["ready"], true);
        std::mem::replace(worker, next).stop().await;
        fire(std::slice::from_mut(worker), 50).await;
    }
    asked(&wechat, 2);
    assert_eq!(agreed(&mut workers).await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_server_and_stable_tokens() {
    herd(Place::redis().await, Kind::Stable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_server_and_classic_tokens() {
    herd(Place::redis().await, Kind::Classic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_and_stable_tokens() {
    herd(Place::file(), Kind::Stable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_and_classic_tokens() {
    herd(Place::file(), Kind::Classic).await;
}
