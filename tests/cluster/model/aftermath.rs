//! After the faults: a classic token dies, everybody asks again, and must come to the same good one.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tower_wechat::{TokenCache, TokenError};

use crate::model::{
    run::{Run, STUCK, Stop},
    world::{World, now},
};

/// Longer than any fetch, freeze, outage or back-off.
const QUIET: Duration = Duration::from_secs(20);
/// Longer than a follower takes to notice what it was not told.
const FOLLOW: Duration = Duration::from_secs(45);

impl Run<'_, '_> {
    /// The faults have stopped: everybody must come to the same token, and no more than one mint be needed for it.
    pub async fn calm_down(&mut self) -> Result<(), Stop> {
        self.world.lock().tell("no more faults");
        self.drive_for(QUIET).await?;
        let before = {
            let mut state = self.world.lock();
            // A stable endpoint that has just handed out a token again is let be for a while, so there it stays good.
            if !self.scenario.independent {
                state.tell("no token is good any more");
                state.alive = None;
            }
            state.mints
        };
        let live: Vec<usize> =
            (0..self.caches.len()).filter(|at| !self.world.lock().processes[*at].dead).collect();
        let mut users = Vec::new();
        for process in &live {
            users.push(tokio::spawn(use_it(self.caches[*process].clone(), self.world.clone())));
        }
        while !users.iter().all(JoinHandle::is_finished) {
            self.step(now() + STUCK).await?;
        }
        for (process, user) in live.iter().zip(users) {
            user.await.unwrap().map_err(|what| {
                let name = &self.world.lock().processes[*process].name;
                Stop::Violation(format!("after the faults {name} gets no token: {what}"))
            })?;
        }
        self.drive_for(FOLLOW).await?;
        self.converged(&live, before)
    }
}

/// Asks for a token until there is one that the platform accepts.
async fn use_it(cache: TokenCache, world: Arc<World>) -> Result<(), String> {
    let outcome = async {
        for _ in 0..4 {
            let token = cache.token().await?;
            if world.lock().alive.as_deref() == Some(token.as_str()) {
                return Ok(true);
            }
            cache.refresh(&token).await?;
        }
        Ok(false)
    };
    let outcome: Result<bool, TokenError> = outcome.await;
    world.arrived.notify_one();
    match outcome {
        Ok(true) => Ok(()),
        Ok(false) => Err("every token was rejected".into()),
        Err(error) => Err(error.to_string()),
    }
}
