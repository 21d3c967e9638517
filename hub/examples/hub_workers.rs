//! A master and eight workers: the master holds the token and alone knows the app secret, the workers ask it over a Unix
//! socket.
//!
//! `cargo run -p wechat-hub --example hub_workers`
//!
//! Nothing to install: WeChat is a fake one, and the workers are this program started again.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use bytes::Bytes;
use fake_wechat::FakeWeChat;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client as HttpClient, rt::TokioExecutor};
use tower::ServiceBuilder;
use tower_wechat::{
    Platform, TokenCache, WeChatAuthLayer, WeChatError,
    issuer::{HubToken, StableToken},
};
use wechat_hub::{Client, ClientSecret, Hub, Right, Server};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const WORKERS: usize = 8;
const CALLS: usize = 1000;
const SOCKET: &str = "EXAMPLE_SOCKET";
const SECRET: &str = "EXAMPLE_CLIENT_SECRET";
const WECHAT: &str = "EXAMPLE_WECHAT";
/// No step should take longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    match env::var(SOCKET) {
        Ok(socket) => work(&socket).await,
        Err(_) => lead().await,
    }
}

// === a worker ===

/// Makes a thousand calls at once whenever the master says so.
async fn work(socket: &str) -> Result<(), Failure> {
    let wechat = env::var(WECHAT)?;
    let platform = Platform::wechat().with_origin(&wechat)?;
    let issuer = HubToken::unix(socket, FakeWeChat::APP_ID, env::var(SECRET)?).with_platform(platform);
    let cache = TokenCache::new(issuer);
    let http = HttpClient::builder(TokioExecutor::new()).build_http();
    let client = ServiceBuilder::new().layer(WeChatAuthLayer::new(cache.clone())).service(http);
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line)? > 0 {
        let calls = (0..CALLS).map(|_| async {
            let url = format!("{wechat}/cgi-bin/user/get");
            let request = http::Request::get(url).body(Full::<Bytes>::default())?;
            let answer = client.send(request).await?.into_body().collect().await?.to_bytes();
            WeChatError::parse(&answer).map_or(Ok(()), |error| Err(Failure::from(error.to_string())))
        });
        let failures: Vec<Failure> =
            futures_util::future::join_all(calls).await.into_iter().filter_map(Result::err).collect();
        if let Some(first) = failures.first() {
            eprintln!("{first}");
        }
        let failed = failures.len();
        let token = cache.current().map_or("none".to_owned(), |token| token.fingerprint().to_string());
        println!("{} calls went well and {failed} failed, with the token {token}", CALLS - failed);
    }
    Ok(())
}

// === the master ===

struct Worker {
    child: Child,
    input: ChildStdin,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn lead() -> Result<(), Failure> {
    let wechat = FakeWeChat::start().await;
    let secret = ClientSecret::generate()?;
    let folder = env::temp_dir().join(format!("hub-workers-{}", std::process::id()));
    let socket = folder.join("hub.sock");
    let (tell, said) = channel();

    let begin = || -> Result<Server, Failure> {
        let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
        let client = Client::new("worker", secret.hash().to_string());
        let client = client.apps([FakeWeChat::APP_ID]).rights([Right::Token, Right::Refresh]);
        let hub = Hub::builder().app(FakeWeChat::APP_ID, TokenCache::new(issuer)).client(client).build()?;
        Ok(hub.serve_unix(&socket)?)
    };
    let hub = begin()?;
    println!("The master listens at {}.", socket.display());
    println!("Its workers know this socket and a client secret.");

    println!("\n1. Eight workers start, and each makes {CALLS} calls at once.");
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let mut command = Command::new(env::current_exe()?);
        command.env(SOCKET, &socket).env(SECRET, secret.expose()).env(WECHAT, wechat.url());
        workers.push(start(&mut command, &tell)?);
    }
    call(&mut workers, &said)?;
    println!("  WeChat has minted {} token.", wechat.mints());

    println!("\n2. WeChat takes the token back, and all workers meet that at once.");
    wechat.revoke();
    call(&mut workers, &said)?;
    println!("  WeChat has minted {} tokens: one more.", wechat.mints());

    println!("\n3. The master is gone. The workers go on with the token that they have.");
    hub.shutdown().await;
    call(&mut workers, &said)?;

    println!("\n4. The master is back, at the same socket, and WeChat takes the token back again.");
    let hub = begin()?;
    wechat.wait_for_token_requests(3).await;
    wechat.revoke();
    call(&mut workers, &said)?;
    println!("  WeChat has minted {} tokens.", wechat.mints());

    drop(workers);
    hub.shutdown().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn start(command: &mut Command, said: &Sender<String>) -> Result<Worker, Failure> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().ok_or("a worker has no output")?);
    let input = child.stdin.take().ok_or("a worker has no input")?;
    let said = said.clone();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = said.send(line);
        }
    });
    Ok(Worker { child, input })
}

/// Lets all workers call at once, and prints how many have said what.
fn call(workers: &mut [Worker], said: &Receiver<String>) -> Result<(), Failure> {
    for worker in &mut *workers {
        writeln!(worker.input, "call")?;
    }
    let mut lines = BTreeMap::<String, usize>::new();
    for _ in 0..workers.len() {
        let line = said.recv_timeout(PATIENCE).map_err(|_| "a worker says nothing")?;
        *lines.entry(line).or_default() += 1;
    }
    for (line, count) in lines {
        println!("  {count} workers, each: {line}");
    }
    Ok(())
}
