//! Passes, their key, and calls through the program.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
};

use fake_wechat::FakeWeChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    process::{Process, app, client, folder, program, run, write_config},
    support::{APP, Answer, Folder, exchange},
};

const SECRET: &str = "0123456789abcdef0123456789abcde0";

fn config(wechat: &FakeWeChat) -> String {
    format!(
        "[listen]\ntcp = \"127.0.0.1:0\"\n{}{}",
        app(wechat, APP),
        client("sdk", SECRET, APP, "\"proxy\"")
    )
}

async fn get(hub: &Process, target: &str) -> Answer {
    let stream = TcpStream::connect(hub.tcp()).await.unwrap();
    exchange(stream, format!("GET {target} HTTP/1.1\r\nhost: hub\r\n\r\n")).await.unwrap()
}

async fn pass(hub: &Process, secret: &str) -> Answer {
    get(hub, &format!("/cgi-bin/token?grant_type=client_credential&appid={APP}&secret={secret}")).await
}

fn call(pass: &str) -> String {
    format!("/cgi-bin/user/get?access_token={pass}")
}

#[tokio::test]
async fn the_key_is_made_beside_the_configuration_and_outlives_the_hub() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 1).await;
    let pass = pass(&hub, SECRET).await.token();
    let file = fs::metadata(folder.path().join("pass_key")).unwrap();
    assert_eq!((file.len(), file.mode() & 0o777), (32, 0o600));
    // A second hub of the same configuration takes the pass, and so does the next.
    let second = Process::serve(&folder, 1).await;
    get(&second, &call(&pass)).await.is_success();
    drop((hub, second));
    get(&Process::serve(&folder, 1).await, &call(&pass)).await.is_success();
}

#[tokio::test]
async fn hubs_that_start_at_the_same_time_have_one_key() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hubs = futures_util::future::join_all((0..4).map(|_| Process::serve(&folder, 1))).await;
    let pass = pass(&hubs[0], SECRET).await.token();
    for hub in &hubs {
        get(hub, &call(&pass)).await.is_success();
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn a_named_key_is_used_and_changed_without_a_break() {
    let wechat = FakeWeChat::start().await;
    let with_key = |name: &str| format!("pass_key_file = \"{name}\"\n{}", config(&wechat));
    let folder = folder(&with_key("old"));
    let write = |name: &str, bytes: &[u8]| write_private(&folder, name, bytes);
    write("old", &[1; 32]);
    write("both", &[[2; 32], [1; 32]].concat());
    write("new", &[2; 32]);
    let hub = Process::serve(&folder, 1).await;
    let old = pass(&hub, SECRET).await.token();
    write_config(&folder, &with_key("both"));
    hub.signal("HUP");
    hub.says("what needs a restart: pass_key_file").await;
    get(&hub, &call(&old)).await.is_success();
    drop(hub);
    let hub = Process::serve(&folder, 1).await;
    get(&hub, &call(&old)).await.is_success();
    let new = pass(&hub, SECRET).await.token();
    drop(hub);
    write_config(&folder, &with_key("new"));
    let hub = Process::serve(&folder, 1).await;
    get(&hub, &call(&new)).await.is_success();
    get(&hub, &call(&old)).await.is_refused(42001);
}

#[tokio::test]
async fn a_key_that_is_none_or_cannot_be_made_is_named_with_the_remedy() {
    let wechat = FakeWeChat::start().await;
    let refused = |folder: &Folder| {
        let (code, _, err) = run(program().arg("serve").arg("--config").arg(folder.path().join("hub.toml")));
        assert_eq!(code, 2, "{err}");
        err
    };
    let named = folder(&format!("pass_key_file = \"key\"\n{}", config(&wechat)));
    assert!(refused(&named).contains("no such file"));
    write_private(&named, "key", &[0; 31]);
    assert!(refused(&named).contains("has 32 random bytes, and this has 31"));
    let beside = folder(&config(&wechat));
    write_private(&beside, "pass_key", b"short");
    assert!(refused(&beside).contains("this has 5"));
    fs::remove_file(beside.path().join("pass_key")).unwrap();
    std::os::unix::fs::symlink("/proc/nowhere/at/all", beside.path().join("pass_key")).unwrap();
    let err = refused(&beside);
    assert!(err.contains("cannot be made") && err.contains("pass_key_file"), "{err}");
}

/// The library that gives a process another time of day.
fn faketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    libraries
        .find(|library| library.exists())
        .expect("this test needs libfaketime: `apt-get install faketime`")
}

