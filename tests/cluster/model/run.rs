//! One run of a scenario: the processes start, the chooser decides what happens to their calls until all callers have
//! their answers; then the faults stop, and everybody asks again.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};
use tower_wechat::{AccessToken, Platform, TokenCache, TokenError, testing::ManualClock};

use crate::model::{
    choices::{self, Action},
    explorer::{Chooser, Scenario, Start},
    ports::{IssuerPort, StorePort},
    world::{Request, World, now},
};

/// Why a run ends early.
#[derive(Debug)]
pub enum Stop {
    /// What can follow was tried in another run.
    Seen,
    Violation(String),
}

pub struct Ended {
    /// How it came out, in a few words.
    pub result: Result<String, Stop>,
    pub story: Vec<String>,
    pub mints: usize,
}

pub type Outcome = Result<AccessToken, TokenError>;

/// Somebody who wants a token.
pub struct Caller {
    pub process: usize,
    /// The token that it saw rejected.
    pub rejected: Option<AccessToken>,
    pub task: Option<JoinHandle<(Outcome, Duration)>>,
    pub outcome: Option<Outcome>,
}

pub struct Run<'a, 'b> {
    pub scenario: Scenario,
    /// At most so many faults, and so many delays.
    bound: (usize, usize),
    pub world: Arc<World>,
    pub caches: Vec<TokenCache>,
    /// The highest generation that each cache was seen to have.
    pub slots: Vec<u64>,
    pub callers: Vec<Caller>,
    /// What each process saw rejected. One that was started later has seen nothing.
    rejected: Vec<AccessToken>,
    /// What went wrong so far, and in which process.
    pub faults: Vec<(Action, usize)>,
    pub slow: bool,
    /// How many there were before the faults stopped.
    mints: usize,
    delays: usize,
    clock: ManualClock,
    chooser: &'a mut Chooser<'b>,
}

/// Callers of a process; the second joins the first one's fetch.
const CALLERS: usize = 2;
/// How old a token grows where a younger one is wanted.
const AGE: Duration = Duration::from_secs(60);
/// What is left of a token that is young enough, where a young one is asked for.
const YOUNG: Duration = Duration::from_secs(7150);
/// Longer than all callers together could wait.
pub const STUCK: Duration = Duration::from_secs(60);

pub fn run(scenario: Scenario, bound: (usize, usize), chooser: &mut Chooser<'_>) -> Ended {
    // The same choices make the same run.
    fastrand::seed(7);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clock = ManualClock::new();
        let mut run = Run {
            scenario,
            bound,
            world: Arc::new(World::new(scenario.independent, &clock)),
            caches: Vec::new(),
            slots: Vec::new(),
            callers: Vec::new(),
            rejected: Vec::new(),
            faults: Vec::new(),
            slow: false,
            mints: 0,
            delays: 0,
            clock,
            chooser,
        };
        let result = run.run().await;
        let mut state = run.world.lock();
        Ended { result, story: std::mem::take(&mut state.story), mints: run.mints }
    })
}

impl Run<'_, '_> {
    async fn run(&mut self) -> Result<String, Stop> {
        for name in ["A", "B", "C"].into_iter().take(self.scenario.processes) {
            self.spawn(name.to_owned());
        }
        if !matches!(self.scenario.start, Start::Cold) {
            self.share_a_token().await?;
        }
        for process in 0..self.scenario.processes {
            self.world.lock().arrive(process, Request::Start, None);
        }
        self.explore().await?;
        let outcome = self.judge()?;
        self.mints = self.world.lock().mints;
        // What can follow is the same wherever the state is.
        self.chooser.choose(!self.world.lock().key(), 1)?;
        self.calm_down().await?;
        Ok(outcome)
    }

    fn spawn(&mut self, name: String) -> usize {
        let process = self.world.lock().spawn(name);
        let (world, independent) = (self.world.clone(), self.scenario.independent);
        let issuer = IssuerPort { world: world.clone(), process, independent, platform: Platform::wechat() };
        let cache =
            TokenCache::builder(issuer).store(StorePort { world, process }).clock(&self.clock).build();
        self.caches.push(cache);
        self.slots.push(0);
        process
    }

    /// Gives all processes the same token, which then ages, or is forgotten by the platform.
    async fn share_a_token(&mut self) -> Result<(), Stop> {
        for process in 0..self.scenario.processes {
            let cache = self.caches[process].clone();
            let asked = tokio::spawn(async move { cache.token().await });
            while !asked.is_finished() {
                self.step(now() + STUCK).await?;
            }
            let token = asked.await.unwrap().unwrap();
            if let Start::Rejected = self.scenario.start {
                self.rejected.push(token);
            }
        }
        if let Start::Old = self.scenario.start {
            self.drive_for(AGE).await?;
        }
        let mut state = self.world.lock();
        (state.mints, state.alive) = (0, None);
        state.tell("that token is good no more");
        Ok(())
    }

