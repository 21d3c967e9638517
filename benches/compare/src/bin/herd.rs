//! The release of 10 000 tasks that wait for one token, beside tasks that wait for a bare `OnceCell`. Some of the latter send
//! their request through a layer that has a token, so that one can tell what the wait costs and what the request.

#![allow(clippy::cast_precision_loss, reason = "a round takes no hours")]

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tokio::sync::{Notify, OnceCell, Semaphore};
use tower::{Layer, Service, ServiceExt};
use tower_wechat::{TokenCache, WeChatAuthLayer};
use tower_wechat_compare::{
    answer::Answer,
    case::Case,
    drive::read,
    inner::Inner,
    stats::median,
    token::{LENGTH, Mints},
};

const TASKS: usize = 10_000;
const ROUNDS: usize = 31;
/// Longer than a round.
const LONG: Duration = Duration::from_secs(60);

/// When things happened, in nanoseconds since the start of the round.
struct Times {
    start: Instant,
    released: AtomicU64,
    ends: Vec<AtomicU64>,
    waiting: AtomicUsize,
    ended: AtomicUsize,
    all_ended: Notify,
}

impl Times {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            released: AtomicU64::new(0),
            ends: (0..TASKS).map(|_| AtomicU64::new(0)).collect(),
            waiting: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            all_ended: Notify::new(),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }

    fn release(&self) {
        self.released.store(self.now(), Ordering::SeqCst);
    }

    fn end(&self, task: usize) {
        self.ends[task].store(self.now(), Ordering::Relaxed);
        if self.ended.fetch_add(1, Ordering::SeqCst) + 1 == TASKS {
            self.all_ended.notify_one();
        }
    }

    /// The waits from the release to the ends, in microseconds: of half, of 99 of 100, and of all.
    fn waits(&self) -> [f64; 3] {
        let released = self.released.load(Ordering::SeqCst);
        let mut waits: Vec<_> = self.ends.iter().map(|end| end.load(Ordering::SeqCst) - released).collect();
        waits.sort_unstable();
        [TASKS / 2, TASKS * 99 / 100, TASKS].map(|count| waits[count - 1] as f64 / 1e3)
    }
}

#[derive(Clone, Copy)]
enum Herd {
    Ours,
    Cell,
    CellThenLayer,
}

impl Herd {
    const ALL: [Self; 3] = [Self::Ours, Self::Cell, Self::CellThenLayer];

    async fn run(self) -> [f64; 3] {
        match self {
            Self::Ours => through_layer().await,
            Self::Cell => over_cell(Inner::new(Answer::small())).await,
            Self::CellThenLayer => {
                let cache = TokenCache::new(Mints::new(None, || ()));
                cache.token().await.unwrap();
                over_cell(WeChatAuthLayer::new(cache).layer(Inner::new(Answer::small()))).await
            }
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rounds = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        let mut order = Herd::ALL;
        if round % 2 == 1 {
            order.reverse();
        }
        for herd in order {
            let waits = runtime.block_on(herd.run());
            // The first round grows the heap.
            if round > 0 {
                rounds[herd as usize].push(waits);
            }
        }
    }
    println!(
        "| from the release to the end of | ours, µs | `OnceCell`, µs | ratio | goal | `OnceCell`, then our layer with a token, µs |"
    );
    println!("|---|---:|---:|---:|---|---:|");
    for (at, what, goal) in [(0, "half", ""), (1, "99 of 100", "≤ 1.50"), (2, "all", "")] {
        let [ours, cell, layer] =
            rounds.each_ref().map(|waits| median(&waits.iter().map(|waits| waits[at]).collect::<Vec<_>>()));
        println!("| {what} | {ours:.0} | {cell:.0} | {:.2} | {goal} | {layer:.0} |", ours / cell);
    }
}

fn request() -> Request<Full<Bytes>> {
    Case::Post.request(&Case::Post.uri())
}

async fn exchange<S, R>(service: S, request: Request<Full<Bytes>>)
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error: Debug>,
    R: Body<Data = Bytes>,
{
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(read(response.into_body()), 55);
}

async fn through_layer() -> [f64; 3] {
    let (times, gate) = (Times::new(), Arc::new(Semaphore::new(0)));
    let minted = times.clone();
    let cache = TokenCache::builder(Mints::new(Some(gate.clone()), move || minted.release()))
        .wait_timeout(LONG)
        .fetch_timeout(LONG)
        .build();
    let service = WeChatAuthLayer::new(&cache).layer(Inner::new(Answer::small()));
    for task in 0..TASKS {
        let (service, times, request) = (service.clone(), times.clone(), request());
        tokio::spawn(async move {
            exchange(service, request).await;
            times.end(task);
        });
    }
    release(&times, &gate, || cache.stats().coalesced + 1 == TASKS as u64).await
}

async fn over_cell<S, R>(service: S) -> [f64; 3]
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error: Debug, Future: Send>,
    S: Clone + Send + 'static,
    R: Body<Data = Bytes> + Send,
{
    let (times, gate) = (Times::new(), Arc::new(Semaphore::new(0)));
    let cell = Arc::new(OnceCell::new());
    for task in 0..TASKS {
        let (service, times, request) = (service.clone(), times.clone(), request());
        let (cell, gate) = (cell.clone(), gate.clone());
        tokio::spawn(async move {
            times.waiting.fetch_add(1, Ordering::SeqCst);
            let mint = async || {
                let _permit = gate.acquire().await?;
                times.release();
                Ok::<_, tokio::sync::AcquireError>("t".repeat(LENGTH))
            };
            cell.get_or_try_init(mint).await.unwrap();
            exchange(service, request).await;
            times.end(task);
        });
    }
    release(&times, &gate, || times.waiting.load(Ordering::SeqCst) == TASKS).await
}

/// Opens the gate once all tasks wait, and waits until they have all ended.
async fn release(times: &Times, gate: &Semaphore, all_wait: impl Fn() -> bool) -> [f64; 3] {
    let asked = Instant::now();
    while !all_wait() {
        assert!(asked.elapsed() < LONG, "some tasks do not wait");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The last of them was counted, and may still be on its way to its place in the queue.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(times.ended.load(Ordering::SeqCst), 0, "a task did not wait");
    gate.add_permits(1);
    times.all_ended.notified().await;
    times.waits()
}
