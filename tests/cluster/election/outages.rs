//! Redis is killed, paused, demoted, full or flushed while eight callers a process go on.

#![allow(clippy::disallowed_methods, reason = "real servers take real time")]

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::election::{
    Kind, harsh,
    server::{Server, eventually},
    worker::{Spec, Worker, all, sum},
    workers,
};

const PROCESSES: usize = 3;
/// How soon all must be well again when the server is back.
const RECOVERY: Duration = Duration::from_secs(2);
/// How long a caller waits for a token.
const WAIT: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outage {
    Killed,
    Paused,
    Demoted,
    Full,
}

impl Outage {
    async fn begin(self, server: &mut Server) {
        match self {
            Self::Killed => server.kill(),
            Self::Paused => server.freeze(),
            // Of nobody: its data stays.
            Self::Demoted => drop(server.cli(&["REPLICAOF", "127.0.0.1", "1"]).await),
            Self::Full => {
                server.cli(&["SETRANGE", "filler", "2000000", "x"]).await;
                server.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1mb"]).await;
            }
        }
    }

    async fn end(self, server: &mut Server) {
        match self {
            Self::Killed => server.restart().await,
            Self::Paused => server.thaw(),
            Self::Demoted => drop(server.cli(&["REPLICAOF", "NO", "ONE"]).await),
            Self::Full => drop(server.cli(&["CONFIG", "SET", "maxmemory", "0"]).await),
        }
    }
}

async fn survive(outage: Outage, kind: Kind, length: Duration) {
    let mut server = Server::start().await;
    let wechat = harsh().await;
    let spec = Spec { wait_timeout: WAIT, ..Spec::new(&wechat, server.url(), kind) };
    let mut workers = workers(PROCESSES, &spec).await;
    let said = all(&mut workers, "fire 5").await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");

    let first = stored(&server).await;

    // The token is good: nobody notices.
    all(&mut workers, "load").await;
    outage.begin(&mut server).await;
    sleep(length).await;
    let said = all(&mut workers, "halt").await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");
    let slowest = said.iter().map(|said| said["slowest"].as_u64().unwrap()).max().unwrap();
    assert_eq!(wechat.token_requests(), 1);

    // They need another one.
    wechat.revoke();
    let said = all(&mut workers, "fire 5").await;
    if kind == Kind::Stable {
        assert_eq!(sum(&said, "failed"), 0, "{said:?}");
        assert!(wechat.token_requests() <= 1 + PROCESSES as u64, "one a process");
        assert_eq!(wechat.mints(), 2);
    } else {
        assert_eq!(sum(&said, "ok"), 0, "a mint would have ended the others' token: {said:?}");
        for worker in &mut workers {
            // Until those who come too early are not told to wait any more.
            let mut said = worker.ask("refresh").await;
            while said["kind"] == "BackedOff" {
                sleep(Duration::from_millis(20)).await;
                said = worker.ask("refresh").await;
            }
            assert_eq!(said["kind"], "Store", "{said}");
            assert!(said["millis"].as_u64() < Some(2000), "{said}");
        }
        assert_eq!(wechat.token_requests(), 1);
    }

    // The server is back.
    outage.end(&mut server).await;
    let back = Instant::now();
    for worker in &mut workers {
        eventually("calls go well", RECOVERY, async || worker.ask("fire 1").await["ok"] == 1).await;
    }
    let took = back.elapsed();
    eventually("all hold one token", RECOVERY, async || {
        let held = all(&mut workers, "current").await;
        held.iter().all(|one| one["fingerprint"] == held[0]["fingerprint"])
    })
    .await;
    assert_eq!(wechat.mints(), 2);
    // Whoever comes now finds it in the store; after an outage that broke no connection, only some seconds later.
    let asked = wechat.token_requests();
    let more = u64::from(outage == Outage::Full && kind == Kind::Stable);
    if more == 0 {
        eventually("the token is shared", RECOVERY, async || {
            let record = stored(&server).await;
            !record.is_empty() && record != first
        })
        .await;
    }
    let mut late = Worker::start(&spec);
    assert_eq!(late.hear().await["ready"], true);
    assert_eq!(late.ask("fire 5").await["ok"], 5);
    assert_eq!((wechat.mints(), wechat.token_requests()), (2, asked + more));
    println!(
        "{outage:?} for {length:?}, {kind:?}: slowest call {slowest} ms, {asked} mints asked for, well again after {took:?}"
    );
}

/// The record that the store has; nothing if it has none.
async fn stored(server: &Server) -> String {
    let keys = server.cli(&["KEYS", "tower-wechat:*"]).await;
    match keys.lines().next() {
        Some(key) => server.cli(&["HGET", key, "record"]).await,
        None => String::new(),
    }
}

const BRIEFLY: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_restarted_empty_with_stable_tokens() {
    survive(Outage::Killed, Kind::Stable, BRIEFLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_restarted_empty_with_classic_tokens() {
    survive(Outage::Killed, Kind::Classic, BRIEFLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_for_thirty_seconds_with_stable_tokens() {
    survive(Outage::Paused, Kind::Stable, BRIEFLY * 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_with_classic_tokens() {
    survive(Outage::Paused, Kind::Classic, BRIEFLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn demoted_with_stable_tokens() {
    survive(Outage::Demoted, Kind::Stable, BRIEFLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn demoted_with_classic_tokens() {
    survive(Outage::Demoted, Kind::Classic, BRIEFLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_with_stable_tokens() {
    survive(Outage::Full, Kind::Stable, BRIEFLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_with_classic_tokens() {
    survive(Outage::Full, Kind::Classic, BRIEFLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_are_flushed_are_loaded_again() {
    let server = Server::start().await;
    let wechat = harsh().await;
    let mut workers = workers(PROCESSES, &Spec::new(&wechat, server.url(), Kind::Classic)).await;
    for round in 1..4 {
        all(&mut workers, "load").await;
        server.cli(&["SCRIPT", "FLUSH"]).await;
        wechat.revoke();
        let said = all(&mut workers, "fire 20").await;
        assert_eq!(sum(&said, "failed"), 0, "{said:?}");
        let said = all(&mut workers, "halt").await;
        assert_eq!(sum(&said, "failed"), 0, "{said:?}");
        println!("round {round}: {} mints", wechat.mints());
    }
    assert!(wechat.mints() <= 4, "one for each revocation, and the first: {}", wechat.mints());
}
