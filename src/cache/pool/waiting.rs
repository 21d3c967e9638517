//! Accounts that take time to make: one run of the factory for an id, in a task of its own, and those who wait for it.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use super::{
    accounts::{Accounts, RUNS},
    factory::{Factory, Missing, Outcome, failure, run_async},
    registry::End,
};
use crate::{
    cache::{TokenCache, sync::lock},
    error::{Error, ErrorKind},
    secret::AppId,
};

/// The longest that somebody waits for an account.
const WAIT: Duration = Duration::from_secs(5);

/// The longest that a run of the factory may take, whoever waits for it.
const RUN: Duration = Duration::from_secs(10);

/// How somebody who asks for an account finds it.
enum Joined {
    Decided(Outcome),
    Waiting(watch::Receiver<Option<Outcome>>),
}

/// The duty to end a run. Dropped on its way, it ends as one that was stopped.
struct Run {
    accounts: Arc<Accounts>,
    app: AppId,
    number: u64,
    end: watch::Sender<Option<Outcome>>,
    outcome: Outcome,
}

impl Accounts {
    /// The account of that id; waits for it until `deadline`, if that comes first.
    pub(super) async fn account(
        self: Arc<Self>,
        app: AppId,
        deadline: Option<Instant>,
    ) -> Result<TokenCache, Error> {
        if let Some(cache) = self.find(&app)? {
            return Ok(cache);
        }
        let Ok(runtime) = Handle::try_current() else {
            let text = "there is no tokio runtime here to run the pool's factory on";
            return Err(failure(ErrorKind::NoRuntime, text).with_transient(false).for_app(&app).into());
        };
        let longest = Instant::from_std(self.clock.now().monotonic) + WAIT;
        let (end, limit) = match deadline.filter(|deadline| *deadline < longest) {
            Some(deadline) => (deadline, "before the request's own time-out had passed".to_owned()),
            None => (longest, format!("within {} s", WAIT.as_secs())),
        };
        let outcome = timeout_at(end, self.arrival(&runtime, &app)).await.unwrap_or_else(|_| {
            let text =
                format!("its account did not come {limit}; the pool's factory goes on for the next caller");
            Err(Missing::Failed(failure(ErrorKind::Timeout, text)))
        });
        outcome.map_err(|why| why.into_error(&app))
    }

    async fn arrival(self: &Arc<Self>, runtime: &Handle, app: &AppId) -> Outcome {
        for _ in 0..RUNS {
            let mut end = match self.join(runtime, app) {
                Joined::Decided(outcome) => return outcome,
                Joined::Waiting(end) => end,
            };
            // Its sender is gone only after it has told.
            let outcome = end.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
            if let Ok(Some(outcome)) = outcome
                && !matches!(outcome, Err(Missing::Again))
            {
                return outcome;
            }
        }
        Err(Missing::Again)
    }

    fn join(self: &Arc<Self>, runtime: &Handle, app: &AppId) -> Joined {
        let mut registry = lock(&self.registry);
        if let Some(cache) = self.present(&mut registry, app) {
            return Joined::Decided(Ok(cache));
        }
        if registry.absent.has(app, self.clock.now().monotonic) {
            let why = "the pool's factory did not know it a few seconds ago, and is asked again in some more";
            return Joined::Decided(Err(Missing::Unknown(why)));
        }
        let (flight, first) = registry.join(app, || End::ToCome(watch::Sender::new(None)));
        drop(registry);
        let End::ToCome(end) = flight.end else {
            return Joined::Decided(Err(Missing::Again));
        };
        let waiting = Joined::Waiting(end.subscribe());
        if first {
            let run = Run {
                accounts: self.clone(),
                app: app.clone(),
                number: flight.number,
                end,
                outcome: Err(Missing::Again),
            };
            runtime.spawn(run.go());
        }
        waiting
    }
}

impl Run {
    async fn go(mut self) {
        let accounts = self.accounts.clone();
        let Some(Factory::Async(closure)) = &accounts.factory else {
            return;
        };
        let made = timeout(RUN, run_async(&**closure, self.app.clone())).await;
        self.outcome = made.unwrap_or_else(|_| {
            let seconds = RUN.as_secs();
            let text = format!(
                "the pool's factory did not make its account within {seconds} s; see what it waits for"
            );
            Err(Missing::Failed(failure(ErrorKind::Timeout, text)))
        });
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Err(Missing::Again));
        // First make way for the next run, then tell: nobody can wait for one that has ended.
        let outcome = self.accounts.end(&self.app, self.number, outcome);
        self.end.send_replace(Some(outcome));
    }
}