#[tokio::test]
async fn a_pass_ends() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 1).await;
    let pass = pass(&hub, SECRET).await.token();
    for (later, is_good) in [("+7500s", true), ("+7900s", false)] {
        let mut command = program();
        command.arg("serve").arg("--config").arg(folder.path().join("hub.toml"));
        command.env("LD_PRELOAD", faketime()).env("FAKETIME", later).env("DONT_FAKE_MONOTONIC", "1");
        let later = Process::start(&mut command, 1).await;
        let answer = get(&later, &call(&pass)).await;
        if is_good {
            answer.is_success();
        } else {
            answer.is_refused(42001);
            assert!(answer.json()["errmsg"].as_str().unwrap().contains("has ended"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_key_that_the_running_hub_does_not_have_is_said_to_need_a_restart() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 1).await;
    fs::remove_file(folder.path().join("pass_key")).unwrap();
    hub.signal("HUP");
    hub.says("what needs a restart: pass_key_file").await;
}

#[tokio::test]
async fn without_a_file_the_hub_has_a_key_of_its_own_and_says_so() {
    let wechat = FakeWeChat::start().await;
    let mut command = program();
    command.arg("serve").envs([
        ("WECHAT_HUB_LISTEN_TCP", "127.0.0.1:0"),
        ("WECHAT_HUB_APP_ID", APP),
        ("WECHAT_HUB_APP_SECRET", FakeWeChat::APP_SECRET),
        ("WECHAT_HUB_APP_BASE_URL", &wechat.url()),
        ("WECHAT_HUB_CLIENT_NAME", "sdk"),
        ("WECHAT_HUB_CLIENT_SECRET_SHA256", &wechat_hub::SecretHash::of(SECRET).to_string()),
        ("WECHAT_HUB_CLIENT_RIGHTS", "proxy"),
        ("WECHAT_HUB_CLIENT_PATHS", "/cgi-bin/user/*"),
    ]);
    let hub = Process::start(&mut command, 1).await;
    hub.says("WECHAT_HUB_PASS_KEY_FILE").await;
    let pass = pass(&hub, SECRET).await.token();
    get(&hub, &call(&pass)).await.is_success();
    get(&hub, &format!("/cgi-bin/menu/get?access_token={pass}")).await.is_refused(48001);
}

#[tokio::test]
async fn a_client_that_is_taken_out_has_no_passes_from_the_next_call_on() {
    let wechat = FakeWeChat::start().await;
    let text = config(&wechat);
    let folder = folder(&(text.clone() + &client("other", "other", APP, "\"proxy\"")));
    let hub = Process::serve(&folder, 1).await;
    let pass = pass(&hub, "other").await.token();
    get(&hub, &call(&pass)).await.is_success();
    write_config(&folder, &text);
    hub.signal("HUP");
    hub.says("the configuration was taken over").await;
    get(&hub, &call(&pass)).await.is_refused(42001);
}

#[tokio::test]
async fn a_mini_program_logs_in_with_the_secret_from_the_configuration() {
    let wechat = FakeWeChat::start().await;
    let hub = Process::serve(&folder(&config(&wechat)), 1).await;
    let code = wechat.login_code("oUser");
    let target = format!(
        "/sns/jscode2session?appid={APP}&secret={SECRET}&js_code={code}&grant_type=authorization_code"
    );
    assert_eq!(get(&hub, &target).await.is_success().json()["openid"], "oUser");
}

fn write_private(folder: &Folder, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

/// The most memory that the process ever had, in bytes.
fn peak(hub: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", hub.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn large_bodies_take_no_memory() {
    const LENGTH: u64 = 300 << 20;
    let wechat = FakeWeChat::builder().media_size(LENGTH).start().await;
    let hub = Process::serve(&folder(&config(&wechat)), 1).await;
    let pass = pass(&hub, SECRET).await.token();
    get(&hub, &call(&pass)).await.is_success();
    let before = peak(&hub);

    let mut stream = TcpStream::connect(hub.tcp()).await.unwrap();
    let head = format!(
        "GET /cgi-bin/media/get?media_id=MEDIA_ID&access_token={pass} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut bytes, mut read) = (vec![0; 1 << 16], 0);
    loop {
        match stream.read(&mut bytes).await.unwrap() {
            0 => break,
            more => read += more as u64,
        }
    }
    assert!(read > LENGTH, "{read}");

    let mut stream = TcpStream::connect(hub.tcp()).await.unwrap();
    let head = format!(
        "POST /cgi-bin/menu/create?access_token={pass} HTTP/1.1\r\nhost: hub\r\ncontent-length: {LENGTH}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while sent < LENGTH && stream.write_all(&bytes).await.is_ok() {
        sent += bytes.len() as u64;
    }
    let _ = super::support::answer(&mut stream).await;
    let grown = peak(&hub) - before;
    // The first 10 MiB of an upload are kept for a replay.
    assert!(grown < 40 << 20, "{} MiB more", grown >> 20);
}
