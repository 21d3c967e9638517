//! Signals, two processes at once, and a process that is killed.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Output, Stdio},
    time::Duration,
};

use fake_wechat::{FakeWeChat, Fault};
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

const RECIPIENTS: usize = 300;

struct Office {
    wechat: FakeWeChat,
    folder: TempDir,
}

impl Office {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<_> = (0..RECIPIENTS).map(|number| format!("o{number},n")).collect();
        fs::write(folder.path().join("r.csv"), format!("openid,name\n{}\n", lines.join("\n"))).unwrap();
        let message = r#"{"template_id":"t","data":{"thing1":{"value":"{name}"}}}"#;
        fs::write(folder.path().join("m.json"), message).unwrap();
        Self { wechat: FakeWeChat::start().await, folder }
    }

    fn start(&self, more: &[&str]) -> Child {
        self.command(more).spawn().unwrap()
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bot_broadcast"));
        command
            .args(["r.csv", "--message", "m.json"])
            .args(if more.contains(&"--concurrency") { &[][..] } else { &["--concurrency", "8"] })
            .args(more)
            .env("WECHAT_BASE_URL", self.wechat.url())
            .env("WECHAT_APP_ID", FakeWeChat::APP_ID)
            .env("WECHAT_APP_SECRET", FakeWeChat::APP_SECRET)
            .current_dir(&self.folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, more: &[&str]) -> Output {
        self.start(more).wait_with_output().await.unwrap()
    }

    fn delivered(&self) -> BTreeMap<String, usize> {
        let mut delivered = BTreeMap::new();
        for seen in self.wechat.seen().iter().filter(|seen| seen.errcode == Some(0)) {
            let body: Value = serde_json::from_slice(&seen.body).unwrap();
            *delivered.entry(body["touser"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        delivered
    }

    fn everybody_got_one(&self) -> bool {
        let delivered = self.delivered();
        delivered.len() == RECIPIENTS && delivered.values().all(|count| *count == 1)
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// The side of whoever sits at it, and the side of the program.
fn open_terminal() -> (OwnedFd, fs::File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    (terminal, fs::OpenOptions::new().write(true).open(name).unwrap())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn ctrl_c_lets_what_is_under_way_finish() {
    let office = Office::new().await;
    office.wechat.set_api_latency(Duration::from_millis(5));
    let child = office.start(&[]);
    office.wechat.wait_for_api_requests(100).await;
    signal(&child, Signal::INT);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("unknown        0"), "{}", text(&output));
    assert!(text(&output).contains("Stopped, as you asked"), "{}", text(&output));

    let output = office.run(&[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(office.everybody_got_one());
}

/// As with `| head -1`.
#[tokio::test]
async fn nobody_reads_what_it_prints() {
    let office = Office::new().await;
    let hold = office.wechat.hold_apis();
    let mut child = office.start(&[]);
    office.wechat.wait_for_api_requests(8).await;
    drop(child.stdout.take());
    hold.release();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(text(&output), "");
    assert!(office.everybody_got_one());
}

#[tokio::test]
async fn says_who_is_left_and_how_to_go_on_with_them() {
    let office = Office::new().await;
    office.wechat.fail_next_apis(3, Fault::Errcode(40037));
    let output = office.run(&[]).await;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let refused = "3 of them were refused, with nothing sent: they are tried again.\n";
    let printed = text(&output);
    assert!(printed.contains("3 of 300 are left.\n") && printed.contains(refused), "{printed}");
    assert!(printed.contains("      3  40037: no template of this account"), "{printed}");

    let mut journal =
        fs::OpenOptions::new().append(true).open(office.folder.path().join("r.csv.journal")).unwrap();
    journal.write_all(b"unknown o100\nunknown o101\n").unwrap();
    office.wechat.fail_apis(Fault::Errcode(45009));
    let output = office.run(&["--retry-unknown", "--concurrency", "1"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let unknown = "1 of them are unknown: add --retry-unknown once more for them.";
    let printed = text(&output);
    assert!(printed.contains("5 of 300 are left.\n") && printed.contains(refused), "{printed}");
    assert!(printed.contains(unknown), "{printed}");

    office.wechat.heal();
    let output = office.run(&["--retry-unknown"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("sent         300"), "{}", text(&output));
}

/// Nobody shall think that somebody was sent to.
#[tokio::test]
async fn without_an_account_nobody_is_sent_to() {
    let office = Office::new().await;
    let settings = ["WECHAT_APP_ID", "WECHAT_APP_SECRET", "WECHAT_BASE_URL"];
    for missing in [&settings[..1], &settings] {
        let mut command = office.command(&[]);
        for name in missing {
            command.env_remove(name);
        }
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains("set WECHAT_APP_ID and WECHAT_APP_SECRET"), "{}", text(&output));
        assert!(!office.folder.path().join("r.csv.journal").exists());
    }
}

/// The kernel and a shell may both say so.
#[tokio::test]
async fn a_terminal_that_is_closed_lets_what_is_under_way_finish() {
    let office = Office::new().await;
    let (terminal, output) = open_terminal();
    let hold = office.wechat.hold_apis();
    let mut child = office.command(&[]).stdout(output).spawn().unwrap();
    office.wechat.wait_for_api_requests(8).await;
    drop(terminal);
    for _ in 0..2 {
        signal(&child, Signal::HUP);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    hold.release();
    assert_eq!(child.wait().await.unwrap().code(), Some(3));
    assert_eq!(office.delivered().len(), 8);

    let output = office.run(&[]).await;
    assert!(text(&output).contains("sent         300"), "{}", text(&output));
    assert!(office.everybody_got_one());
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait() {
    let office = Office::new().await;
    let hold = office.wechat.hold_apis();
    let mut child = office.start(&[]);
    office.wechat.wait_for_api_requests(8).await;
    let ended = loop {
        match child.try_wait().unwrap() {
            Some(ended) => break ended,
            None => signal(&child, Signal::INT),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(ended.code(), Some(130));
    drop(hold);
}

/// `timeout` tells the process, and then its group; so does a supervisor in a terminal.
#[tokio::test]
async fn one_ctrl_c_that_comes_twice_is_one() {
    let office = Office::new().await;
    let hold = office.wechat.hold_apis();
    let child = office.start(&[]);
    office.wechat.wait_for_api_requests(8).await;
    for _ in 0..2 {
        signal(&child, Signal::INT);
        // They must not become one in the kernel.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    hold.release();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("Stopped, as you asked: 292 of 300 are left."), "{}", text(&output));
}

#[tokio::test]
async fn one_that_is_killed_leaves_as_many_unknown_as_were_under_way() {
    let office = Office::new().await;
    let mut child = office.start(&[]);
    office.wechat.wait_for_api_requests(100).await;
    let hold = office.wechat.hold_apis();
    // All that can be under way is held now, or will be.
    let arrived = office.wechat.api_requests();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(office.wechat.api_requests() <= arrived + 8);
    child.kill().await.unwrap();
    hold.release();

    let output = office.run(&[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("unknown        8"), "{}", text(&output));
    assert!(office.delivered().values().all(|count| *count == 1));

    let output = office.run(&["--retry-unknown"]).await;
    assert!(text(&output).contains("sent         300"), "{}", text(&output));
}

#[tokio::test]
async fn two_do_not_send_with_one_journal() {
    let office = Office::new().await;
    let hold = office.wechat.hold_apis();
    let first = office.start(&[]);
    office.wechat.wait_for_api_requests(8).await;
    let second = office.run(&[]).await;
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second).contains("another process is sending with this journal"), "{}", text(&second));
    assert_eq!(office.wechat.api_requests(), 8);
    hold.release();
    assert!(first.wait_with_output().await.unwrap().status.success());
    assert!(office.everybody_got_one());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ctrl_z_suspends_it_when_nothing_is_under_way() {
    let office = Office::new().await;
    office.wechat.set_api_latency(Duration::from_millis(5));
    let child = office.start(&[]);
    office.wechat.wait_for_api_requests(50).await;
    signal(&child, Signal::TSTP);
    let stat = format!("/proc/{}/stat", child.id().unwrap());
    let is_suspended = || fs::read_to_string(&stat).unwrap().contains(") T ");
    for _ in 0..500 {
        if is_suspended() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_suspended());
    let (answered, asked) = (office.delivered().len() as u64, office.wechat.api_requests());
    assert_eq!(answered, asked, "something was under way");

    signal(&child, Signal::CONT);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(office.everybody_got_one());
}

/// It was to pause, and is to go on before it has.
#[tokio::test]
async fn going_on_before_it_has_paused_is_going_on() {
    let office = Office::new().await;
    let hold = office.wechat.hold_apis();
    let child = office.start(&[]);
    office.wechat.wait_for_api_requests(8).await;
    for sent in [Signal::TSTP, Signal::CONT] {
        signal(&child, sent);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // At once, too.
    signal(&child, Signal::TSTP);
    signal(&child, Signal::CONT);
    tokio::time::sleep(Duration::from_millis(50)).await;
    hold.release();
    let output = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await;
    let output = output.expect("it is suspended").unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(office.everybody_got_one());
}

/// As Emacs and some CI systems have it: there can be no bar.
#[tokio::test]
async fn a_terminal_that_can_move_no_cursor_gets_lines() {
    let office = Office::new().await;
    let (terminal, output) = open_terminal();
    let mut child = office.command(&[]).env("TERM", "dumb").stdout(output).spawn().unwrap();
    let mut terminal = fs::File::from(terminal);
    let printed = tokio::task::spawn_blocking(move || {
        let mut printed = Vec::new();
        // It ends with an error, once nobody has the other side.
        let _ = terminal.read_to_end(&mut printed);
        String::from_utf8_lossy(&printed).into_owned()
    });
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    let printed = printed.await.unwrap();
    assert!(printed.contains("   30 of 300") && printed.contains("   300 of 300"), "{printed}");
}
