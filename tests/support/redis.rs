//! Real Redis servers that the tests start on free ports and kill when they are done, and a proxy that can misbehave.
//!
//! Needs `redis-server` and `redis-cli`: `apt-get install redis-server`.

#![allow(dead_code, reason = "every test file uses another part of this")]

use super::signal::signal;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// Waits for what will surely come.
pub async fn eventually(what: &str, limit: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(limit, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within {limit:?}: {what}");
}

/// A port that is free now. Not one that the kernel gives to outgoing connections: somebody who tries to reach a server
/// that is down could otherwise be given the server's own port.
fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// One server process.
pub struct Server {
    pub port: u16,
    /// What `{extra}` stands for in the arguments: another free port.
    pub extra_port: u16,
    child: Child,
    dir: TempDir,
    args: Vec<String>,
    /// Whether it has a clock of its own.
    simulated: bool,
}

/// A folder of its own, removed when it is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("tower-wechat-redis-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// `args` are added to the command line.
    pub async fn start_with(args: &[&str]) -> Self {
        Self::start_from(&[], args).await
    }

    /// With these files in its folder, of which `server.conf` is its configuration.
    pub async fn start_from(files: &[(&str, &str)], args: &[&str]) -> Self {
        Self::start_as(files, args, false).await
    }

    /// With a wall clock that stands where [`set_time`](Self::set_time) puts it. Needs libfaketime: `apt-get install
    /// faketime`.
    pub async fn start_in_simulated_time(now: Duration) -> Self {
        Self::start_as(&[(TIME, &as_time(now))], &[], true).await
    }

    /// Sets its wall clock, to so long after the Unix epoch.
    pub fn set_time(&self, now: Duration) {
        assert!(self.simulated);
        // In one step: it may be reading it.
        let next = self.path("time.new");
        fs::write(&next, as_time(now)).unwrap();
        fs::rename(next, self.path(TIME)).unwrap();
    }

    async fn start_as(files: &[(&str, &str)], args: &[&str], simulated: bool) -> Self {
        for _ in 0..20 {
            let dir = TempDir::new();
            fs::write(dir.0.join("server.conf"), "").unwrap();
            for (name, content) in files {
                fs::write(dir.0.join(name), content).unwrap();
            }
            let (port, extra_port) = (free_port(), free_port());
            let args: Vec<_> =
                args.iter().map(|arg| arg.replace("{extra}", &extra_port.to_string())).collect();
            let child = spawn(port, &dir.0, &args, simulated);
            let mut server = Self { port, extra_port, child, dir, args, simulated };
            if server.is_ready().await {
                return server;
            }
            // Somebody else took a port, most likely.
        }
        panic!("redis-server {args:?} does not start");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// A file in the server's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.0.join(name)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again, on the same port and with nothing in memory.
    pub async fn restart(&mut self) {
        self.child = spawn(self.port, &self.dir.0, &self.args, self.simulated);
        assert!(self.is_ready().await, "redis-server did not start again");
    }

    /// The same, while it may still be loading its data.
    pub fn restart_without_waiting(&mut self) {
        self.child = spawn(self.port, &self.dir.0, &self.args, self.simulated);
    }

    /// Adds to the command line of the next start.
    pub fn args(&mut self, args: &[&str]) {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
    }

    /// SIGSTOP.
    pub fn freeze(&self) {
        signal(self.pid(), "STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        signal(self.pid(), "CONT");
    }

    /// What `redis-cli` prints.
    pub async fn cli(&self, args: &[&str]) -> String {
        cli(self.port, args).await
    }

    /// How many clients are connected, without the one that asks.
    pub async fn clients(&self) -> usize {
        self.cli(&["CLIENT", "LIST"]).await.lines().filter(|line| !line.contains("cmd=client")).count()
    }

    async fn is_ready(&mut self) -> bool {
        for _ in 0..1000 {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            let answer = self.cli(&["PING"]).await;
            if answer == "PONG" || answer.contains("NOAUTH") || answer.contains("unknown command") {
                return self.child.try_wait().unwrap().is_none();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file that a simulated clock is read from.
const TIME: &str = "time";

fn as_time(now: Duration) -> String {
    format!("{}.{:06}\n", now.as_secs(), now.subsec_micros())
}

/// Has a program read its wall clock from [`TIME`] in its folder.
fn simulate_time(command: &mut Command) {
    let library = |path: &str| {
        let folders =
            ["/usr/lib", "/lib", "/usr/lib64"].map(|dir| fs::read_dir(dir).into_iter().flatten().flatten());
        let in_folders = folders.into_iter().flatten().map(|folder| folder.path().join(path));
        in_folders.filter(|file| file.exists()).find_map(|file| file.into_os_string().into_string().ok())
    };
    let faketime = library("faketime/libfaketimeMT.so.1")
        .expect("these tests need libfaketime: `apt-get install faketime`");
    // jemalloc reads the clock while libfaketime is being loaded, which has to allocate for that: they would wait for each
    // other. glibc's own library for debugging takes jemalloc's place.
    let malloc = library("libc_malloc_debug.so.0").unwrap_or_default();
    command
        .env("LD_PRELOAD", format!("{faketime} {malloc}"))
        .env("FAKETIME_TIMESTAMP_FILE", TIME)
        .env("FAKETIME_FMT", "%s")
        .env("FAKETIME_NO_CACHE", "1")
        .env("DONT_FAKE_MONOTONIC", "1");
}

fn spawn(port: u16, dir: &Path, args: &[String], simulated: bool) -> Child {
    let mut command = Command::new("redis-server");
    if simulated {
        simulate_time(&mut command);
    }
    command
        .arg("server.conf")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("these tests need redis-server: `apt-get install redis-server`")
}

pub async fn cli(port: u16, args: &[&str]) -> String {
    let output = tokio::process::Command::new("redis-cli")
        .args(["-p", &port.to_string(), "--no-auth-warning"])
        .args(args)
        .output()
        .await
        .expect("these tests need redis-cli: `apt-get install redis-server`");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
