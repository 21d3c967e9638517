//! Redis is killed at random moments and started again from a dump that is up to a second old, so that it has lost the last
//! tokens, leases and budgets that it told of.

#![allow(clippy::disallowed_methods, reason = "real servers take real time")]

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_wechat::testing::FakeWeChat;

use crate::election::{
    Kind,
    chaos::{SEASON, finish, seasons, start, up_to},
    harsh,
    history::History,
    server::{Server, eventually},
    worker::{Spec, Worker, all, sum},
};

const DAYS: i64 = 24 * 3600;
/// By how many seconds the wall clocks of the processes are wrong.
const CLOCKS: [i64; 3] = [0, 3 * DAYS, -3 * DAYS];
/// From the server's return: it is found again, and a lease of the past runs out.
const RECOVERY: Duration = Duration::from_secs(4);
/// A round revokes three tokens at the most. With less left of the budget for refreshes that do not help, the next season begins.
const ENOUGH: u64 = 4;
/// Stable tokens that several processes fetched for themselves within so many milliseconds have their numbers by chance.
const A_MOMENT: u64 = 100;
/// The oldest that a dump gets.
const LOST: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Tally {
    losses: u64,
    revocations: u64,
    mints: u64,
    calls: u64,
    failed: usize,
    slowest_call: Duration,
    slowest_recovery: Duration,
    faults: Vec<String>,
}

/// Whether these are known to be well with the token that there is. A token that was never seen to help counts as one that does
/// not, and with some of those the budget is spent.
async fn settled(workers: &mut [Worker]) -> bool {
    let began = Instant::now();
    for worker in workers {
        // Not with a time-out: the answer to a question that was given up would be taken for that to the next.
        while worker.ask("fire 1").await["ok"] != 1 {
            if began.elapsed() > LOST / 3 {
                return false;
            }
        }
    }
    true
}

/// What the server will have lost: so many mints, some of which it may be in the middle of.
async fn lose(server: &mut Server, wechat: &FakeWeChat, workers: &mut [Worker], kind: Kind) -> u64 {
    assert_eq!(server.cli(&["SAVE"]).await, "OK");
    let saved = Instant::now();
    let mut revocations = 0;
    sleep(up_to(LOST / 5)).await;
    for _ in 0..fastrand::u64(0..3) {
        let one = fastrand::usize(..workers.len());
        // The dump must not get too old meanwhile.
        if revocations > 0 && !settled(&mut workers[one..=one]).await {
            break;
        }
        wechat.set_token_latency(up_to(Duration::from_millis(50)));
        wechat.revoke();
        revocations += 1;
        sleep(up_to(Duration::from_millis(100))).await;
    }
    server.kill();
    assert!(saved.elapsed() < 2 * LOST, "{:?}", saved.elapsed());
    sleep(up_to(Duration::from_millis(150))).await;
    // Stable tokens are minted without it, too. What one has seen, the others do not hear.
    if kind == Kind::Stable && fastrand::bool() && (revocations == 0 || settled(workers).await) {
        wechat.revoke();
        revocations += 1;
    }
    sleep(up_to(Duration::from_millis(150))).await;
    server.restart().await;
    revocations
}

async fn well(workers: &mut [Worker]) {
    let began = Instant::now();
    for worker in &mut *workers {
        loop {
            let said = worker.ask("fire 1").await;
            if said["ok"] == 1 {
                break;
            }
            if began.elapsed() > RECOVERY {
                let health = worker.ask("health").await;
                panic!("not within {RECOVERY:?} from the server's return: {said}, {health}");
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn agree(workers: &mut [Worker]) {
    eventually("all hold one token", RECOVERY, async || {
        let held = all(workers, "current").await;
        held.iter().all(|one| one["fingerprint"] == held[0]["fingerprint"])
    })
    .await;
}

async fn season(kind: Kind) -> Tally {
    let mut server = Server::start().await;
    let wechat = harsh().await;
    let (mut history, mut tally) = (History::default(), Tally::default());
    let mut workers = Vec::new();
    for clock in CLOCKS {
        workers.push(start(&Spec { clock, ..Spec::new(&wechat, server.url(), kind) }).await);
    }
    well(&mut workers).await;
    for _ in 0..SEASON {
        // On a busy machine some tokens are revoked before anybody has told that they helped.
        let health = all(&mut workers, "health").await;
        if health.iter().any(|health| health["futile_refreshes_left"].as_u64() < Some(ENOUGH)) {
            break;
        }
        tally.losses += 1;
        tally.revocations += lose(&mut server, &wechat, &mut workers, kind).await;
        let back = Instant::now();
        well(&mut workers).await;
        tally.slowest_recovery = tally.slowest_recovery.max(back.elapsed());
        agree(&mut workers).await;
    }
    wechat.set_token_latency(Duration::ZERO);
    let mints = wechat.mints();
    wechat.revoke();
    let said = all(&mut workers, "fire 5").await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");
    agree(&mut workers).await;
    assert_eq!(wechat.mints(), mints + 1, "in the end all is as ever");
    (tally.calls, tally.slowest_call) = finish(workers, &mut history).await;
    tally.mints = mints;
    tally.failed = history.failures().len();
    tally.faults = history.faults_but_for(if kind == Kind::Stable { A_MOMENT } else { 0 });
    assert!(history.tokens() as u64 >= tally.revocations / 3, "the witnesses have seen {}", history.tokens());
    tally
}

async fn survive(kind: Kind) {
    let mut whole = Tally::default();
    let losses = (seasons() * SEASON) as u64;
    while whole.losses < losses {
        let tally = season(kind).await;
        // What was lost with its token is minted again, once.
        let most = 1 + tally.revocations + tally.losses;
        assert!(
            tally.mints <= most,
            "{} mints: {} revocations, {} losses",
            tally.mints,
            tally.revocations,
            tally.losses
        );
        whole = Tally {
            losses: whole.losses + tally.losses,
            revocations: whole.revocations + tally.revocations,
            mints: whole.mints + tally.mints,
            calls: whole.calls + tally.calls,
            failed: whole.failed + tally.failed,
            slowest_call: whole.slowest_call.max(tally.slowest_call),
            slowest_recovery: whole.slowest_recovery.max(tally.slowest_recovery),
            faults: [whole.faults, tally.faults].concat(),
        };
    }
    println!(
        "{kind:?}: {} times the last second was lost, {} revocations: {} mints; {} of {} calls failed, the slowest took {:?}; all were served \
         {:?} after the server's return at the latest",
        whole.losses,
        whole.revocations,
        whole.mints,
        whole.failed,
        whole.calls,
        whole.slowest_call,
        whole.slowest_recovery
    );
    assert!(whole.faults.is_empty(), "{} faults: {:#?}", whole.faults.len(), whole.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_second_of_redis_is_lost_with_classic_tokens() {
    survive(Kind::Classic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_second_of_redis_is_lost_with_stable_tokens() {
    survive(Kind::Stable).await;
}
