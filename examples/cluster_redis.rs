//! Eight processes of one bot share a token through Redis, and survive the death of the one that mints.
//!
//! `cargo run --example cluster_redis`
//!
//! Uses the server at `REDIS_URL`, or starts a `redis-server` of its own. WeChat is a fake one, and the processes are this
//! program started again. Redis does not learn that a process has died, so the others wait until its lease has ended, which
//! takes less than two seconds.

#[path = "common/cluster.rs"]
mod cluster;

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tower_wechat::store::RedisStore;

#[tokio::main]
async fn main() -> Result<(), cluster::Failure> {
    if let Some(url) = cluster::store_of_worker() {
        return cluster::work(RedisStore::connect(&url).await?).await;
    }
    if let Ok(url) = std::env::var("REDIS_URL") {
        println!("The processes share the Redis server at REDIS_URL.");
        return cluster::show(&url).await;
    }
    let Some(server) = Server::start().await? else {
        println!("This needs Redis: set REDIS_URL, or install it (`apt-get install redis-server`).");
        return Ok(());
    };
    println!("The processes share a redis-server that was started for this, at 127.0.0.1:{}.", server.port);
    cluster::show(&format!("redis://127.0.0.1:{}/", server.port)).await?;
    println!("  (Redis does not learn that a process has died: they waited until its lease had ended.)");
    Ok(())
}

/// A server of our own, killed at the end.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// `None` if it is not installed.
    async fn start() -> Result<Option<Self>, cluster::Failure> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let started = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
            .stdout(Stdio::null())
            .spawn();
        let child = match started {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            started => started?,
        };
        let server = Self { child, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Some(server));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("redis-server does not take a connection".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
