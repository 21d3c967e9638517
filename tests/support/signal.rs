//! Real signals to real processes, by their id.

use std::{fs, process::Command};

/// Sends the signal. A process that is stopped (`STOP`) has stopped for good when this returns: one of its threads may
/// otherwise get a little further.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(sent.unwrap().success());
    while name == "STOP" && !has_stopped(pid) {
        std::thread::yield_now();
    }
}

/// Whether all threads of it stand still, as far as this system tells.
fn has_stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The name before it may hold anything, brackets too.
        stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['T', 't']))
    })
}
