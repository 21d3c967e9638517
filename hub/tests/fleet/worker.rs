//! A worker: a process that calls WeChat through the layer, with tokens from a hub. It knows no app secret.

use std::{env, process::Stdio, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, stdin},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, timeout},
};
use tower::ServiceBuilder;
use tower_wechat::{Platform, TokenCache, WeChatAuthLayer, WeChatError, issuer::HubToken};

use super::support::{APP, SECRET};

const HUBS: &str = "FLEET_HUBS";
const WECHAT: &str = "FLEET_WECHAT";
const ROOT: &str = "FLEET_ROOT";
/// Marks what a worker says among what the test harness prints.
const MARK: &str = ">>";
const PATIENCE: Duration = Duration::from_secs(60);

/// The parent's side of a worker. Killed when it is dropped.
pub struct Worker {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// One that asks this hub (`unix:/path` or a URL), and the others where that one is out of reach. `root` is a certificate
    /// to trust, in PEM.
    pub fn start(hubs: &[&str], wechat: &str, root: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "worker::worker", "--nocapture"])
            .envs([(HUBS, hubs.join(" ").as_str()), (WECHAT, wechat), (ROOT, root)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines() }
    }

    pub async fn tell(&mut self, command: &str) {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    pub async fn hear(&mut self) -> Value {
        loop {
            let line = timeout(PATIENCE, self.output.next_line()).await.expect("it says something");
            let line = line.unwrap().expect("the worker ended early");
            if let Some((_, said)) = line.split_once(MARK) {
                return serde_json::from_str(said).unwrap();
            }
        }
    }

    pub async fn ask(&mut self, command: &str) -> Value {
        self.tell(command).await;
        self.hear().await
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
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

/// That no call failed, and that all used one token in the end.
pub fn went_well(said: &[Value], calls: u64) {
    for one in said {
        assert_eq!((&one["calls"], &one["failed"]), (&json!(calls), &json!(0)), "{one}");
        assert_eq!(one["token"], said[0]["token"], "{said:?}");
    }
}

// === the worker's own side ===

fn cache() -> Option<(TokenCache, String)> {
    let (hubs, wechat) = (env::var(HUBS).ok()?, env::var(WECHAT).unwrap());
    let root = env::var(ROOT).unwrap();
    let platform = || Platform::wechat().with_origin(&wechat).unwrap();
    let issuer = hubs.split(' ').rev().fold(None, |other, hub| {
        let mut issuer = match hub.strip_prefix("unix:") {
            Some(path) => HubToken::unix(path, APP, SECRET),
            None => HubToken::tcp(hub, APP, SECRET).unwrap(),
        };
        if !root.is_empty() {
            issuer = issuer.root_certificates_pem(root.as_bytes()).unwrap();
        }
        issuer = issuer.with_platform(platform());
        Some(match other {
            Some(other) => issuer.fallback(other, Duration::ZERO),
            None => issuer,
        })
    });
    Some((TokenCache::new(issuer.unwrap()), wechat))
}

/// Does what it is told on standard input, until that ends. No test of its own.
#[tokio::test]
async fn worker() {
    let Some((cache, wechat)) = cache() else { return };
    let mut commands = BufReader::new(stdin()).lines();
    while let Some(command) = commands.next_line().await.unwrap() {
        let mut words = command.split(' ');
        let said = match words.next().unwrap() {
            "call" => call(&cache, &wechat, words.next().unwrap().parse().unwrap()).await,
            "load" => {
                load(&cache, &wechat, Duration::from_millis(words.next().unwrap().parse().unwrap())).await
            }
            "token" => token(&cache).await,
            "current" => json!(cache.current().map(|token| token.fingerprint().to_string())),
            other => panic!("no command {other}"),
        };
        println!("{MARK}{said}");
    }
}

/// So many callers at once.
async fn call(cache: &TokenCache, wechat: &str, callers: u64) -> Value {
    let started = Instant::now();
    let calls = (0..callers).map(|_| one(cache, wechat));
    let failures: Vec<String> = futures_util::future::join_all(calls).await.into_iter().flatten().collect();
    said(cache, callers, &failures, started)
}

/// Callers one after another, sixteen at a time, for so long.
async fn load(cache: &TokenCache, wechat: &str, time: Duration) -> Value {
    let started = Instant::now();
    let caller = || async {
        let (mut calls, mut failures) = (0, Vec::new());
        while started.elapsed() < time {
            calls += 1;
            failures.extend(one(cache, wechat).await);
        }
        (calls, failures)
    };
    let callers = futures_util::future::join_all((0..16).map(|_| caller())).await;
    let failures: Vec<String> = callers.iter().flat_map(|(_, failures)| failures.clone()).collect();
    said(cache, callers.iter().map(|(calls, _)| calls).sum(), &failures, started)
}

fn said(cache: &TokenCache, calls: u64, failures: &[String], started: Instant) -> Value {
    json!({
        "calls": calls,
        "failed": failures.len(),
        "why": failures.first(),
        "token": cache.current().map(|token| token.fingerprint().to_string()),
        "waits": cache.stats().waits,
        "took_ms": u64::try_from(started.elapsed().as_millis()).unwrap(),
    })
}

/// One call, and why it failed.
async fn one(cache: &TokenCache, wechat: &str) -> Option<String> {
    thread_local! {
        static HTTP: Client<hyper_util::client::legacy::connect::HttpConnector, tower_wechat::ReplayBody<Full<Bytes>>> =
            Client::builder(TokioExecutor::new()).build_http();
    }
    let http = HTTP.with(Clone::clone);
    let client = ServiceBuilder::new().layer(WeChatAuthLayer::new(cache.clone())).service(http);
    let request =
        http::Request::get(format!("{wechat}/cgi-bin/user/get")).body(Full::<Bytes>::default()).unwrap();
    match client.send(request).await {
        Err(error) => Some(error.to_string()),
        Ok(response) => match response.into_body().collect().await {
            Err(error) => Some(error.to_string()),
            Ok(answer) => WeChatError::parse(&answer.to_bytes()).map(|error| error.to_string()),
        },
    }
}

async fn token(cache: &TokenCache) -> Value {
    let started = Instant::now();
    let error = cache.token().await.err().map(|error| error.to_string());
    let failures: Vec<String> = error.into_iter().collect();
    said(cache, 1, &failures, started)
}
