//! Mints that fail, and messages that get lost.

#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

use std::time::Duration;

use tokio::time::Instant;
use tower_wechat::testing::{FakeWeChat, Fault};

use crate::election::{
    Kind, Place, harsh,
    proxy::Proxy,
    server::Server,
    worker::{Spec, Worker, agreed, all, sum},
    workers,
};

/// What all eight say when the mint that they wait for fails, and how often the endpoint was asked.
async fn fail(place: Place, kind: Kind, fault: Fault) -> (Vec<serde_json::Value>, FakeWeChat) {
    let wechat = harsh().await;
    let mut workers = workers(8, &Spec::new(&wechat, place.url(), kind)).await;
    let hold = wechat.hold_tokens();
    wechat.fail_tokens(fault);
    for worker in &mut workers {
        worker.tell("token").await;
    }
    wechat.wait_for_token_requests(1).await;
    // The others have settled down to wait.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    hold.release();
    let mut said = Vec::new();
    for worker in &mut workers {
        said.push(worker.hear().await);
    }
    println!("the failure has reached all eight after {:?} ({kind:?}, {})", start.elapsed(), place.url());
    assert!(start.elapsed() < Duration::from_millis(1500), "they waited one after another: {said:?}");
    assert_eq!(sum(&all(&mut workers, "stats").await, "mint_failures"), 1);
    (said, wechat)
}

async fn refused(place: Place) {
    let (said, wechat) = fail(place, Kind::Classic, Fault::Errcode(40125)).await;
    assert!(said.iter().all(|said| said["errcode"] == 40125), "{said:?}");
    assert_eq!(wechat.token_requests(), 1);
}

async fn broken(place: Place) {
    let (said, wechat) = fail(place, Kind::Stable, Fault::Http(500)).await;
    assert!(said.iter().all(|said| said["kind"] == "Token"), "{said:?}");
    assert_eq!(wechat.token_requests(), 2, "once, and once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_everybody_over_redis() {
    refused(Place::redis().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_everybody_over_files() {
    refused(Place::file()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_endpoint_is_told_to_everybody_over_redis() {
    broken(Place::redis().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_endpoint_is_told_to_everybody_over_files() {
    broken(Place::file()).await;
}

/// Without the bell, those who wait look again and again.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_needs_what_is_published() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port).await;
    proxy.mute(true);
    let wechat = harsh().await;
    let mut workers = workers(8, &Spec::new(&wechat, proxy.url(), Kind::Classic)).await;
    let hold = wechat.hold_tokens();
    for worker in &mut workers {
        worker.tell("token").await;
    }
    wechat.wait_for_token_requests(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    hold.release();
    for worker in &mut workers {
        let said = worker.hear().await;
        assert!(said["generation"].is_u64(), "{said}");
    }
    let took = start.elapsed();
    let first = agreed(&mut workers).await;
    println!("without the bell, all eight have the token after {took:?}");
    assert!(took < Duration::from_millis(500), "the longest poll is 90 ms; it took {took:?}");

    // Nor to learn of a new one.
    wechat.revoke();
    let said = all(&mut workers, "fire 20").await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");
    assert!(agreed(&mut workers).await > first);
    assert_eq!(wechat.token_requests(), 2);
}

/// A worker whose clock is wrong by an hour holds a token no longer than the others do, and no shorter.
#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_by_an_hour_do_no_harm() {
    for place in [Place::redis().await, Place::file()] {
        for clock in [3600, -3600] {
            let wechat = harsh().await;
            let right = Spec::new(&wechat, place.url(), Kind::Classic);
            let wrong = Spec { clock, ..right.clone() };
            let (mut right, mut wrong) = (Worker::start(&right), Worker::start(&wrong));
            for worker in [&mut wrong, &mut right] {
                assert_eq!(worker.hear().await["ready"], true);
            }
            // Each of them mints for the other.
            let mut pair = [wrong, right];
            let mut generation = None;
            for turn in 0..2 {
                wechat.revoke();
                let minted = pair[turn].ask("fire 5").await;
                assert_eq!(minted["failed"], 0, "{minted}");
                let other = pair[1 - turn].ask("fire 5").await;
                assert_eq!(other["failed"], 0, "{other}");
                let said = all(&mut pair, "token").await;
                for said in &said {
                    let left = said["expires_in"].as_u64().unwrap();
                    assert!((7190..=7200).contains(&left), "{clock}: {said}");
                }
                let now = agreed(&mut pair).await;
                assert!(Some(now) > generation);
                generation = Some(now);
            }
            assert_eq!(wechat.mints(), 2);
        }
    }
}
