//! The process that mints is killed, or frozen past its lease and continued.

#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

use std::time::Duration;

use tokio::time::Instant;

use crate::election::{
    Kind, Place, harsh,
    worker::{Spec, agreed, all, sum},
    workers,
};

/// A killed minter is replaced within `limit`.
async fn killed(place: Place, kind: Kind, limit: Duration) {
    let wechat = harsh().await;
    let mut others = workers(4, &Spec::new(&wechat, place.url(), kind)).await;
    let mut minter = others.pop().unwrap();
    let hold = wechat.hold_tokens();
    minter.tell("token").await;
    wechat.wait_for_token_requests(1).await;
    for other in &mut others {
        other.tell("token").await;
    }
    // Past the first renewal, and so long that the others have settled down to wait.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let start = Instant::now();
    minter.kill().await;
    hold.release();
    for other in &mut others {
        let said = other.hear().await;
        assert!(said["generation"].as_u64() > Some(1), "{said}");
    }
    let took = start.elapsed();
    println!("a killed minter is replaced after {took:?} ({kind:?}, {})", place.url());
    assert!(
        took < limit,
        "replaced after {took:?}; a machine under load may need a little longer than {limit:?}"
    );
    assert_eq!(wechat.token_requests(), 2, "the dead one's, and one more");
    assert_eq!(sum(&all(&mut others, "stats").await, "mints"), 1);
    agreed(&mut others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_minter_is_replaced_within_two_seconds_over_redis() {
    killed(Place::redis().await, Kind::Classic, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_minter_is_replaced_at_once_over_files() {
    killed(Place::file(), Kind::Classic, Duration::from_millis(200)).await;
}

/// A mint that takes longer than a lease is waited for.
async fn slow(place: Place) {
    let wechat = harsh().await;
    let mut workers = workers(3, &Spec::new(&wechat, place.url(), Kind::Classic)).await;
    let hold = wechat.hold_tokens();
    for worker in &mut workers {
        worker.tell("token").await;
    }
    wechat.wait_for_token_requests(1).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    hold.release();
    for worker in &mut workers {
        let said = worker.hear().await;
        assert!(said["generation"].is_u64(), "{said}");
    }
    assert_eq!(wechat.token_requests(), 1);
    agreed(&mut workers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_minter_is_not_replaced_over_redis() {
    slow(Place::redis().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_minter_is_not_replaced_over_files() {
    slow(Place::file()).await;
}

/// A frozen minter comes too late: its token, which is dead by then, replaces nothing.
async fn frozen(place: Place, kind: Kind) {
    let wechat = harsh().await;
    let mut workers = workers(3, &Spec::new(&wechat, place.url(), kind)).await;
    let hold = wechat.hold_tokens();
    workers[0].tell("token").await;
    wechat.wait_for_token_requests(1).await;
    workers[0].signal("STOP");
    // Its answer lies in the socket until it wakes up.
    hold.release();
    for worker in &mut workers[1..] {
        let said = worker.ask("token").await;
        assert!(said["generation"].is_u64(), "{said}");
    }
    let taken_over = agreed(&mut workers[1..]).await;
    // The others go on, and need yet another one, so that the frozen one is behind by two.
    wechat.revoke();
    let said = all(&mut workers[1..], "fire 20").await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");
    let latest = agreed(&mut workers[1..]).await;
    assert!(latest > taken_over);

    workers[0].signal("CONT");
    let said = workers[0].hear().await;
    assert_eq!(said["generation"], latest, "{said}");
    assert_eq!(workers[0].ask("stats").await["fenced"], 1);
    assert_eq!(agreed(&mut workers).await, latest);
    let said = all(&mut workers, "fire 20").await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");
    assert_eq!(agreed(&mut workers).await, latest);
    assert_eq!(wechat.token_requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_minter_is_refused_over_redis() {
    frozen(Place::redis().await, Kind::Classic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_minter_is_refused_over_files() {
    frozen(Place::file(), Kind::Classic).await;
}
