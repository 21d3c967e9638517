//! Several processes: this test program starts itself again.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use tokio::time::{sleep, timeout};
use tower_wechat::{
    issuer::AccountKey,
    store::{Claim, Commit, FileStore, Lease, LeaseRequest, Record, TokenStore, Usage, Watch},
};

use crate::file::{LONG, TestDir, account, committed, granted, token};

const ROLE: &str = "FILE_STORE_TEST_ROLE";
const DIR: &str = "FILE_STORE_TEST_DIR";
/// Marks what a child says to its parent among what the test harness prints.
const MARK: &str = ">>";
const BRIEF: Duration = Duration::from_millis(300);

/// Another process. Killed when it goes out of scope.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, dir: &TestDir) -> Self {
        Self::start_as(Command::new(env::current_exe().unwrap()), role, dir)
    }

    fn start_as(mut command: Command, role: &str, dir: &TestDir) -> Self {
        let mut child = command
            .args(["--exact", "file::processes::child", "--nocapture"])
            .env(ROLE, role)
            .env(DIR, dir.as_ref())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The next thing that it says.
    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the child ended early");
            if let Some((_, said)) = line.trim_end().split_once(MARK) {
                return said.to_owned();
            }
        }
    }

    fn signal(&self, signal: &str) {
        crate::file::signal::signal(self.child.id(), signal);
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: impl std::fmt::Display) {
    println!("{MARK}{what}");
}

/// What the parent tells next; `None` when it has hung up.
fn hear() -> Option<String> {
    std::io::stdin().lines().next().map(Result::unwrap)
}

/// Not a test, but what the other processes run. Does nothing unless a test started it.
#[tokio::test]
async fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let store = FileStore::open(env::var_os(DIR).unwrap()).unwrap();
    match role.as_str() {
        "hold" => hold(&store).await,
        "race" => race(&store).await,
        "count" => count(&store).await,
        "full" => full(&store).await,
        other => panic!("no role {other}"),
    }
}

async fn hinted(watch: &mut dyn Watch) {
    let hint = timeout(Duration::from_secs(20), watch.changed()).await;
    hint.expect("who waits is told that the lease is free");
}

/// Holds a lease, and ends it when told to.
async fn hold(store: &FileStore) {
    let life = if hear().unwrap() == "brief" { BRIEF } else { LONG };
    let lease = granted(store, life).await;
    say(lease.fence);
    hear();
    say(store.renew(&account(), &lease).await.unwrap());
    match store.commit(&account(), &lease, &token("late", &lease), &Usage::default()).await.unwrap() {
        Commit::Fenced(instead) => say(format!("fenced: {}", instead.record.unwrap().token)),
        _ => say("done"),
    }
}

#[tokio::test]
async fn a_killed_holder_is_replaced_at_once() {
    let dir = TestDir::new();
    let store = dir.open();
    let mut holder = Process::start("hold", &dir);
    holder.tell("long");
    let fence: u64 = holder.hear().parse().unwrap();
    let claim = store.try_lease(&account(), LeaseRequest::new(LONG, 0)).await;
    assert!(matches!(claim, Ok(Claim::Held(_))), "{claim:?}");
    let mut watch = store.watch(&account());
    holder.kill();
    hinted(&mut *watch).await;
    assert!(store.load(&account()).await.unwrap().leased.is_none());
    assert!(granted(&store, LONG).await.fence > fence);
}

