//! Requests a second for a token that is held, over TCP and over a Unix socket, beside nginx that answers with 200 fixed bytes:
//! on the same machine, in the same run, by turns. What counts is the ratio.
//!
//! `cargo bench -p wechat-hub --bench throughput`. Needs `nginx` (Debian: `nginx-light`); with `wrk` there, TCP is measured with
//! that as well.

#![allow(clippy::cast_precision_loss, clippy::disallowed_methods, missing_docs)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use fake_wechat::FakeWeChat;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    time::sleep,
};
use wechat_hub::SecretHash;

const APP: &str = FakeWeChat::APP_ID;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const CONNECTIONS: usize = 32;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

/// Ended when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() {
    if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        println!("skipped: nginx is not on this machine");
        return;
    }
    let wechat = FakeWeChat::start().await;
    let folder = std::env::temp_dir().join(format!("hub-throughput-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let (nginx_port, hub_port) = (free_port().await, free_port().await);
    let _nginx = nginx(&folder, nginx_port);
    let _hub = hub(&folder, hub_port, &wechat.url());
    let request =
        format!("GET /v1/apps/{APP}/token HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {SECRET}\r\n\r\n");
    for socket in ["nginx.sock", "hub.sock"] {
        while UnixStream::connect(folder.join(socket)).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    }

    let tcp = |port: u16| async move {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    };
    let unix = |name: &str| {
        let path = folder.join(name);
        async move { UnixStream::connect(path).await.unwrap() }
    };
    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        rates[0].push(load(|| tcp(nginx_port), &request).await);
        rates[1].push(load(|| tcp(hub_port), &request).await);
        rates[2].push(load(|| unix("nginx.sock"), &request).await);
        rates[3].push(load(|| unix("hub.sock"), &request).await);
    }
    let [nginx_tcp, hub_tcp, nginx_unix, hub_unix] = rates.map(median);
    println!("median of {ROUNDS} rounds of {} s by turns, {CONNECTIONS} connections:", ROUND.as_secs());
    println!("| | nginx, requests/s | hub, requests/s | ratio |\n|---|---:|---:|---:|");
    println!("| TCP | {nginx_tcp:.0} | {hub_tcp:.0} | {:.2} |", hub_tcp / nginx_tcp);
    println!("| Unix socket | {nginx_unix:.0} | {hub_unix:.0} | {:.2} |", hub_unix / nginx_unix);
    if Command::new("wrk").arg("-v").stdout(Stdio::null()).status().is_ok() {
        let [mut nginx, mut hub] = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            nginx.push(wrk(nginx_port));
            hub.push(wrk(hub_port));
        }
        let (nginx, hub) = (median(nginx), median(hub));
        println!("| TCP, wrk | {nginx:.0} | {hub:.0} | {:.2} |", hub / nginx);
    }
    assert_eq!(wechat.mints(), 1);
    fs::remove_dir_all(folder).unwrap();
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn nginx(folder: &Path, port: u16) -> Server {
    let body = "x".repeat(200);
    let path = folder.display();
    let config = format!(
        "worker_processes auto; pid {path}/nginx.pid; error_log {path}/nginx.log; daemon off;
         events {{ worker_connections 1024; }}
         http {{
           access_log off; keepalive_requests 1000000000;
           server {{ listen 127.0.0.1:{port}; listen unix:{path}/nginx.sock; location / {{ return 200 '{body}'; }} }}
         }}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).unwrap();
    Server(Command::new("nginx").arg("-c").arg(file).stderr(Stdio::null()).spawn().unwrap())
}

fn hub(folder: &Path, port: u16, wechat: &str) -> Server {
    let file: PathBuf = folder.join("hub.toml");
    let (hash, secret) = (SecretHash::of(SECRET), FakeWeChat::APP_SECRET);
    let config = format!(
        "[listen]\nunix = \"hub.sock\"\ntcp = \"127.0.0.1:{port}\"\n[[app]]\nid = \"{APP}\"\nsecret = \"{secret}\"\nbase_url = \
         \"{wechat}\"\n[[client]]\nname = \"bench\"\nsecret_sha256 = \"{hash}\"\napps = [\"{APP}\"]\nrights = [\"token\"]\n"
    );
    fs::write(&file, config).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wechat-hub"));
    command.arg("serve").arg("--config").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    Server(command.spawn().unwrap())
}

/// Asks over kept connections, each question after the answer to the last; returns requests a second.
async fn load<S, F>(connect: impl Fn() -> F, request: &str) -> f64
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = S>,
{
    let answered = Arc::new(AtomicU64::new(0));
    let mut callers = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut stream, answered, request) = (connect().await, answered.clone(), request.to_owned());
        callers.push(tokio::spawn(async move {
            let mut bytes = vec![0; 4096];
            loop {
                stream.write_all(request.as_bytes()).await.unwrap();
                // An answer comes in one piece here, or the next read has the rest of it.
                let read = stream.read(&mut bytes).await.unwrap();
                assert!(
                    bytes[..read].starts_with(b"HTTP/1.1 200"),
                    "{}",
                    String::from_utf8_lossy(&bytes[..read])
                );
                answered.fetch_add(1, Relaxed);
            }
        }));
    }
    // Until all are at it.
    sleep(Duration::from_millis(200)).await;
    let (before, began) = (answered.load(Relaxed), Instant::now());
    sleep(ROUND).await;
    let rate = (answered.load(Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
    for caller in callers {
        caller.abort();
    }
    rate
}

fn wrk(port: u16) -> f64 {
    let mut command = Command::new("wrk");
    command.args(["-t2", &format!("-c{CONNECTIONS}"), &format!("-d{}", ROUND.as_secs())]);
    command.args([
        "-H",
        &format!("authorization: Bearer {SECRET}"),
        &format!("http://127.0.0.1:{port}/v1/apps/{APP}/token"),
    ]);
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(!out.contains("Non-2xx"), "{out}");
    let line = out.lines().find_map(|line| line.strip_prefix("Requests/sec:")).unwrap();
    line.trim().parse().unwrap()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
