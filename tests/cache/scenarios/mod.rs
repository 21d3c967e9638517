//! Runs `tests/data/*.json`: what a cache does, told as scenarios, in simulated time.
//!
//! A scenario has settings, an endpoint that can be told how to behave, and steps. Times are seconds from its beginning.
//! Each distinct token that the endpoint makes has a text: `t1`, `t2`, …

#![allow(clippy::disallowed_methods, reason = "simulated time is tokio's")]

mod endpoint;
mod script;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex as StdMutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::support::{
    redis::TempDir,
    simulated::{InSimulatedTime, Simulated},
};
use endpoint::Endpoint;
use script::{Ask, Check, Scenario, Settings, Step};
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tower_wechat::{
    AccessToken, TokenCache, TokenError,
    store::{FileStore, MemoryStore},
    testing::ManualClock,
};

/// Simulated time is kept to the millisecond.
const GRAIN: Duration = Duration::from_millis(2);

struct Stage<S> {
    endpoint: Endpoint,
    clock: ManualClock,
    store: S,
    /// Two processes, as far as the store can tell.
    caches: [TokenCache; 2],
    named: Arc<Mutex<HashMap<String, AccessToken>>>,
    start: Instant,
    settings: Settings,
}

impl<S: InSimulatedTime> Stage<S> {
    fn new(settings: Settings, store: impl Fn(&ManualClock) -> S) -> Self {
        let (endpoint, clock) = (Endpoint::new(&settings), ManualClock::new());
        let store = store(&clock);
        let caches = [(), ()].map(|()| {
            TokenCache::builder(endpoint.clone())
                .store(store.clone())
                .refresh_ahead(secs(settings.refresh_ahead))
                .wait_timeout(secs(settings.wait_timeout))
                .fetch_timeout(secs(settings.fetch_timeout))
                .clock(&clock)
                .build()
        });
        Self { endpoint, clock, store, caches, named: Arc::default(), start: Instant::now(), settings }
    }

    async fn play(&self, steps: Vec<Step>) {
        let mut callers = JoinSet::new();
        for step in steps {
            sleep_until(self.start + secs(step.at)).await;
            self.step(step, &mut callers);
            // Whoever came in this step boards before the next one.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
        while let Some(caller) = callers.join_next().await {
            caller.unwrap();
        }
    }

    fn step(&self, step: Step, callers: &mut JoinSet<()>) {
        if let Some(behaviour) = step.endpoint {
            self.endpoint.behave(behaviour);
        }
        if let Some(by) = step.wall_clock {
            if by < 0.0 {
                self.clock.set_back(secs(-by));
            } else {
                self.clock.set_forward(secs(by));
            }
        }
        if let Some(time) = step.sleeps {
            self.clock.set_forward(secs(time));
            self.store.others_go_on(secs(time));
        }
        if let Some(ask) = step.ask {
            let mut at = step.at;
            loop {
                for _ in 0..ask.callers {
                    callers.spawn(self.caller(at, ask.clone()));
                }
                match (ask.every, ask.until) {
                    (Some(every), Some(until)) if at + every <= until => at += every,
                    _ => break,
                }
            }
        }
        if step.shutdown {
            let cache = self.caches[0].clone();
            callers.spawn(async move { cache.shutdown().await });
        }
        if let Some(check) = step.check {
            self.check(step.at, &check);
        }
    }

    fn caller(&self, at: f64, ask: Ask) -> impl Future<Output = ()> + Send + 'static {
        let cache = self.caches[usize::from(ask.by == "b")].clone();
        let (named, start) = (self.named.clone(), self.start);
        let patience = secs(ask.within.unwrap_or(self.settings.wait_timeout));
        async move {
            sleep_until(start + secs(at)).await;
            let rejected = match &ask.rejecting {
                Some(name) => Some(named.lock().await[name].clone()),
                None => None,
            };
            let came = Instant::now();
            let asking = async {
                match (rejected, ask.min_ttl) {
                    (Some(rejected), _) => cache.refresh(&rejected).await,
                    (None, Some(ttl)) => cache.token_with_min_ttl(secs(ttl)).await,
                    (None, None) => cache.token().await,
                }
            };
            let answer = match ask.gives_up_after {
                Some(patience) => {
                    assert!(timeout(secs(patience), asking).await.is_err(), "at {at}: answered before");
                    return;
                }
                None => asking.await,
            };
            let waited = came.elapsed();
            assert!(waited <= patience + GRAIN, "at {at}: waited {waited:?}: {answer:?}");
            expect(at, &ask, &answer);
            if let (Some(name), Ok(token)) = (ask.name, answer) {
                named.lock().await.insert(name, token);
            }
        }
    }

    fn check(&self, at: f64, check: &Check) {
        let (asked, minted) = self.endpoint.counts();
        let stats = format!("{:?}", self.caches[0].stats());
        if let Some([least, most]) = check.asked {
            assert!((least..=most).contains(&asked), "at {at}: asked {asked} times: {stats}");
        }
        if let Some(expected) = check.minted {
            assert_eq!(minted, expected, "at {at}: minted: {stats}");
        }
        if let Some(expected) = &check.current {
            let current = self.caches[0].current();
            let text = current.as_ref().map_or("none", AccessToken::as_str);
            assert_eq!(text, expected, "at {at}: the present token");
        }
        for (name, expected) in &check.stats {
            assert!(
                stats.contains(&format!("{name}: {expected}")),
                "at {at}: {name} is not {expected}: {stats}"
            );
        }
    }
}

fn expect(at: f64, ask: &Ask, answer: &Result<AccessToken, TokenError>) {
    match answer {
        Ok(token) => {
            assert!(ask.fails.is_none(), "at {at}: got {} but should fail", token.as_str());
            if let Some(gets) = &ask.gets {
                assert!(
                    gets == "any" || gets == token.as_str(),
                    "at {at}: got {}, not {gets}",
                    token.as_str()
                );
            }
        }
        Err(error) => {
            assert!(ask.gets.is_none(), "at {at}: {error}");
            if let Some(kind) = &ask.fails {
                assert!(kind == "any" || *kind == format!("{:?}", error.kind()), "at {at}: {error:?}");
            }
        }
    }
}

fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

/// The scenarios that went otherwise with one of so many seeds. Two are played at a time.
fn run<S: InSimulatedTime>(seeds: u64, store: impl Fn(&ManualClock) -> S + Sync) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "{} scenarios", files.len());
    let (waiting, failed) = (StdMutex::new(files), StdMutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(file) = waiting.lock().unwrap().pop() else { return };
                    let as_told = |seed| {
                        // The cache's own jitter comes from here.
                        fastrand::seed(seed);
                        catch_unwind(AssertUnwindSafe(|| play(&file, &store))).is_ok()
                    };
                    if !(0..seeds).all(as_told) {
                        failed.lock().unwrap().push(file);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "these went otherwise: {failed:#?}");
}

fn play<S: InSimulatedTime>(file: &Path, store: impl Fn(&ManualClock) -> S) {
    let scenario: Scenario = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { Stage::new(scenario.settings, store).play(scenario.steps).await });
}

#[test]
fn over_a_memory_store() {
    // Whatever the jitter, a scenario goes as it is told.
    run(8, |clock| MemoryStore::new().clock(clock));
}

#[test]
fn over_files() {
    let folder = TempDir::new();
    let count = AtomicU64::new(0);
    run(1, |clock| {
        let name = count.fetch_add(1, Ordering::Relaxed).to_string();
        FileStore::open(folder.path().join(name)).unwrap().clock(clock)
    });
}

#[test]
fn over_redis() {
    run(1, |_| Simulated::start());
}
