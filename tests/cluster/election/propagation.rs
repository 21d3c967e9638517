//! How soon the other processes serve a new token. Printed, not asserted: it depends on the machine.

#![allow(clippy::disallowed_methods, reason = "this measures real time")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;
use tower_wechat::store::{Claim, Commit, LeaseRequest, Record, Usage};

use crate::election::{
    Kind, Place, harsh,
    worker::{Spec, agreed, all},
    workers,
};

const COMMITS: usize = 200;
const LIFE: Duration = Duration::from_secs(7200);

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// In milliseconds.
fn percentiles(mut micros: Vec<u64>) -> String {
    micros.sort_unstable();
    let at = |percent: usize| std::time::Duration::from_micros(micros[(micros.len() - 1) * percent / 100]);
    format!("p50 {:?}, p99 {:?}, max {:?}", at(50), at(99), at(100))
}

/// `mint`: how long each lease is held before the commit.
async fn measure(place: Place, mint: Duration) {
    let wechat = harsh().await;
    let spec = Spec::new(&wechat, place.url(), Kind::Stable);
    let mut workers = workers(3, &spec).await;
    all(&mut workers, "token").await;
    agreed(&mut workers).await;
    let (store, account) = (spec.store().await, spec.account());
    // Higher than any fence will be that is a moment of the clock, so that the next ones follow one another.
    let first = 1 << 60;
    for worker in &mut workers {
        worker.tell(&format!("watch {}", first + COMMITS as u64)).await;
    }
    sleep(Duration::from_millis(100)).await;
    let (mut called, mut returned) = (Vec::new(), Vec::new());
    for generation in first + 1..=first + COMMITS as u64 {
        let claim = store.try_lease(&account, LeaseRequest::new(LIFE, first)).await.unwrap();
        let Claim::Granted(lease, _) = claim else { panic!("{claim:?}") };
        assert_eq!(lease.fence, generation);
        sleep(mint).await;
        let record = Record::new(format!("t{generation}"), generation, LIFE, LIFE);
        called.push(now());
        assert!(matches!(store.commit(&account, &lease, &record, &Usage::default()).await, Ok(Commit::Done)));
        returned.push(now());
        sleep(Duration::from_millis(12 + fastrand::u64(..10))).await;
    }
    let (mut since_called, mut since_returned) = (Vec::new(), Vec::new());
    for worker in &mut workers {
        let seen = worker.hear().await;
        for seen in seen["seen"].as_array().unwrap() {
            let at = usize::try_from(seen[0].as_u64().unwrap() - first - 1).unwrap();
            let micros = seen[1].as_u64().unwrap();
            since_called.push(micros.saturating_sub(called[at]));
            since_returned.push(micros.saturating_sub(returned[at]));
        }
    }
    // A commit that came late was overtaken by the next.
    let (seen, all) = (since_called.len(), COMMITS * workers.len());
    println!("{}: {COMMITS} commits, each after {mint:?}; the others saw {seen} of {all}", place.url());
    println!("  since the commit was called: {}", percentiles(since_called));
    println!("  since it returned:           {}", percentiles(since_returned));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_redis() {
    measure(Place::redis().await, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_files() {
    measure(Place::file(), Duration::from_millis(30)).await;
}

/// Faster than any platform answers: those who look on do not know yet that somebody mints.
#[tokio::test(flavor = "multi_thread")]
async fn over_files_at_once() {
    measure(Place::file(), Duration::ZERO).await;
}
