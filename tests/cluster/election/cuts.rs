//! The network between the minter and Redis is cut at every step of the protocol.
//!
//! Each row of the table is an account of its own with two caches: the minter, whose connection leads through a cutter, and
//! another one, which wants the token as well and is connected directly. All of it runs in one process, so that all rows can
//! run at the same time.

#![allow(clippy::disallowed_methods, reason = "real servers take real time")]

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::Instant,
};
use tower_wechat::{
    ErrorKind, TokenCache,
    issuer::{ClassicToken, Issuer, StableToken},
    store::RedisStore,
    testing::{FakeWeChat, Fault},
};

use crate::election::{Kind, server::Server, server::eventually};

const SECRET: &str = "00112233445566778899aabbccddeeff";

/// When the connection breaks.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// A script is on its way and does not arrive.
    Before(&'static str),
    /// A script has run, and its answer is lost.
    After(&'static str),
}

const LOAD: &str = include_str!("../../../src/store/redis/load.lua");
const LEASE: &str = include_str!("../../../src/store/redis/lease.lua");
const RENEW: &str = include_str!("../../../src/store/redis/renew.lua");
const COMMIT: &str = include_str!("../../../src/store/redis/commit.lua");
const ABANDON: &str = include_str!("../../../src/store/redis/abandon.lua");

const POINTS: [(&str, Point); 10] = [
    ("before the load", Point::Before(LOAD)),
    ("the load's answer", Point::After(LOAD)),
    ("before the lease", Point::Before(LEASE)),
    ("the lease's answer", Point::After(LEASE)),
    ("before a renewal", Point::Before(RENEW)),
    ("a renewal's answer", Point::After(RENEW)),
    ("before the commit", Point::Before(COMMIT)),
    ("the commit's answer", Point::After(COMMIT)),
    ("before the abandon", Point::Before(ABANDON)),
    ("the abandon's answer", Point::After(ABANDON)),
];

/// Broken and whole again at once.
const BLIP: Duration = Duration::ZERO;
/// Longer than a lease, and than every try to write.
const LONG: Duration = Duration::from_secs(3);

/// A proxy that cuts all connections when it sees a script, and takes no new ones for a while.
struct Cutter {
    port: u16,
    cut: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Plan {
    port: u16,
    hash: String,
    after: bool,
    outage: Duration,
    armed: Arc<AtomicBool>,
    cut: Arc<watch::Sender<bool>>,
}

impl Cutter {
    async fn new(server: &Server, point: Point, outage: Duration) -> Self {
        let (script, after) = match point {
            Point::Before(script) => (script, false),
            Point::After(script) => (script, true),
        };
        let whole = format!("{}{script}", include_str!("../../../src/store/redis/account.lua"));
        let hash = server.cli(&["SCRIPT", "LOAD", &whole]).await;
        assert_eq!(hash.len(), 40, "{hash}");
        let (sender, cut) = watch::channel(false);
        let (armed, sender) = (Arc::new(AtomicBool::new(true)), Arc::new(sender));
        let plan = Plan { port: server.port, hash, after, outage, armed, cut: sender };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let mut cut = plan.cut.subscribe();
            loop {
                tokio::select! {
                    Ok((client, _)) = listener.accept() => {
                        connections.spawn(forward(client, plan.clone()));
                    }
                    Ok(()) = cut.changed() => {
                        connections.shutdown().await;
                        let until = Instant::now() + plan.outage;
                        while let Ok(Ok(refused)) = tokio::time::timeout_at(until, listener.accept()).await {
                            drop(refused);
                        }
                    }
                }
            }
        });
        Self { port, cut, task }
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut client: TcpStream, plan: Plan) {
    let mut server = TcpStream::connect(("127.0.0.1", plan.port)).await.unwrap();
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    let mut last = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(n @ 1..) = read else { return };
                let hash = plan.hash.as_bytes();
                if from_client[..n].windows(hash.len()).any(|part| part == hash) && plan.armed.swap(false, SeqCst) {
                    if !plan.after {
                        plan.cut.send_replace(true);
                        return;
                    }
                    last = true;
                }
                server.write_all(&from_client[..n]).await.unwrap();
            }
            read = server.read(&mut from_server) => {
                let Ok(n @ 1..) = read else { return };
                if last {
                    plan.cut.send_replace(true);
                    return;
                }
                let _ = client.write_all(&from_server[..n]).await;
            }
        }
    }
}

/// How a row went.
struct Row {
    what: String,
    mints: u64,
    minter: String,
    other: String,
    slowest: Duration,
    agreed: Duration,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<44} {} mints; minter {:<8} other {:<8} slowest {:>5} ms, one token after {:>5} ms",
            self.what,
            self.mints,
            self.minter,
            self.other,
            self.slowest.as_millis(),
            self.agreed.as_millis()
        )
    }
}

