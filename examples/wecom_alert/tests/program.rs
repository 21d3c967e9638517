//! How the program ends.

use std::process::{Command, Output};

use fake_wechat::FakeWeChat;

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wecom_alert"));
    let of_agents = ["OPS_SECRET", "OPS_AGENT_ID", "NEWS_SECRET", "NEWS_AGENT_ID"];
    for name in ["CORP_ID", "BASE_URL", "ALERT_STORE"].iter().chain(&of_agents) {
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
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(told, "wecom_alert: WECOM_OPS_AGENT_ID must be a number\n");
}

/// At an address of its own, and whatever is wrong with the other agent.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_sent() {
    let wecom = FakeWeChat::start().await;
    let address = format!("{}/", wecom.url());
    let settings = [
        ("WECOM_BASE_URL", &*address),
        ("WECOM_CORP_ID", FakeWeChat::CORP_ID),
        ("WECOM_OPS_SECRET", FakeWeChat::CORP_SECRET),
        ("WECOM_OPS_AGENT_ID", "1000002"),
    ];
    for of_news in [("WECOM_NEWS_SECRET", "secret"), ("WECOM_NEWS_AGENT_ID", "news")] {
        let done = run(&ALERT, &[&settings[..], &[of_news]].concat());
        assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
        assert_eq!(String::from_utf8(done.stdout).unwrap(), "ops has sent the message to user1\n");
        assert_eq!(done.status.code(), Some(0));
    }
    assert_eq!(wecom.seen().len(), 2);
}

#[test]
fn a_command_line_that_is_not_understood() {
    assert_eq!(run(&ALERT[..4], &[]).status.code(), Some(2));
    // With an account, or half of one, there is no demonstration.
    for name in ["CORP_ID", "BASE_URL", "ALERT_STORE", "OPS_SECRET", "OPS_AGENT_ID", "NEWS_SECRET"] {
        assert_eq!(run(&[], &[(&format!("WECOM_{name}"), "1")]).status.code(), Some(2), "{name}");
    }
    // A mistyped option is not sent to people.
    let mistyped = run(&["--agent", "ops", "--to", "user1", "--dry-run"], &[]);
    assert_eq!(mistyped.status.code(), Some(2));
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
