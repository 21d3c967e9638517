//! What it costs, in bytes, nanoseconds and allocations: `cargo bench --bench costs`.
//!
//! - an idle account with a token, among 100 000 in a pool, and finding one of them;
//! - 100 000 accounts that are all kept warm: the time that takes, and how evenly their mints are spread;
//! - a request on the hot path, over an inner service that does nothing, beside that service alone;
//! - the release of 10 000 callers who wait for one token.

#![allow(clippy::disallowed_methods, reason = "it measures real time")]
#![allow(clippy::cast_precision_loss, reason = "nothing here comes near 4 PiB")]

use std::{
    alloc::System,
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Body;
use http_body_util::Full;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use tokio::{sync::Semaphore, task::JoinSet};
use tower::Service;
use tower_wechat::{
    AppId, Platform, TokenCache, TokenError, TokenPool, WeChatAuthLayer,
    issuer::{AccountKey, Issuer, Mint, Minted},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ACCOUNTS: u32 = 100_000;
const WAITERS: u32 = 10_000;
const CALLS: u32 = 200_000;
const ROUNDS: usize = 5;
/// How many lives of a token the warm accounts are watched for.
const LIVES: u32 = 3;
/// As long as WeChat's are these days.
const TOKEN_LENGTH: usize = 136;
const URI: &str = "https://api.weixin.qq.com/cgi-bin/message/custom/send?lang=zh_CN";

/// Mints at once, or when it is let.
struct Mints {
    app: AppId,
    platform: Platform,
    gate: Option<Arc<Gate>>,
    /// How many mints there were in each second.
    seconds: Option<Arc<Seconds>>,
}

struct Seconds {
    start: tokio::time::Instant,
    mints: Mutex<Vec<u32>>,
}

#[derive(Debug)]
struct Gate {
    open: Semaphore,
    opened: Mutex<Instant>,
}

impl Issuer for Mints {
    fn mint(&self, _how: Mint) -> Pin<Box<dyn Future<Output = Result<Minted, TokenError>> + Send + '_>> {
        Box::pin(async move {
            if let Some(gate) = &self.gate {
                let _permit = gate.open.acquire().await;
                *gate.opened.lock().unwrap() = Instant::now();
            }
            if let Some(seconds) = &self.seconds {
                let mut mints = seconds.mints.lock().unwrap();
                let second = usize::try_from(seconds.start.elapsed().as_secs()).unwrap();
                let length = mints.len().max(second + 1);
                mints.resize(length, 0);
                mints[second] += 1;
            }
            Ok(Minted::new("t".repeat(TOKEN_LENGTH), Duration::from_secs(7200)))
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("bench", "memory", self.app.clone(), None)
    }
}

/// Answers at once.
#[derive(Clone)]
struct Nothing(&'static str);

impl<B: Body> Service<Request<B>> for Nothing {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        black_box(request);
        let (content_type, body): (_, &[u8]) = match self.0 {
            "json" => ("application/json", br#"{"errcode":0,"errmsg":"ok"}"#),
            _ => ("image/jpeg", b"\xff\xd8\xff\xe0 and so on"),
        };
        let mut response = Response::new(Full::from(body));
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        ready(Ok(response))
    }
}

fn app(number: u32) -> AppId {
    format!("wx{number:016x}").into()
}

fn cache(app: AppId, platform: &Platform) -> TokenCache {
    TokenCache::new(Mints { app, platform: platform.clone(), gate: None, seconds: None })
}

fn live(stats: Stats) -> f64 {
    (stats.bytes_allocated - stats.bytes_deallocated) as f64
}

fn row(what: &str, value: f64, unit: &str) {
    println!("{what:<68} {value:>10.1} {unit}");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pool = runtime.block_on(memory());
    lookups(&pool);
    hot_path(&pool);
    drop(pool);
    release();
    warmth();
}

async fn memory() -> TokenPool {
    let platform = Platform::wechat();
    let region = Region::new(ALLOCATOR);
    let pool = TokenPool::new();
    for number in 0..ACCOUNTS {
        pool.insert(app(number), cache(app(number), &platform));
    }
    row(
        "an account without a token, in a pool of 100 000",
        live(region.change()) / f64::from(ACCOUNTS),
        "bytes",
    );
    for number in 0..ACCOUNTS {
        pool.get(&app(number)).unwrap().token().await.unwrap();
    }
    row(
        "an idle account with a token, in a pool of 100 000",
        live(region.change()) / f64::from(ACCOUNTS),
        "bytes",
    );
    pool
}

/// The best of some rounds of `calls`, in nanoseconds each, with the allocations and bytes of each.
fn measure(calls: u32, mut call: impl FnMut(u32)) -> (f64, f64, f64) {
    let mut best = Duration::MAX;
    let region = Region::new(ALLOCATOR);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for number in 0..calls {
            call(number);
        }
        best = best.min(start.elapsed());
    }
    let used = region.change();
    let all = f64::from(calls) * ROUNDS as f64;
    (
        best.as_secs_f64() * 1e9 / f64::from(calls),
        (used.allocations + used.reallocations) as f64 / all,
        used.bytes_allocated as f64 / all,
    )
}

fn lookups(pool: &TokenPool) {
    let mut apps: Vec<_> = (0..ACCOUNTS).map(app).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut apps);
    let (all_over, ..) = measure(ACCOUNTS, |number| {
        drop(black_box(pool.get(&apps[number as usize])));
    });
    row("a lookup in the pool, of another account each time", all_over, "ns");
    let (one, ..) = measure(ACCOUNTS, |_| drop(black_box(pool.get(&apps[0]))));
    row("a lookup in the pool, of the same account", one, "ns");
    let cache = pool.get(&apps[0]).unwrap();
    let (current, ..) = measure(ACCOUNTS, |_| drop(black_box(cache.current())));
    row("the present token of a cache", current, "ns");
}

fn hot_path(pool: &TokenPool) {
    let account = pool.get(&app(7)).unwrap();
    for answer in ["json", "jpeg"] {
        let (bare, allocations, bytes) = requests(Nothing(answer));
        println!();
        row(&format!("a request to an inner service that answers {answer}, without the layer"), bare, "ns");
        println!("{:<68} {allocations:>10.1} allocations, {bytes:.0} bytes", "");
        for (what, layer) in [
            ("one account", WeChatAuthLayer::new(&account)),
            ("an account of the pool", WeChatAuthLayer::new(pool)),
        ] {
            let layered = tower::Layer::layer(&layer, Nothing(answer));
            let (ns, allocations, bytes) = requests(layered);
            row(&format!("the same with the layer, {what}"), ns, "ns");
            println!("{:<68} {allocations:>10.1} allocations, {bytes:.0} bytes", "");
            row("  more than without it", ns - bare, "ns");
            row("  times as long", ns / bare, "");
        }
    }
}

fn requests<S, R>(mut service: S) -> (f64, f64, f64)
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
    S::Error: std::fmt::Debug,
{
    let uri: Uri = URI.parse().unwrap();
    let app = app(7);
    let mut context = Context::from_waker(Waker::noop());
    measure(CALLS, |_| {
        let mut request = Request::post(uri.clone()).body(Full::from(r#"{"touser":"OPENID"}"#)).unwrap();
        request.extensions_mut().insert(app.clone());
        let _: Poll<_> = service.poll_ready(&mut context);
        match pin!(service.call(request)).poll(&mut context) {
            Poll::Ready(response) => drop(black_box(response.unwrap())),
            Poll::Pending => unreachable!("nothing here waits"),
        }
    })
}

fn release() {
    println!();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rounds: Vec<_> = (0..ROUNDS).map(|_| runtime.block_on(release_once())).collect();
    rounds.sort_by_key(|waits| waits[waits.len() - 1]);
    let waits = &rounds[ROUNDS / 2];
    for (what, at) in [("half", 50), ("99 of 100", 99), ("all", 100)] {
        let wait = waits[(waits.len() * at / 100).min(waits.len() - 1)];
        let what = format!("from the mint to the wake of {what} of 10 000 waiters, 2 workers");
        row(&what, wait.as_secs_f64() * 1e6, "µs");
    }
}

async fn release_once() -> Vec<Duration> {
    let gate = Arc::new(Gate { open: Semaphore::new(0), opened: Mutex::new(Instant::now()) });
    let cache = TokenCache::builder(Mints {
        app: app(0),
        platform: Platform::wechat(),
        gate: Some(gate.clone()),
        seconds: None,
    })
    .wait_timeout(Duration::from_secs(60))
    .fetch_timeout(Duration::from_secs(60))
    .build();
    let mut waiters = JoinSet::new();
    for _ in 0..WAITERS {
        let cache = cache.clone();
        waiters.spawn(async move {
            cache.token().await.unwrap();
            Instant::now()
        });
    }
    while cache.stats().coalesced + 1 < u64::from(WAITERS) {
        tokio::task::yield_now().await;
    }
    gate.open.add_permits(1);
    let woken = waiters.join_all().await;
    let opened = *gate.opened.lock().unwrap();
    let mut waits: Vec<_> = woken.into_iter().map(|at| at.duration_since(opened)).collect();
    waits.sort();
    waits
}

/// In paused time.
fn warmth() {
    println!();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let seconds = Arc::new(Seconds { start: tokio::time::Instant::now(), mints: Mutex::new(Vec::new()) });
        let platform = Platform::wechat();
        let began = Instant::now();
        let warm: Vec<_> = (0..ACCOUNTS)
            .map(|number| {
                let (app, platform) = (app(number), platform.clone());
                let seconds = Some(seconds.clone());
                TokenCache::new(Mints { app, platform, gate: None, seconds }).keep_warm()
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(7200) * LIVES).await;
        let took = began.elapsed();
        let mints = seconds.mints.lock().unwrap();
        let all: u32 = mints.iter().sum();
        let busiest = f64::from(*mints.iter().max().unwrap());
        let mean = f64::from(all) / mints.len() as f64;
        row("keeping 100 000 accounts warm for two hours", took.as_secs_f64() / f64::from(LIVES), "s of CPU");
        row("  mints a second", mean, "");
        row("  mints in the busiest second", busiest, "");
        row("  times the mean", busiest / mean, "");
        drop(warm);
    });
}
