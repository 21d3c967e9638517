//! A worker: another process of this test program, and what its parent does with it. They talk in lines: a command goes in,
//! one line of JSON comes out.

use std::{
    env,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{ServiceBuilder, ServiceExt, limit::ConcurrencyLimit};
use tower_wechat::{
    AccessToken, TokenCache, TokenError, WeChatAuth, WeChatAuthLayer,
    issuer::{AccountKey, ClassicToken, Issuer, StableToken},
    store::{FileStore, RedisStore, TokenStore},
    testing::{FakeWeChat, ManualClock},
};

use crate::election::{
    Kind,
    support::{Http, http, read},
};

const SPEC: &str = "TOWER_WECHAT_ELECTION_WORKER";
/// Marks what a worker answers among what the test harness prints.
const MARK: &str = ">>";
/// Marks what it says unasked.
const NOTICE: &str = "~~";
/// Sockets of a worker at a time. The callers that wait for a token hold none, so this bounds the open files without
/// bounding the crowd: eight thousand sockets at one server are more than many machines allow.
const SOCKETS: usize = 64;
/// Callers of a steady load.
const STEADY: usize = 4;

/// What a worker is told at its start.
#[derive(Clone)]
pub struct Spec {
    pub wechat: String,
    pub store: String,
    pub kind: Kind,
    /// By how many seconds its wall clock is wrong.
    pub clock: i64,
    pub wait_timeout: Duration,
}

impl Spec {
    pub fn new(wechat: &FakeWeChat, store: impl Into<String>, kind: Kind) -> Self {
        let (wechat, store) = (wechat.url(), store.into());
        Self { wechat, store, kind, clock: 0, wait_timeout: Duration::from_secs(5) }
    }

    fn written(&self) -> String {
        let classic = self.kind == Kind::Classic;
        let wait = self.wait_timeout.as_millis();
        json!([self.wechat, self.store, classic, self.clock, u64::try_from(wait).unwrap()]).to_string()
    }

    fn read(written: &str) -> Self {
        let (wechat, store, classic, clock, wait): (_, _, bool, _, _) =
            serde_json::from_str(written).unwrap();
        let kind = if classic { Kind::Classic } else { Kind::Stable };
        Self { wechat, store, kind, clock, wait_timeout: Duration::from_millis(wait) }
    }

    fn stable(&self) -> StableToken {
        StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&self.wechat).unwrap()
    }

    fn classic(&self) -> ClassicToken {
        ClassicToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&self.wechat).unwrap()
    }

    /// What the store calls the workers' account.
    pub fn account(&self) -> AccountKey {
        match self.kind {
            Kind::Stable => self.stable().account(),
            Kind::Classic => self.classic().account(),
        }
    }

    pub async fn store(&self) -> Box<dyn TokenStore> {
        match self.store.strip_prefix("file:") {
            Some(dir) => Box::new(FileStore::open(dir).unwrap()),
            None => Box::new(RedisStore::connect(&self.store).await.unwrap()),
        }
    }

    async fn cache(&self) -> TokenCache {
        match self.kind {
            Kind::Stable => self.over(self.stable()).await,
            Kind::Classic => self.over(self.classic()).await,
        }
    }

    async fn over(&self, issuer: impl Issuer) -> TokenCache {
        match self.store.strip_prefix("file:") {
            Some(dir) => self.build(issuer, FileStore::open(dir).unwrap()),
            None => self.build(issuer, RedisStore::connect(&self.store).await.unwrap()),
        }
    }

    fn build(&self, issuer: impl Issuer, store: impl TokenStore) -> TokenCache {
        let clock = ManualClock::new();
        let wrong = Duration::from_secs(self.clock.unsigned_abs());
        if self.clock < 0 {
            clock.set_back(wrong);
        } else {
            clock.set_forward(wrong);
        }
        TokenCache::builder(issuer).store(store).wait_timeout(self.wait_timeout).clock(&clock).build()
    }
}

/// The parent's side of a worker. Killed when it is dropped.
pub struct Worker {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    pid: u32,
    /// What it has said unasked.
    pub notices: Vec<Value>,
}

