//! Ten thousand connections: what they cost, and which one goes for the next.

use std::{fs, io::ErrorKind, process::Command, time::Duration};

use fake_wechat::FakeWeChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::{sleep, timeout},
};

use super::{
    process::{Process, config, folder, socket},
    support::{APP, SECRET, answer, eventually, request},
};

const CROWD: usize = 10_000;

/// Of the process, in KiB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

async fn connect(path: &std::path::Path) -> UnixStream {
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return stream,
            // Its queue is full at the moment.
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
#[ignore = "needs 12 000 file descriptors"]
async fn ten_thousand_idle_and_ten_thousand_long_polls() {
    let wechat = FakeWeChat::start().await;
    let limits = "[limits]\nlong_polls_per_client = 20000\nconnections = 10000\n";
    let folder = folder(&(config(&wechat) + limits));
    let mut command = Command::new("sh");
    command.env_clear().args(["-c", "ulimit -n 12000 && exec \"$0\" serve --config \"$1\""]);
    command.arg(env!("CARGO_BIN_EXE_wechat-hub")).arg(folder.path().join("hub.toml"));
    let hub = Process::start(&mut command, 2).await;
    let path = socket(&folder);
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");
    let mut first = connect(&path).await;
    first.write_all(ask.as_bytes()).await.unwrap();
    let present = answer(&mut first).await.unwrap().generation();
    drop(first);
    sleep(Duration::from_millis(300)).await;
    let (empty, fds) = (memory(hub.pid()), descriptors(hub.pid()));

    // Each has been served once, and is kept.
    let mut idle = Vec::new();
    for _ in 0..CROWD {
        let mut stream = connect(&path).await;
        stream.write_all(ask.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await.unwrap().status, 200);
        idle.push(stream);
    }
    assert!(descriptors(hub.pid()) >= fds + CROWD);
    let each = |now: u64| (now - empty) * 1024 / u64::try_from(CROWD).unwrap();
    println!("an idle connection costs {} bytes", each(memory(hub.pid())));

    // They all become long polls, but for the last of them: it is the only idle one when there is one too many.
    let poll = request("GET", &format!("/v1/apps/{APP}/token?newer_than={present}&wait=300"), SECRET, "");
    for stream in &mut idle[..CROWD - 1] {
        stream.write_all(poll.as_bytes()).await.unwrap();
    }
    sleep(Duration::from_secs(3)).await;
    println!("a long poll costs {} bytes", each(memory(hub.pid())));
    let mut one_more = connect(&path).await;
    one_more.write_all(ask.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut one_more).await.unwrap().status, 200);
    let mut gone = idle.pop().unwrap();
    assert_eq!(timeout(Duration::from_secs(5), gone.read(&mut [0])).await.unwrap().unwrap(), 0);

    // All of them hear of the next token.
    wechat.revoke();
    let body = format!("{{\"rejected\": {present}}}");
    one_more
        .write_all(request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, &body).as_bytes())
        .await
        .unwrap();
    let next = answer(&mut one_more).await.unwrap().token();
    for stream in &mut idle {
        let heard = timeout(Duration::from_secs(30), answer(stream)).await.unwrap().unwrap();
        assert_eq!(heard.token(), next);
    }
    assert_eq!(wechat.mints(), 2);
    drop((idle, one_more));
    eventually(|| descriptors(hub.pid()) <= fds + 1).await;
}
