//! How the program ends.

use std::process::{Command, Output};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wecom_alert"));
    for name in ["CORP_ID", "OPS_SECRET", "OPS_AGENT_ID", "NEWS_SECRET", "NEWS_AGENT_ID", "ALERT_STORE"] {
        program.env_remove(format!("WECOM_{name}"));
    }
    program.args(arguments).envs(variables.iter().copied()).output().unwrap()
}

const ALERT: [&str; 5] = ["--agent", "ops", "--to", "user1", "disk is full"];

/// Nobody shall think that somebody was told.
#[test]
fn without_an_account_nothing_is_sent() {
    let done = run(&ALERT, &[]);
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "wecom_alert: set WECOM_CORP_ID\n");
    assert!(done.stdout.is_empty());
}

#[test]
fn an_agent_that_is_not_configured() {
    let news = [("WECOM_CORP_ID", "ww1"), ("WECOM_NEWS_SECRET", "secret"), ("WECOM_NEWS_AGENT_ID", "3")];
    let done = run(&ALERT, &news);
    assert_eq!(done.status.code(), Some(1));
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(told, "wecom_alert: ops: set WECOM_OPS_SECRET and WECOM_OPS_AGENT_ID\n");
    let done =
        run(&ALERT, &[("WECOM_CORP_ID", "ww1"), ("WECOM_OPS_SECRET", "s"), ("WECOM_OPS_AGENT_ID", "ops")]);
    assert_eq!(done.status.code(), Some(1));
}

#[test]
fn a_command_line_that_is_not_understood() {
    assert_eq!(run(&ALERT[..4], &[]).status.code(), Some(2));
    // With an account there is no demonstration.
    assert_eq!(run(&[], &[("WECOM_CORP_ID", "ww1")]).status.code(), Some(2));
}

#[test]
fn the_demonstration_ends_well() {
    assert_eq!(run(&[], &[]).status.code(), Some(0));
}

/// As with `| head -1`. The message is out, and the code has to say so.
#[cfg(unix)]
#[test]
fn nobody_reads_what_it_prints() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = Command::new(env!("CARGO_BIN_EXE_wecom_alert"));
    let done = program.env_remove("WECOM_CORP_ID").stdout(writer).output().unwrap();
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
    assert_eq!(done.status.code(), Some(0));
}