impl Worker {
    pub fn start(spec: &Spec) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "election::worker::worker", "--nocapture"])
            .env(SPEC, spec.written())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            pid: child.id().unwrap(),
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            notices: Vec::new(),
            child,
        }
    }

    pub async fn tell(&mut self, command: &str) {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    pub async fn hear(&mut self) -> Value {
        loop {
            let line = self.output.next_line().await.unwrap().expect("the worker ended early");
            if let Some(said) = self.heard(&line) {
                return serde_json::from_str(said).unwrap();
            }
        }
    }

    /// An answer, if the line is one. A notice is kept.
    fn heard<'l>(&mut self, line: &'l str) -> Option<&'l str> {
        if let Some((_, notice)) = line.split_once(NOTICE) {
            // The last line of a killed worker may have no end.
            self.notices.extend(serde_json::from_str::<Value>(notice));
            return None;
        }
        Some(line.split_once(MARK)?.1)
    }

    pub async fn ask(&mut self, command: &str) -> Value {
        self.tell(command).await;
        self.hear().await
    }

    pub fn signal(&self, name: &str) {
        crate::election::signal::signal(self.pid, name);
    }

    /// SIGKILL. Returns all that it has said unasked.
    pub async fn kill(mut self) -> Vec<Value> {
        self.child.kill().await.unwrap();
        while let Ok(Some(line)) = self.output.next_line().await {
            self.heard(&line);
        }
        self.notices
    }

    /// Ends in good order.
    pub async fn stop(mut self) {
        drop(self.input);
        assert!(self.child.wait().await.unwrap().success());
    }
}

/// The same command for all of them at once.
pub async fn all(workers: &mut [Worker], command: &str) -> Vec<Value> {
    for worker in &mut *workers {
        worker.tell(command).await;
    }
    let mut said = Vec::new();
    for worker in workers {
        said.push(worker.hear().await);
    }
    said
}

/// The sum of a number in all that was said.
pub fn sum(said: &[Value], name: &str) -> u64 {
    said.iter().map(|said| said[name].as_u64().unwrap_or_else(|| panic!("no {name} in {said}"))).sum()
}

/// Asserts that all of them hold one token, and says which generation.
pub async fn agreed(workers: &mut [Worker]) -> u64 {
    let held = all(workers, "current").await;
    assert!(held.iter().all(|one| *one == held[0]), "{held:?}");
    held[0]["generation"].as_u64().expect("a token")
}

// === the worker's own side ===

type Client = WeChatAuth<ConcurrencyLimit<Http<Full<Bytes>>>>;

/// Not a test, but what the other processes run. Does nothing unless a test started it.
#[tokio::test]
async fn worker() {
    let Ok(written) = env::var(SPEC) else { return };
    let spec = Spec::read(&written);
    let cache = spec.cache().await;
    let client =
        ServiceBuilder::new().layer(WeChatAuthLayer::new(&cache)).concurrency_limit(SOCKETS).service(http());
    let crowd = Crowd { url: spec.wechat.clone(), client };
    let mut load = Load::default();
    let (commands, mut inbox) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let _ = commands.send(line.unwrap());
        }
    });
    say(&json!({ "ready": true }));
    while let Some(command) = inbox.recv().await {
        let (command, argument) = command.split_once(' ').unwrap_or((&command, ""));
        say(&match command {
            "token" => timed(cache.token()).await,
            "refresh" => match cache.current() {
                Some(present) => timed(cache.refresh(&present)).await,
                None => json!({ "error": "nothing to refresh" }),
            },
            "current" => cache.current().as_ref().map_or(Value::Null, shown),
            "witness" => {
                let cache = cache.clone();
                std::thread::spawn(move || witness(&cache));
                json!({ "begun": true })
            }
            "fire" => crowd.fire(argument.parse().unwrap()).await,
            "health" => {
                let health = cache.health();
                let left = health.futile_refreshes_left;
                json!({ "futile_refreshes_left": left, "health": format!("{health:?}") })
            }
            "load" => load.begin(&crowd),
            "halt" => load.end().await,
            "watch" => {
                let (cache, last) = (cache.clone(), argument.parse().unwrap());
                tokio::task::spawn_blocking(move || watch(&cache, last)).await.unwrap()
            }
            "stats" => {
                let stats = cache.stats();
                json!({
                    "mints": stats.mints(), "shared": stats.shared, "waits": stats.waits, "fenced": stats.fenced,
                    "coalesced": stats.coalesced, "store_failures": stats.store_failures,
                    "mint_failures": stats.mint_failures,
                })
            }
            other => panic!("no command {other}"),
        });
    }
}

fn say(what: &Value) {
    println!("{MARK}{what}");
}

/// Says something unasked.
fn notice(what: &Value) {
    println!("{NOTICE}{what}");
}

fn shown(token: &AccessToken) -> Value {
    json!({
        "fingerprint": token.fingerprint().to_string(),
        "generation": token.generation(),
    })
}

