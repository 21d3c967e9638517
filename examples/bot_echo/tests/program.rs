//! How the program ends.
#![cfg(unix)]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

/// The program, and its address.
fn start() -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bot_echo"))
        .envs([("WECHAT_APP_ID", "wx1"), ("WECHAT_APP_SECRET", "s"), ("WECHAT_TOKEN", "t")])
        .env("WECHAT_LISTEN", "127.0.0.1:0")
        .env_remove("WECHAT_AES_KEY")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // From here on nobody reads what it prints.
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.into_iter().find(|line| line.starts_with("The bot listens")).unwrap();
    let address = line.split("http://").nth(1).unwrap().split(". ").next().unwrap().to_owned();
    (child, address)
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// How it ends, if it does so soon.
fn end(child: &mut Child) -> Option<ExitStatus> {
    for _ in 0..500 {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    None
}

/// What a service manager sends.
#[test]
fn sigterm_ends_it_in_good_order() {
    let (mut child, _) = start();
    signal(&child, "-TERM");
    assert_eq!(end(&mut child).unwrap().code(), Some(0));
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_whoever_does_not_come_to_an_end() {
    let (mut child, address) = start();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"POST / HTTP/1.1\r\nhost: bot\r\ncontent-length: 5\r\n").unwrap();
    thread::sleep(Duration::from_millis(200));
    signal(&child, "-INT");
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "it does not wait at all");
    signal(&child, "-INT");
    assert_eq!(end(&mut child).unwrap().code(), Some(1));
}
