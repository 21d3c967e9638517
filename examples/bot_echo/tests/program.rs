//! How the program ends.
#![cfg(unix)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::Duration,
};

/// The program, and its address.
fn start() -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bot_echo"))
        .envs([("WECHAT_APP_ID", "wx1"), ("WECHAT_APP_SECRET", "s"), ("WECHAT_TOKEN", "t")])
        .env("WECHAT_LISTEN", "127.0.0.1:0")
        .env_remove("WECHAT_AES_KEY")
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // From here on nobody reads what it prints.
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.into_iter().find(|line| line.starts_with("The bot listens")).unwrap();
    let address = line.split("http://").nth(1).unwrap().split(". ").next().unwrap().to_owned();
    (child, address)
}

/// Runs it with nothing in the environment but this.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bot_echo"));
    for name in ["APP_ID", "APP_SECRET", "BASE_URL", "TOKEN", "AES_KEY", "LISTEN"] {
        program.env_remove(format!("WECHAT_{name}"));
    }
    program.args(arguments).envs(variables.iter().copied()).env_remove("RUST_LOG").output().unwrap()
}

/// Its code, and what it says on the standard error.
fn failed(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let done = run(arguments, variables);
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// How it ends, if it does so soon.
fn end(child: &mut Child) -> Option<ExitStatus> {
    for _ in 0..2000 {
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

/// Nor does it wait for them for ever where nobody asks again.
#[test]
fn half_a_request_does_not_keep_it_from_ending() {
    let (mut child, address) = start();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(b"POST / HTTP/1.1\r\nHost: x").unwrap();
    thread::sleep(Duration::from_millis(200));
    signal(&child, "-TERM");
    assert_eq!(end(&mut child).unwrap().code(), Some(0));
}

#[test]
fn a_log_in_a_file_has_no_colours() {
    let (mut child, address) = start();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: bot\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    signal(&child, "-TERM");
    end(&mut child).unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("a callback was refused") && !log.contains('\x1b'), "{log}");
}

#[test]
fn help_is_a_help() {
    let done = run(&["--help"], &[]);
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(told.contains("Usage: bot_echo") && told.contains("WECHAT_LISTEN"), "{told}");
    assert_eq!(done.status.code(), Some(0));
    let (code, told) = failed(&["--serve"], &[]);
    assert_eq!((code, told.as_str()), (Some(2), "bot_echo: --serve is not understood; see --help\n"));
}

#[test]
fn errors_are_for_people() {
    let account = [("WECHAT_APP_ID", "wx1"), ("WECHAT_APP_SECRET", "s"), ("WECHAT_TOKEN", "t")];
    let with = |more| failed(&[], &[&account[..], &[more]].concat());
    let (code, told) = with(("WECHAT_AES_KEY", "short"));
    assert_eq!(
        (code, told.as_str()),
        (Some(1), "bot_echo: WECHAT_AES_KEY must have 43 letters and digits\n")
    );
    let (code, told) = with(("WECHAT_LISTEN", "nowhere"));
    assert!(code == Some(1) && told.starts_with("bot_echo: WECHAT_LISTEN: nowhere: "), "{told}");
}

/// A service whose account is mistyped must not play the demonstration, and end well.
#[test]
fn settings_without_an_account_are_an_error() {
    for set in [
        ("WECHAT_TOKEN", "t"),
        ("WECHAT_AES_KEY", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
        ("WECHAT_LISTEN", "127.0.0.1:0"),
        ("WECHAT_APP_SECRET", "s"),
    ] {
        let (code, told) = failed(&[], &[set]);
        assert!(code == Some(1) && told.contains("set WECHAT_APP_ID and WECHAT_APP_SECRET"), "{told}");
    }
    assert_eq!(failed(&[], &[("WECHAT_TOKEN", "")]), (Some(0), String::new()));
}
