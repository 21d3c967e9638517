use std::{env, fs, process};

use clap::{CommandFactory, Parser};
use fake_wechat::{Answer, FakeWeChat, Fault};
use tower_wechat::store::FileStore;

use crate::{
    agents::{Agents, Credentials},
    options::{Agent, Options},
};

const CORP: &str = "ww0123456789abcdef";
const SEND: &str = "/cgi-bin/message/send";

async fn wecom() -> FakeWeChat {
    let _ = rustls::crypto::ring::default_provider().install_default();
    FakeWeChat::builder().corp(CORP, "secret-of-ops").corp(CORP, "secret-of-news").start().await
}

fn agents(wecom: &FakeWeChat, store: Option<&FileStore>) -> Agents {
    let ops = Credentials { agent: Agent::Ops, id: 2, secret: "secret-of-ops".into() };
    let news = Credentials { agent: Agent::News, id: 3, secret: "secret-of-news".into() };
    Agents::new(CORP, &wecom.url(), vec![ops, news], store).unwrap()
}

fn message(agent: Agent) -> Options {
    Options { agent, to: "user1|user2".into(), message: "disk is \"full\" 满".into() }
}

#[test]
fn the_command_line() {
    Options::command().debug_assert();
    let options = Options::parse_from(["wecom_alert", "--agent", "ops", "--to", "@all", "disk is full"]);
    assert_eq!(
        (options.agent, options.to.as_str(), options.message.as_str()),
        (Agent::Ops, "@all", "disk is full")
    );
    // What a script has to say may begin with anything. Without `--` it would be a mistyped option, which nobody is told.
    for message in ["-5 degrees", "- disk is full", "--- a/file", "--dry-run"] {
        let arguments = ["wecom_alert", "--agent", "ops", "--to", "@all", "--", message];
        assert_eq!(Options::try_parse_from(arguments).unwrap().message, message);
        let arguments = ["wecom_alert", "--agent", "ops", "--to", "@all", message];
        let told = Options::try_parse_from(arguments).unwrap_err().to_string();
        assert!(told.contains("use '-- "), "{told}");
    }
    // As of an unset variable.
    for empty in [["--to", "", "disk is full"], ["--to", "@all", ""], ["--to", " ", "disk is full"]] {
        let told =
            Options::try_parse_from(["wecom_alert", "--agent", "ops"].iter().chain(&empty)).unwrap_err();
        assert!(told.to_string().contains("it is empty"), "{told}");
    }
    for missing in
        [&["--agent", "ops", "--to", "u"][..], &["--agent", "it", "--to", "u", "m"], &["--to", "u", "m"]]
    {
        assert!(Options::try_parse_from(["wecom_alert"].iter().chain(missing)).is_err());
    }
}

#[tokio::test]
async fn each_agent_has_its_own_token() {
    let wecom = wecom().await;
    let agents = agents(&wecom, None);
    for agent in [Agent::Ops, Agent::News, Agent::Ops] {
        let sent = agents.send(&message(agent)).await.unwrap();
        assert_eq!(sent, format!("{} has sent the message to user1|user2", agent.name()));
    }
    assert_eq!(wecom.mints(), 2);
    let seen = wecom.seen();
    assert_eq!(seen.iter().map(|seen| seen.generation).collect::<Vec<_>>(), [Some(1), Some(2), Some(1)]);
    let body: serde_json::Value = serde_json::from_slice(&seen[1].body).unwrap();
    let text = serde_json::json!({ "content": "disk is \"full\" 满" });
    assert_eq!(
        body,
        serde_json::json!({ "agentid": 3, "touser": "user1|user2", "msgtype": "text", "text": text })
    );
}

#[tokio::test]
async fn revoked_tokens_are_not_noticed() {
    let wecom = wecom().await;
    let agents = agents(&wecom, None);
    for round in 0..3 {
        for agent in Agent::ALL {
            agents.send(&message(agent)).await.unwrap();
        }
        assert_eq!(wecom.mints(), 2 * (round + 1));
        wecom.revoke();
    }
}

