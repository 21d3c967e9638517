//! The hub as a proxy beside nginx's `proxy_pass`: small calls, uploads of 10 MB and downloads of 1 GB, on the same machine, in
//! the same run, by turns, to the same server behind. What counts is the ratio, and that the hub's memory stays what it is.
//!
//! `cargo bench --profile dist -p wechat-hub --bench proxy`. Needs `nginx` (Debian: `nginx-light`), `wrk`, `h2load`
//! (`nghttp2-client`) and `curl`.

#![allow(clippy::cast_precision_loss, clippy::disallowed_methods, missing_docs)]

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use wechat_hub::SecretHash;

const APP: &str = "wx0123456789abcdef";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const CONNECTIONS: usize = 32;
const ROUNDS: usize = 5;
const SECONDS: u64 = 2;
const UPLOAD: u64 = 10_000_000;
const DOWNLOAD: u64 = 1_000_000_000;

/// Ended when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn main() {
    for tool in ["nginx", "wrk", "h2load", "curl"] {
        let version = if tool == "curl" { "-V" } else { "-v" };
        if Command::new(tool).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            println!("skipped: {tool} is not on this machine");
            return;
        }
    }
    let folder = std::env::temp_dir().join(format!("hub-proxy-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    // No byte of it is on the disk.
    fs::File::create(folder.join("large")).unwrap().set_len(DOWNLOAD).unwrap();
    fs::write(folder.join("upload"), vec![b'x'; usize::try_from(UPLOAD).unwrap()]).unwrap();
    let [behind, nginx_port, plain_port, hub_port] = [(); 4].map(|()| free_port());
    let _nginx = nginx(&folder, behind, nginx_port, plain_port);
    let hub = hub(&folder, behind, hub_port);
    for port in [behind, nginx_port, plain_port, hub_port] {
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let [tuned, plain, at_hub] =
        [nginx_port, plain_port, hub_port].map(|port| format!("http://127.0.0.1:{port}"));
    let pass = pass(&at_hub);
    let at_rest = memory(&hub);
    println!("median of {ROUNDS} rounds by turns:");
    println!("| | nginx | hub | ratio |\n|---|---:|---:|---:|");
    for (name, at_nginx, load) in [
        ("small calls, requests/s; nginx as it is", &plain, small as fn(&str, &str, &Path) -> f64),
        ("small calls, requests/s; nginx keeps connections to the server", &tuned, small),
        ("uploads of 10 MB, 4 connections, MB/s", &tuned, upload),
        ("downloads of 1 GB, 1 connection, MB/s", &tuned, download),
        ("downloads of 1 GB, 4 connections, MB/s", &tuned, downloads),
    ] {
        let [mut nginx, mut hub] = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            nginx.push(load(at_nginx, &pass, &folder));
            hub.push(load(&at_hub, &pass, &folder));
        }
        let (nginx, hub) = (median(nginx), median(hub));
        println!("| {name} | {nginx:.0} | {hub:.0} | {:.2} |", hub / nginx);
    }
    println!("memory of the hub: {at_rest} kB before, {} kB at the most", peak(&hub));
    fs::remove_dir_all(folder).unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The server behind, and two proxies in front of it: one with nothing but `proxy_pass`, and one as good as nginx is, which keeps
/// connections to the server and passes bodies on as they come.
fn nginx(folder: &Path, behind: u16, front: u16, plain: u16) -> Server {
    let path = folder.display();
    let token = format!("{{\"access_token\":\"{}\",\"expires_in\":7200}}", "t".repeat(136));
    let config = format!(
        "worker_processes auto; pid {path}/nginx.pid; error_log {path}/nginx.log; daemon off;
         events {{ worker_connections 1024; }}
         http {{
           access_log off; keepalive_requests 1000000000; client_max_body_size 0; sendfile on;
           client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/f;
           uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;
           upstream behind {{ server 127.0.0.1:{behind}; keepalive 64; keepalive_requests 1000000000; }}
           server {{
             listen 127.0.0.1:{behind}; default_type application/json;
             location /cgi-bin/stable_token {{ return 200 '{token}'; }}
             location /cgi-bin/media/get {{ default_type image/png; alias {path}/large; }}
             # Reads the whole body before it answers.
             location /cgi-bin/media/upload {{
               client_body_buffer_size 16m; proxy_pass_request_body off; proxy_set_header Content-Length '';
               proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://behind/cgi-bin/uploaded;
             }}
             location / {{ return 200 '{{\"errcode\":0,\"errmsg\":\"ok\"}}'; }}
           }}
           server {{ listen 127.0.0.1:{plain}; location / {{ proxy_pass http://127.0.0.1:{behind}; }} }}
           server {{
             listen 127.0.0.1:{front};
             location / {{
               proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection '';
               proxy_request_buffering off; proxy_max_temp_file_size 0;
             }}
           }}
         }}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).unwrap();
    Server(Command::new("nginx").arg("-c").arg(file).stderr(Stdio::null()).spawn().unwrap())
}

fn hub(folder: &Path, behind: u16, port: u16) -> Server {
    let file = folder.join("hub.toml");
    let hash = SecretHash::of(SECRET);
    let config = format!(
        "[listen]\ntcp = \"127.0.0.1:{port}\"\n[[app]]\nid = \"{APP}\"\nsecret = \"secret\"\nbase_url = \
         \"http://127.0.0.1:{behind}\"\nkeep_warm = false\n[[client]]\nname = \"bench\"\nsecret_sha256 = \"{hash}\"\napps = \
         [\"{APP}\"]\nrights = [\"proxy\"]\n"
    );
    fs::write(&file, config).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wechat-hub"));
    command.arg("serve").arg("--config").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    Server(command.spawn().unwrap())
}

fn pass(hub: &str) -> String {
    let question = format!("{hub}/cgi-bin/token?grant_type=client_credential&appid={APP}&secret={SECRET}");
    let answer = run(Command::new("curl").args(["-s", &question]));
    let pass = answer.split('"').nth(3).unwrap_or_else(|| panic!("no pass: {answer}"));
    assert!(pass.starts_with("wxhub_"), "{answer}");
    pass.to_owned()
}

fn small(at: &str, pass: &str, _: &Path) -> f64 {
    let url = format!("{at}/cgi-bin/message/custom/send?access_token={pass}");
    let out =
        run(Command::new("wrk").args(["-t2", &format!("-c{CONNECTIONS}"), &format!("-d{SECONDS}"), &url]));
    assert!(!out.contains("Non-2xx"), "{out}");
    let line = out.lines().find_map(|line| line.strip_prefix("Requests/sec:")).unwrap();
    line.trim().parse().unwrap()
}

fn upload(at: &str, pass: &str, folder: &Path) -> f64 {
    let url = format!("{at}/cgi-bin/media/upload?access_token={pass}");
    let file = folder.join("upload");
    let out = run(Command::new("h2load").args(["--h1", "-t1", "-c4", "-n100", "-d"]).arg(file).arg(url));
    assert!(out.contains("100 2xx, 0 3xx, 0 4xx, 0 5xx"), "{out}");
    let rate = out.lines().find_map(|line| line.strip_prefix("finished in ")).unwrap();
    let rate: f64 =
        rate.split(", ").nth(1).and_then(|rate| rate.strip_suffix(" req/s")).unwrap().parse().unwrap();
    rate * UPLOAD as f64 / 1e6
}

fn download(at: &str, pass: &str, _: &Path) -> f64 {
    downloaded(at, pass, 1)
}

fn downloads(at: &str, pass: &str, _: &Path) -> f64 {
    downloaded(at, pass, 4)
}

fn downloaded(at: &str, pass: &str, connections: usize) -> f64 {
    let url = format!("{at}/cgi-bin/media/get?access_token={pass}");
    let start = || {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{size_download} %{speed_download}", &url]);
        curl.stdout(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..connections).map(|_| start()).collect();
    let speeds = running.into_iter().map(|curl| {
        let out = String::from_utf8(curl.wait_with_output().unwrap().stdout).unwrap();
        let (size, speed) = out.split_once(' ').unwrap();
        assert_eq!(size, DOWNLOAD.to_string());
        speed.parse::<f64>().unwrap() / 1e6
    });
    speeds.sum()
}

fn run(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn memory(server: &Server) -> u64 {
    status(server, "VmRSS:")
}

fn peak(server: &Server) -> u64 {
    status(server, "VmHWM:")
}

fn status(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
