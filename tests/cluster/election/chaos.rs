//! What the rounds of random deaths and losses have in common.

use std::{env, time::Duration};

use tokio::time::sleep;

use crate::election::{
    history::History,
    worker::{Spec, Worker, all, sum},
};

/// Rounds with one platform, one store and one budget: a classic account may be refreshed sixty times at once, then once
/// in a hundred seconds.
pub const SEASON: usize = 20;

/// One season, or as many as `CHAOS_ROUNDS` names rounds.
pub fn seasons() -> usize {
    let rounds =
        env::var("CHAOS_ROUNDS").map_or(SEASON, |rounds| rounds.parse().expect("a number of rounds"));
    rounds.div_ceil(SEASON)
}

/// A worker that tells of its tokens and whose callers go on and on.
pub async fn start(spec: &Spec) -> Worker {
    let mut worker = Worker::start(spec);
    assert_eq!(worker.hear().await["ready"], true);
    for command in ["witness", "load"] {
        assert_eq!(worker.ask(command).await["begun"], true);
    }
    worker
}

/// Ends the load of all, and collects what they have said. Returns how many calls went well, and how long the slowest took.
pub async fn finish(mut workers: Vec<Worker>, history: &mut History) -> (u64, Duration) {
    let said = all(&mut workers, "halt").await;
    // What a witness has seen last is on its way.
    sleep(Duration::from_millis(20)).await;
    all(&mut workers, "current").await;
    for worker in workers {
        history.take(worker.kill().await);
    }
    let slowest = said.iter().map(|said| said["slowest"].as_u64().unwrap()).max().unwrap();
    (sum(&said, "ok"), Duration::from_millis(slowest))
}

/// A random time up to this.
pub fn up_to(most: Duration) -> Duration {
    most.mul_f64(fastrand::f64())
}
