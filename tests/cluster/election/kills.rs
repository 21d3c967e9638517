//! Processes are killed at random moments, one after another, also while they mint, and started again.

#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_wechat::testing::FakeWeChat;

use crate::election::{
    Kind, Place,
    chaos::{SEASON, finish, seasons, start, up_to},
    harsh,
    history::History,
    server::eventually,
    worker::{Spec, Worker, agreed, all, sum},
};

const PROCESSES: usize = 3;
/// The life of a lease, and some slack.
const SERVED: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Tally {
    kills: u64,
    /// Of those that were minting.
    minters: u64,
    revocations: u64,
    mints: u64,
    calls: u64,
    slowest_call: Duration,
    /// The longest until all others were served.
    slowest_service: Duration,
}

/// Kills the victim at some moment. Whether it was sure to be minting.
async fn kill(victim: Worker, wechat: &FakeWeChat, tally: &mut Tally) -> (Vec<serde_json::Value>, bool) {
    let way = fastrand::u8(0..4);
    tally.kills += 1;
    tally.revocations += u64::from(way > 0);
    match way {
        // Nothing else happens.
        0 => {
            sleep(up_to(Duration::from_millis(50))).await;
            (victim.kill().await, false)
        }
        // While somebody mints.
        1 | 2 => {
            let (hold, asked) = (wechat.hold_tokens(), wechat.token_requests());
            wechat.revoke();
            wechat.wait_for_token_requests(asked + 1).await;
            sleep(up_to(Duration::from_millis(30))).await;
            let notices = victim.kill().await;
            hold.release();
            (notices, true)
        }
        // Before the mint, during it, at its commit, or after it.
        _ => {
            wechat.set_token_latency(up_to(Duration::from_millis(30)));
            wechat.revoke();
            sleep(up_to(Duration::from_millis(60))).await;
            (victim.kill().await, false)
        }
    }
}

async fn season(place: &Place, kind: Kind) -> Tally {
    let wechat = harsh().await;
    let spec = Spec::new(&wechat, place.url(), kind);
    let (mut history, mut tally) = (History::default(), Tally::default());
    let mut workers = Vec::new();
    for _ in 0..PROCESSES {
        workers.push(start(&spec).await);
    }
    let fired = all(&mut workers, "fire 1").await;
    assert_eq!(sum(&fired, "failed"), 0, "{fired:?}");
    for _ in 0..SEASON {
        // A call is sent again once, not twice: all must be well before the next revocation.
        sleep(Duration::from_millis(50)).await;
        let victim = workers.swap_remove(fastrand::usize(..workers.len()));
        let asked = wechat.token_requests();
        let (notices, minting) = kill(victim, &wechat, &mut tally).await;
        let killed = Instant::now();
        history.take(notices);
        let fired = all(&mut workers, "fire 1").await;
        let served = killed.elapsed();
        assert_eq!(sum(&fired, "failed"), 0, "{fired:?}");
        assert!(served < SERVED, "the others were served after {served:?}");
        tally.slowest_service = tally.slowest_service.max(served);
        tally.minters += u64::from(minting && wechat.token_requests() == asked + 2);
        wechat.set_token_latency(Duration::ZERO);
        workers.push(start(&spec).await);
    }
    wechat.revoke();
    tally.revocations += 1;
    let fired = all(&mut workers, "fire 5").await;
    assert_eq!(sum(&fired, "failed"), 0, "{fired:?}");
    eventually("all hold one token", SERVED, async || {
        let held = all(&mut workers, "current").await;
        held.iter().all(|one| *one == held[0])
    })
    .await;
    agreed(&mut workers).await;
    (tally.calls, tally.slowest_call) = finish(workers, &mut history).await;
    tally.mints = wechat.mints();
    assert!(history.faults().is_empty(), "{:#?}", history.faults());
    assert!(history.failures().is_empty(), "{:?}", history.failures());
    assert!(history.tokens() as u64 >= tally.revocations / 2, "the witnesses have seen {}", history.tokens());
    tally
}

async fn survive(place: impl AsyncFn() -> Place, kind: Kind) {
    let mut whole = Tally::default();
    for _ in 0..seasons() {
        let tally = season(&place().await, kind).await;
        let most = 1 + tally.revocations + tally.kills;
        assert!(
            tally.mints <= most,
            "{} mints: {} revocations, {} kills",
            tally.mints,
            tally.revocations,
            tally.kills
        );
        whole = Tally {
            kills: whole.kills + tally.kills,
            minters: whole.minters + tally.minters,
            revocations: whole.revocations + tally.revocations,
            mints: whole.mints + tally.mints,
            calls: whole.calls + tally.calls,
            slowest_call: whole.slowest_call.max(tally.slowest_call),
            slowest_service: whole.slowest_service.max(tally.slowest_service),
        };
    }
    println!(
        "{kind:?}: {} kills, {} of them of the minter, {} revocations: {} mints; none of {} calls failed, the slowest took {:?}; the others \
         were served {:?} after a kill at the latest",
        whole.kills,
        whole.minters,
        whole.revocations,
        whole.mints,
        whole.calls,
        whole.slowest_call,
        whole.slowest_service
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_over_redis_with_classic_tokens() {
    survive(Place::redis, Kind::Classic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_over_redis_with_stable_tokens() {
    survive(Place::redis, Kind::Stable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_over_files_with_classic_tokens() {
    survive(async || Place::file(), Kind::Classic).await;
}