async fn cache(kind: Kind, app: &str, wechat: &FakeWeChat, url: &str) -> TokenCache {
    async fn over(issuer: impl Issuer, url: &str) -> TokenCache {
        TokenCache::builder(issuer).store(RedisStore::connect(url).await.unwrap()).build()
    }
    match kind {
        Kind::Stable => over(StableToken::new(app, SECRET).base_url(&wechat.url()).unwrap(), url).await,
        Kind::Classic => over(ClassicToken::new(app, SECRET).base_url(&wechat.url()).unwrap(), url).await,
    }
}

fn outcome(got: &Result<tower_wechat::AccessToken, tower_wechat::TokenError>) -> String {
    got.as_ref()
        .map_or_else(|error| format!("{:?}", error.kind()), |token| format!("gen {}", token.generation()))
}

async fn row(server: &Server, name: &str, point: Point, outage: Duration, kind: Kind) -> Row {
    let what = format!("{kind:?}, {name}, {}", if outage == BLIP { "a blip" } else { "3 s" });
    let wechat = FakeWeChat::builder().account("app", SECRET).overlap(Duration::ZERO).start().await;
    // Long enough for a renewal.
    wechat.set_token_latency(Duration::from_millis(700));
    let fails = matches!(point, Point::Before(ABANDON) | Point::After(ABANDON));
    if fails {
        // The first try and the second.
        wechat.fail_next_tokens(2, Fault::Http(500));
    }
    let cutter = Cutter::new(server, point, outage).await;
    let through = format!("redis://127.0.0.1:{}/", cutter.port);
    let minter = cache(kind, "app", &wechat, &through).await;
    let other = cache(kind, "app", &wechat, &server.url()).await;

    let start = Instant::now();
    let asking = minter.clone();
    let asked = tokio::spawn(async move { asking.token().await });
    // The minter is ahead, but for the cuts that keep it from getting anywhere.
    let mut cut = cutter.cut.clone();
    tokio::select! {
        () = wechat.wait_for_token_requests(1) => {}
        _ = cut.changed() => {}
    }
    let second = other.token().await;
    let first = asked.await.unwrap();
    let slowest = start.elapsed();
    assert!(*cutter.cut.borrow(), "{what}: the point was never reached");

    // Whoever was told of a failure asks again, and all end on one token that works.
    let start = Instant::now();
    eventually(&format!("{what}: one good token"), Duration::from_secs(8), async || {
        let got = (minter.token().await, other.token().await);
        let (Ok(one), Ok(two)) = got else { return false };
        for (cache, token) in [(&minter, &one), (&other, &two)] {
            if !wechat.accepts(token.as_str()) {
                let _ = cache.refresh(token).await;
            }
        }
        one.as_str() == two.as_str() && wechat.accepts(one.as_str())
    })
    .await;
    let agreed = start.elapsed();
    let shared = RedisStore::connect(&server.url()).await.unwrap();
    eventually(&format!("{what}: the token is shared"), Duration::from_secs(8), async || {
        use tower_wechat::store::TokenStore;
        let account = account(kind, &wechat);
        let record = shared.load(&account).await.unwrap().record;
        record.is_some_and(|record| wechat.accepts(&record.token))
    })
    .await;
    let row = Row {
        mints: wechat.mints(),
        minter: outcome(&first),
        other: outcome(&second),
        what,
        slowest,
        agreed,
    };
    for got in [&first, &second] {
        let fine = match got {
            Ok(_) => true,
            Err(error) => fails && error.kind() != ErrorKind::Timeout,
        };
        assert!(fine, "{row}: {got:?}");
    }
    row
}

fn account(kind: Kind, wechat: &FakeWeChat) -> tower_wechat::issuer::AccountKey {
    match kind {
        Kind::Stable => StableToken::new("app", SECRET).base_url(&wechat.url()).unwrap().account(),
        Kind::Classic => ClassicToken::new("app", SECRET).base_url(&wechat.url()).unwrap().account(),
    }
}

/// A classic minter that is cut off from Redis for longer than its lease, from the moment of its mint on, is taken for dead:
/// then the other one mints as well. Nothing else leads to a second mint.
fn allowed(name: &str, outage: Duration, kind: Kind) -> u64 {
    let cut_off =
        outage == LONG && ["before a renewal", "a renewal's answer", "before the commit"].contains(&name);
    1 + u64::from(cut_off && kind == Kind::Classic)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_at_every_step_does_no_harm() {
    let server = Server::start().await;
    let mut rows = Vec::new();
    for (name, point) in POINTS {
        for outage in [BLIP, LONG] {
            for kind in [Kind::Stable, Kind::Classic] {
                let row = row(&server, name, point, outage, kind);
                rows.push(async move { (row.await, allowed(name, outage, kind)) });
            }
        }
    }
    let mut table = futures_util::future::join_all(rows).await;
    table.sort_by(|(one, _), (other, _)| one.what.cmp(&other.what));
    for (row, _) in &table {
        println!("{row}");
    }
    for (row, allowed) in &table {
        assert!(row.mints <= *allowed, "{row}: {allowed} allowed");
        assert!(row.slowest < Duration::from_millis(4500), "{row}: somebody was stuck");
    }
}