    /// The part in which there are choices.
    async fn explore(&mut self) -> Result<(), Stop> {
        let deadline = now() + STUCK;
        loop {
            self.settle().await?;
            if self.all_answered() {
                return Ok(());
            }
            if now() > deadline {
                return Err(Stop::Violation("somebody waits for ever".into()));
            }
            let eligible = self.world.lock().eligible();
            let Some(first) = eligible.first() else {
                self.idle(deadline).await;
                continue;
            };
            if self.world.lock().is_stutter(*first) {
                self.world.lock().act(*first, Action::Deliver);
                continue;
            }
            let action = self.choose(*first, eligible.len())?;
            self.act(*first, action);
        }
    }

    fn choose(&mut self, id: u64, waiting: usize) -> Result<Action, Stop> {
        let state = self.world.lock();
        let op = state.op(id);
        let mut actions = vec![Action::Deliver];
        if self.delays < self.bound.1 {
            actions.extend(choices::delays(op, waiting, state.account.snapshot().record.is_some()));
        }
        if self.faults.len() < self.bound.0 {
            actions.extend(choices::faults(op, state.is_down()));
        }
        // What may still happen, and what the checks will allow for, is part of the state.
        let mut key = DefaultHasher::new();
        (state.key(), self.delays, self.slow).hash(&mut key);
        for (fault, process) in &self.faults {
            (fault.to_string(), process).hash(&mut key);
        }
        let key = key.finish();
        let chosen = self.chooser.choose(key, actions.len())?;
        Ok(actions[chosen])
    }

    fn act(&mut self, id: u64, action: Action) {
        let (process, starts) = {
            let mut state = self.world.lock();
            let op = state.op(id);
            let (process, starts) = (op.process, matches!(op.request, Request::Start) && !action.is_delay());
            state.act(id, action);
            (process, starts)
        };
        self.delays += usize::from(action.is_delay());
        self.slow |= matches!(action, Action::Slow);
        if action.is_fault() {
            self.faults.push((action, process));
        }
        if matches!(action, Action::Crash) {
            let name = format!("{}'", self.world.lock().processes[process].name);
            let again = self.spawn(name);
            self.world.lock().arrive(again, Request::Start, None);
        }
        if starts {
            self.call(process);
        }
    }

    /// The process begins to want a token.
    fn call(&mut self, process: usize) {
        let rejected = self.rejected.get(process).cloned();
        let least = if let Start::Old = self.scenario.start { YOUNG } else { Duration::ZERO };
        for _ in 0..CALLERS {
            let (cache, world, rejected) =
                (self.caches[process].clone(), self.world.clone(), rejected.clone());
            let task = tokio::spawn({
                let rejected = rejected.clone();
                async move {
                    let started = now();
                    let outcome = match &rejected {
                        Some(rejected) => cache.refresh(rejected).await,
                        None => cache.token_with_min_ttl(least).await,
                    };
                    world.arrived.notify_one();
                    (outcome, now() - started)
                }
            });
            self.callers.push(Caller { process, rejected, task: Some(task), outcome: None });
        }
    }

    fn all_answered(&self) -> bool {
        let state = self.world.lock();
        let waits = |caller: &Caller| caller.outcome.is_none() && !state.processes[caller.process].dead;
        !state.pending.iter().any(|op| matches!(op.request, Request::Start))
            && !self.callers.iter().any(waits)
    }

    /// Lets the processes run until all of them wait for something.
    async fn settle(&mut self) -> Result<(), Stop> {
        // Paused time moves only when there is nothing else to do.
        sleep(Duration::from_millis(1)).await;
        for at in 0..self.callers.len() {
            let done = self.callers[at].task.take_if(|task| task.is_finished());
            if let Some(task) = done {
                let (outcome, took) = task.await.unwrap();
                self.hear(at, &outcome, took)?;
                self.callers[at].outcome = Some(outcome);
            }
        }
        self.inspect()
    }

    /// Waits until a call comes, a held one is released, or a caller is done.
    async fn idle(&self, deadline: Instant) {
        let until = self.world.lock().next_release().map_or(deadline, |release| release.min(deadline));
        let _ = timeout_at(until, self.world.arrived.notified()).await;
    }

    /// Lets everything under way happen as it should.
    pub async fn step(&mut self, deadline: Instant) -> Result<(), Stop> {
        self.settle().await?;
        let eligible = self.world.lock().eligible();
        if eligible.is_empty() {
            self.idle(deadline).await;
        }
        for id in eligible {
            self.world.lock().act(id, Action::Deliver);
        }
        Ok(())
    }

    pub async fn drive_for(&mut self, time: Duration) -> Result<(), Stop> {
        let end = now() + time;
        while now() < end {
            self.step(end).await?;
        }
        Ok(())
    }
}