#[tokio::test]
async fn the_tokens_are_kept_from_one_run_to_the_next() {
    let wecom = wecom().await;
    let dir = env::temp_dir().join(format!("wecom_alert-{}", process::id()));
    for _ in 0..3 {
        let store = FileStore::open(&dir).unwrap();
        agents(&wecom, Some(&store)).send(&message(Agent::News)).await.unwrap();
    }
    fs::remove_dir_all(dir).unwrap();
    assert_eq!(wecom.token_requests(), 1);
}

#[tokio::test]
async fn those_who_are_missed_are_named() {
    let wecom = wecom().await;
    let answers = [
        r#"{"errcode":0,"errmsg":"ok","invaliduser":"user8|user9","invalidparty":"","unlicenseduser":""}"#,
        r#"{"errcode":0,"errmsg":"ok","invaliduser":"user8","unlicenseduser":"user9"}"#,
    ];
    for answer in answers {
        wecom.set_answer(SEND, Answer::json(answer));
        let failure = agents(&wecom, None).send(&message(Agent::Ops)).await.unwrap_err().to_string();
        assert!(failure.contains("user8|user9 cannot be reached"), "{failure}");
    }
}

#[tokio::test]
async fn what_wecom_says_is_told() {
    let wecom = wecom().await;
    for (answer, told) in [
        (
            r#"{"errcode":81013,"errmsg":"user & party & tag all invalid"}"#,
            "81013: user & party & tag all invalid",
        ),
        (r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#, "wait a minute"),
        (r#"{"errcode":48002,"errmsg":"api forbidden"}"#, "48002"),
        ("<html>", "an answer that is not WeCom's (HTTP 200 OK)"),
        ("", "an answer that is not WeCom's (HTTP 200 OK)"),
        ("{}", "an answer that is not WeCom's (HTTP 200 OK)"),
    ] {
        wecom.set_answer(SEND, Answer::json(answer));
        let failure = agents(&wecom, None).send(&message(Agent::Ops)).await.unwrap_err().to_string();
        assert!(failure.starts_with("ops: ") && failure.contains(told), "{failure}");
    }
}

#[tokio::test]
async fn a_page_of_somebody_elses_is_told() {
    let wecom = wecom().await;
    wecom.fail_apis(Fault::Http(502));
    let failure = agents(&wecom, None).send(&message(Agent::Ops)).await.unwrap_err().to_string();
    assert!(failure.contains("an answer that is not WeCom's (HTTP 502 Bad Gateway)"), "{failure}");
}

#[tokio::test]
async fn why_a_revoked_token_was_not_replaced_is_told() {
    let wecom = wecom().await;
    let agents = agents(&wecom, None);
    agents.send(&message(Agent::Ops)).await.unwrap();
    wecom.revoke();
    // This machine is not among the agent's trusted addresses any more.
    wecom.fail_tokens(Fault::Errcode(60020));
    let failure = agents.send(&message(Agent::Ops)).await.unwrap_err().to_string();
    assert!(failure.contains("40014") && failure.contains("60020"), "{failure}");
}

#[tokio::test]
async fn what_is_wrong_with_an_agent_is_told() {
    let wecom = wecom().await;
    let wrong = Credentials { agent: Agent::Ops, id: 2, secret: "a-secret-of-nobody".into() };
    let agents = Agents::new(CORP, &wecom.url(), vec![wrong], None).unwrap();
    let failure = agents.send(&message(Agent::Ops)).await.unwrap_err().to_string();
    assert!(failure.contains("40001") && failure.contains("secret"), "{failure}");
    assert!(!failure.contains("a-secret-of-nobody"), "{failure}");
    let failure = agents.send(&message(Agent::News)).await.unwrap_err().to_string();
    assert!(failure.contains("WECOM_NEWS_SECRET"), "{failure}");
}
