//! A log that nobody can write or read is no reason to stop.

use std::{fs::OpenOptions, process::Stdio, time::Duration};

use fake_wechat::FakeWeChat;
use tokio::time::timeout;

use super::{
    process::{Process, config, folder, program, signal, socket},
    support::{APP, SECRET, eventually, request, unix},
};

fn ask(secret: &str) -> String {
    request("GET", &format!("/v1/apps/{APP}/token"), secret, "")
}

#[tokio::test]
async fn on_a_full_disk_the_hub_serves_on_and_its_exit_codes_stay() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut command = program();
    command
        .args(["serve", "--config"])
        .arg(folder.path().join("hub.toml"))
        .stdout(Stdio::null())
        .stderr(full());
    let mut hub = command.spawn().unwrap();
    eventually(|| socket(&folder).exists()).await;
    for _ in 0..3 {
        assert_eq!(unix(&socket(&folder), ask(SECRET)).await.unwrap().status, 200);
        unix(&socket(&folder), ask("wrong")).await.unwrap().is_problem(401);
        signal(hub.id(), "HUP");
    }
    signal(hub.id(), "TERM");
    let mut ended = None;
    eventually(|| {
        ended = hub.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert_eq!(ended.unwrap().code(), Some(0));
    assert_eq!(program().arg("serve").stderr(full()).status().unwrap().code(), Some(2));
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nobody() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let mut command = program();
    command
        .args(["serve", "--config"])
        .arg(folder.path().join("hub.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut hub = command.spawn().unwrap();
    eventually(|| socket(&folder).exists()).await;
    // More than a pipe holds.
    for _ in 0..1500 {
        unix(&socket(&folder), ask("wrong")).await.unwrap().is_problem(401);
    }
    let good = timeout(Duration::from_secs(5), unix(&socket(&folder), ask(SECRET))).await;
    assert_eq!(good.unwrap().unwrap().status, 200);
    signal(hub.id(), "TERM");
    let mut ended = None;
    eventually(|| {
        ended = hub.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[tokio::test]
async fn with_few_file_descriptors_there_are_few_connections_and_mints_go_on() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let mut command = std::process::Command::new("sh");
    command.env_clear().args(["-c", "ulimit -n 128 && exec \"$0\" serve --config \"$1\""]);
    command.arg(env!("CARGO_BIN_EXE_wechat-hub")).arg(folder.path().join("hub.toml"));
    let hub = Process::start(&mut command, 2).await;
    hub.says("`connections` is 64 in place of 10000").await;
    let mut idle = Vec::new();
    for _ in 0..140 {
        idle.push(tokio::net::UnixStream::connect(socket(&folder)).await.unwrap());
    }
    let present = unix(&socket(&folder), ask(SECRET)).await.unwrap();
    wechat.revoke();
    let body = format!("{{\"rejected\": {}}}", present.generation());
    let refresh = request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, &body);
    assert_ne!(unix(&socket(&folder), refresh).await.unwrap().token(), present.token());
}
