//! Requests a second for a token that is held, over TCP and over a Unix socket, beside nginx that answers with 200 fixed bytes:
//! on the same machine, in the same run, by turns. What counts is the ratio.
//!
//! `cargo bench --profile dist -p wechat-hub --bench throughput`. Needs `nginx` (Debian:
//! `nginx-light`), `wrk`, and `h2load` (`nghttp2-client`), which knows Unix sockets.

#![allow(clippy::cast_precision_loss, clippy::disallowed_methods, missing_docs)]

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fake_wechat::FakeWeChat;
use wechat_hub::SecretHash;

const APP: &str = FakeWeChat::APP_ID;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const CONNECTIONS: usize = 32;
const ROUNDS: usize = 5;
const SECONDS: u64 = 2;

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
    for tool in ["nginx", "wrk", "h2load"] {
        if Command::new(tool).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            println!("skipped: {tool} is not on this machine");
            return;
        }
    }
    let wechat = FakeWeChat::start().await;
    let folder = std::env::temp_dir().join(format!("hub-throughput-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let (nginx_port, hub_port) = (free_port(), free_port());
    let _nginx = nginx(&folder, nginx_port);
    let _hub = hub(&folder, hub_port, &wechat.url());
    for socket in ["nginx.sock", "hub.sock"] {
        while UnixStream::connect(folder.join(socket)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let unix = |name: &str| format!("unix:{}", folder.join(name).display());
    let tcp = |port: u16| format!("http://127.0.0.1:{port}");
    println!("median of {ROUNDS} rounds of {SECONDS} s by turns, {CONNECTIONS} connections:");
    println!("| | nginx, requests/s | hub, requests/s | ratio |\n|---|---:|---:|---:|");
    for (name, load, at_nginx, at_hub) in [
        ("TCP, wrk", wrk as fn(&str) -> f64, tcp(nginx_port), tcp(hub_port)),
        ("TCP, h2load", h2load, tcp(nginx_port), tcp(hub_port)),
        ("Unix socket, h2load", h2load, unix("nginx.sock"), unix("hub.sock")),
    ] {
        let [mut nginx, mut hub] = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            nginx.push(load(&at_nginx));
            hub.push(load(&at_hub));
        }
        let (nginx, hub) = (median(nginx), median(hub));
        println!("| {name} | {nginx:.0} | {hub:.0} | {:.2} |", hub / nginx);
    }
    assert_eq!(wechat.mints(), 1);
    fs::remove_dir_all(folder).unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
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

fn wrk(at: &str) -> f64 {
    let mut command = Command::new("wrk");
    command.args([
        "-t2",
        &format!("-c{CONNECTIONS}"),
        &format!("-d{SECONDS}"),
        "-H",
        &bearer(),
        &(at.to_owned() + &path()),
    ]);
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(!out.contains("Non-2xx"), "{out}");
    let line = out.lines().find_map(|line| line.strip_prefix("Requests/sec:")).unwrap();
    line.trim().parse().unwrap()
}

fn h2load(at: &str) -> f64 {
    let mut command = Command::new("h2load");
    command.args(["--h1", "-t2", &format!("-c{CONNECTIONS}"), &format!("-D{SECONDS}"), "-H", &bearer()]);
    if at.starts_with("unix:") {
        command.args(["-B", at, &format!("http://hub{}", path())]);
    } else {
        command.arg(at.to_owned() + &path());
    }
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let line =
        out.lines().find_map(|line| line.strip_prefix("finished in ")).unwrap_or_else(|| panic!("{out}"));
    assert!(out.contains(" 0 4xx, 0 5xx"), "{out}");
    line.split(", ").nth(1).and_then(|rate| rate.strip_suffix(" req/s")).unwrap().parse().unwrap()
}

fn path() -> String {
    format!("/v1/apps/{APP}/token")
}

fn bearer() -> String {
    format!("authorization: Bearer {SECRET}")
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