#[allow(clippy::disallowed_methods, reason = "real servers take real time")]
async fn timed(token: impl Future<Output = Result<AccessToken, TokenError>>) -> Value {
    let start = Instant::now();
    let outcome = token.await;
    let mut said = match outcome {
        Ok(token) => {
            let mut said = shown(&token);
            said["expires_in"] = token.expires_in().as_secs().into();
            said
        }
        Err(error) => json!({
            "kind": format!("{:?}", error.kind()), "errcode": error.errcode(), "error": error.to_string(),
        }),
    };
    said["millis"] = u64::try_from(start.elapsed().as_millis()).unwrap().into();
    said
}

/// When each of the next tokens up to the `last` was there to be served, in microseconds since the Unix epoch.
#[allow(clippy::disallowed_methods, reason = "processes of one machine share its wall clock")]
fn watch(cache: &TokenCache, last: u64) -> Value {
    let generation = || cache.current().map_or(0, |token| token.generation());
    let (mut seen, mut before) = (Vec::new(), generation());
    while before < last {
        std::thread::sleep(Duration::from_micros(100));
        let present = generation();
        if present > before {
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            seen.push(json!([present, u64::try_from(at.as_micros()).unwrap()]));
            before = present;
        }
    }
    json!({ "seen": seen })
}

/// Tells of every token that the cache serves, as long as the process lives.
fn witness(cache: &TokenCache) {
    let mut last = Value::Null;
    loop {
        std::thread::sleep(Duration::from_micros(500));
        if let Some(present) = cache.current().as_ref().map(shown).filter(|present| *present != last) {
            notice(&present);
            last = present;
        }
    }
}

/// Callers of an ordinary API.
#[derive(Clone)]
struct Crowd {
    url: String,
    client: Client,
}

impl Crowd {
    async fn call(self) -> Result<(), String> {
        let url = format!("{}/cgi-bin/message/custom/send", self.url);
        let request = Request::post(url).body(Full::from(r#"{"touser":"OPENID"}"#)).unwrap();
        let response = self.client.oneshot(request).await.map_err(|error| format!("{error:?}"))?;
        let answer = read(response).await;
        if answer.errcode() == Some(0) { Ok(()) } else { Err(answer.text) }
    }

    async fn fire(&self, callers: usize) -> Value {
        let mut calls: JoinSet<_> = (0..callers).map(|_| self.clone().call()).collect();
        let mut tally = Tally::default();
        while let Some(done) = calls.join_next().await {
            tally.count(done.unwrap());
        }
        tally.said()
    }
}

#[derive(Default)]
struct Tally {
    ok: u64,
    failed: u64,
    error: Option<String>,
    slowest: Duration,
}

impl Tally {
    fn count(&mut self, call: Result<(), String>) {
        match call {
            Ok(()) => self.ok += 1,
            Err(error) => {
                self.failed += 1;
                self.error.get_or_insert(error);
            }
        }
    }

    fn said(&self) -> Value {
        let slowest = u64::try_from(self.slowest.as_millis()).unwrap();
        json!({ "ok": self.ok, "failed": self.failed, "error": self.error, "slowest": slowest })
    }
}

/// A few callers that go on and on, each with a breath between its calls.
#[derive(Default)]
struct Load {
    over: Arc<AtomicBool>,
    callers: JoinSet<Tally>,
}

impl Load {
    fn begin(&mut self, crowd: &Crowd) -> Value {
        self.over = Arc::default();
        for _ in 0..STEADY {
            let (crowd, over) = (crowd.clone(), self.over.clone());
            self.callers.spawn(async move {
                let mut tally = Tally::default();
                #[allow(clippy::disallowed_methods, reason = "real servers take real time")]
                while !over.load(SeqCst) {
                    let start = Instant::now();
                    let call = crowd.clone().call().await;
                    if let Err(error) = &call {
                        notice(&json!({ "failed": error }));
                    }
                    tally.count(call);
                    tally.slowest = tally.slowest.max(start.elapsed());
                    sleep(Duration::from_millis(10)).await;
                }
                tally
            });
        }
        json!({ "begun": true })
    }

    async fn end(&mut self) -> Value {
        self.over.store(true, SeqCst);
        let mut whole = Tally::default();
        while let Some(tally) = self.callers.join_next().await {
            let tally = tally.unwrap();
            whole.ok += tally.ok;
            whole.failed += tally.failed;
            whole.error = whole.error.or(tally.error);
            whole.slowest = whole.slowest.max(tally.slowest);
        }
        whole.said()
    }
}
