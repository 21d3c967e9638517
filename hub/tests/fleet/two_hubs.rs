//! Two hubs over one store are both active, and each of them may be killed.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fake_wechat::FakeWeChat;
use tokio::time::Instant;

use super::{
    process::{Process, config, folder, socket},
    support::{Folder, eventually},
    worker::{Worker, went_well},
};

/// Where two hubs keep their tokens. It goes when this is dropped.
enum Store {
    File(Folder),
    Redis { server: Child, port: u16, _folder: Folder },
}

impl Store {
    fn file() -> Self {
        Self::File(Folder::new())
    }

    async fn redis() -> Self {
        loop {
            let (folder, port) = (Folder::new(), free_port());
            let mut command = Command::new("redis-server");
            command
                .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"])
                .arg(folder.path());
            let mut server = command.stdout(Stdio::null()).spawn().expect("redis-server is installed");
            let mut answers = None;
            eventually(|| {
                answers = process_at(port);
                answers.is_some() || server.try_wait().unwrap().is_some()
            })
            .await;
            if answers == Some(server.id()) {
                return Self::Redis { server, port, _folder: folder };
            }
            // Somebody else has the port.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    fn configured(&self) -> String {
        match self {
            Self::File(folder) => {
                format!("kind = \"file\"\ndir = \"{}\"\n", folder.path().join("tokens").display())
            }
            Self::Redis { port, .. } => format!("kind = \"redis\"\nurl = \"redis://127.0.0.1:{port}/\"\n"),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Self::Redis { server, .. } = self {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The id of the Redis that answers there.
fn process_at(port: u16) -> Option<u32> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"INFO server\r\nQUIT\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.lines().find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok())
}

async fn hub(wechat: &FakeWeChat, store: &Store) -> (Folder, Process, String) {
    // On demand, so that the test says which of the two mints.
    let text = config(wechat).replace("[[app]]\n", "[[app]]\nkeep_warm = false\n");
    let folder = folder(&format!("{text}[store]\n{}", store.configured()));
    let hub = Process::serve(&folder, 2).await;
    let place = format!("unix:{}", socket(&folder).display());
    (folder, hub, place)
}

async fn the_one_that_mints_is_killed(tokens: Store) {
    let wechat = FakeWeChat::start().await;
    let (_first, one, at_one) = hub(&wechat, &tokens).await;
    let (_second, _other, at_other) = hub(&wechat, &tokens).await;
    let hold = wechat.hold_tokens();
    let mut of_one = Worker::start(&[&at_one, &at_other], &wechat.url(), "");
    let mut of_other = Worker::start(&[&at_other, &at_one], &wechat.url(), "");
    of_one.tell("call 100").await;
    wechat.wait_for_token_requests(1).await;
    of_other.tell("call 100").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    one.signal("KILL");
    let killed = Instant::now();
    drop(one);
    hold.release();
    let said = [of_one.hear().await, of_other.hear().await];
    let took = killed.elapsed();
    went_well(&said, 100);
    println!("{} ms after the kill, all callers had their answer", took.as_millis());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(wechat.token_requests(), 2, "by the dead one, and by the other");
}

#[tokio::test]
async fn when_the_one_that_mints_is_killed_the_callers_of_both_have_their_token_from_files() {
    the_one_that_mints_is_killed(Store::file()).await;
}

#[tokio::test]
async fn when_the_one_that_mints_is_killed_the_callers_of_both_have_their_token_from_redis() {
    the_one_that_mints_is_killed(Store::redis().await).await;
}

async fn one_mints_and_the_other_tells(tokens: Store) {
    let wechat = FakeWeChat::start().await;
    let (_first, _one, at_one) = hub(&wechat, &tokens).await;
    let (_second, _other, at_other) = hub(&wechat, &tokens).await;
    let mut of_one = Worker::start(&[&at_one], &wechat.url(), "");
    let mut of_other = Worker::start(&[&at_other], &wechat.url(), "");
    went_well(&[of_one.ask("call 10").await, of_other.ask("call 10").await], 10);
    assert_eq!(wechat.mints(), 1);
    wechat.revoke();
    let after = of_one.ask("call 10").await;
    // The other hears of it without a call.
    for _ in 0..400 {
        if of_other.ask("current").await == after["token"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(of_other.ask("current").await, after["token"]);
    assert_eq!(wechat.mints(), 2);
}

#[tokio::test]
async fn what_one_hub_minted_the_other_hands_out_and_tells_its_workers_over_files() {
    one_mints_and_the_other_tells(Store::file()).await;
}

#[tokio::test]
async fn what_one_hub_minted_the_other_hands_out_and_tells_its_workers_over_redis() {
    one_mints_and_the_other_tells(Store::redis().await).await;
}