#[tokio::test]
async fn a_frozen_holder_is_replaced_in_time_and_comes_too_late() {
    let dir = TestDir::new();
    let store = dir.open();
    let mut holder = Process::start("hold", &dir);
    holder.tell("brief");
    let fence: u64 = holder.hear().parse().unwrap();
    holder.signal("STOP");
    hinted(&mut *store.watch(&account())).await;
    let lease = timeout(Duration::from_secs(20), async {
        loop {
            if let Claim::Granted(lease, _) = claim(&store, &account()).await {
                return lease;
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    let lease = lease.await.expect("it is replaced when its lease has ended");
    assert!(lease.fence > fence);

    // It wakes up while the lease is held by another, whose life sign is not touched by that.
    holder.signal("CONT");
    let commit = store.commit(&account(), &lease, &token("in time", &lease), &Usage::default()).await;
    assert!(matches!(commit, Ok(Commit::Done)), "{commit:?}");
    let next = granted(&store, LONG).await;
    holder.tell("go on");
    assert_eq!(holder.hear(), "false", "its lease cannot be renewed");
    assert_eq!(holder.hear(), "fenced: in time");
    let seen = store.load(&account()).await.unwrap();
    assert_eq!(&*seen.record.unwrap().token, "in time");
    assert!(seen.leased.is_some());
    assert!(store.renew(&account(), &next).await.unwrap());
}

async fn claim(store: &FileStore, account: &AccountKey) -> Claim {
    store.try_lease(account, LeaseRequest::new(LONG, 0)).await.unwrap()
}

fn round(name: &str) -> AccountKey {
    AccountKey::new("race", "", name, None)
}

/// Claims one account after the other, each when told to.
async fn race(store: &FileStore) {
    say("ready");
    while let Some(name) = hear() {
        match claim(store, &round(&name)).await {
            Claim::Granted(..) => say("granted"),
            _ => say("held"),
        }
    }
}

#[test]
fn of_eight_processes_one_is_granted_the_lease() {
    let dir = TestDir::in_memory();
    let mut racers: Vec<_> = (0..8).map(|_| Process::start("race", &dir)).collect();
    for racer in &mut racers {
        assert_eq!(racer.hear(), "ready");
    }
    for name in 0..25 {
        for racer in &mut racers {
            racer.tell(&name.to_string());
        }
        let said: Vec<_> = racers.iter_mut().map(Process::hear).collect();
        let granted = said.iter().filter(|said| *said == "granted").count();
        assert_eq!(granted, 1, "round {name}: {said:?}");
    }
}

const ROUNDS: u64 = 500;

/// Counts up by one, many times.
async fn count(store: &FileStore) {
    let account = account();
    for _ in 0..ROUNDS {
        let (lease, seen) = loop {
            match claim(store, &account).await {
                Claim::Granted(lease, seen) => break (lease, seen),
                _ => sleep(Duration::from_millis(1)).await,
            }
        };
        let count: u64 = seen.record.map_or(0, |record| record.token.parse().unwrap());
        let next = Record::new((count + 1).to_string(), lease.fence, LONG, LONG);
        let commit = store.commit(&account, &lease, &next, &Usage::default()).await.unwrap();
        assert!(matches!(commit, Commit::Done));
    }
    say("done");
}

#[tokio::test]
async fn four_processes_lose_no_change() {
    let dir = TestDir::in_memory();
    let mut counters: Vec<_> = (0..4).map(|_| Process::start("count", &dir)).collect();
    for counter in &mut counters {
        assert_eq!(counter.hear(), "done");
    }
    let seen = dir.open().load(&account()).await.unwrap();
    assert_eq!(&*seen.record.unwrap().token, (4 * ROUNDS).to_string());
}

/// Every call fails, for want of room or of permission.
async fn full(store: &FileStore) {
    let lease = Lease::new(u64::MAX / 2, &LeaseRequest::new(LONG, 0));
    if store.load(&account()).await.unwrap().record.is_none() {
        committed(store, "t").await;
    }
    say("ready");
    hear();
    for error in [
        store.try_lease(&account(), LeaseRequest::new(LONG, 0)).await.map(drop).unwrap_err(),
        store.commit(&account(), &lease, &token("t", &lease), &Usage::default()).await.map(drop).unwrap_err(),
    ] {
        assert!(!error.is_unreadable());
        say(error);
    }
    let after = store.load(&account()).await.unwrap();
    assert_eq!(&*after.record.unwrap().token, "t");
    say("done");
}

/// As on a full disk: files can be made, but not a byte can be written.
#[tokio::test]
async fn a_full_disk_is_an_error_and_changes_nothing() {
    let dir = TestDir::new();
    let store = dir.open();
    committed(&store, "t").await;
    let before = fs::read(dir.file("json")).unwrap();
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
    let mut process = Process::start_as(limited, "full", &dir);
    assert_eq!(process.hear(), "ready");
    process.tell("go on");
    for _ in 0..2 {
        let error = process.hear();
        assert!(error.contains("cannot write") && error.contains("make room"), "{error}");
    }
    assert_eq!(fs::read(dir.file("json")).unwrap(), before);
    granted(&store, LONG).await;
}

#[test]
fn a_directory_that_becomes_read_only_is_an_error_and_changes_nothing() {
    const NOBODY: u32 = 65534;
    let dir = TestDir::new();
    fs::create_dir(&dir).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    // Permissions do not bind root, who runs it as somebody else; that needs a test program which others may run.
    if chown(&dir, Some(NOBODY), None).is_ok() {
        command.uid(NOBODY);
        let mut list = Command::new(env::current_exe().unwrap());
        if !list.uid(NOBODY).arg("--list").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
        {
            return;
        }
    }
    let mut process = Process::start_as(command, "full", &dir);
    assert_eq!(process.hear(), "ready");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o500)).unwrap();
    process.tell("go on");
    for _ in 0..2 {
        let error = process.hear();
        assert!(error.contains("cannot write") && error.contains("let the user"), "{error}");
    }
    assert_eq!(process.hear(), "done");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
}
