//! What happens without an account: the program runs at a fake WeCom.

use account::say;
use clap::Parser;
use fake_wechat::{Answer, FakeWeChat};

use crate::{
    agents::{Agents, Credentials},
    failure::Failure,
    options::{Agent, Options},
};

const CORP: &str = "ww0123456789abcdef";

pub async fn run() -> Result<(), Failure> {
    let wecom = FakeWeChat::builder().corp(CORP, "secret-of-ops").corp(CORP, "secret-of-news").start().await;
    say!("WeCom is a fake one inside this program, at {}.", wecom.url());
    say!("To use the real one, set WECOM_CORP_ID, and WECOM_OPS_SECRET and WECOM_OPS_AGENT_ID.");
    let agents = |secret: &str| {
        let credentials = |agent, id, secret: &str| Credentials { agent, id, secret: secret.to_owned() };
        let both = vec![
            credentials(Agent::Ops, 1_000_002, "secret-of-ops"),
            credentials(Agent::News, 1_000_003, secret),
        ];
        Agents::new(CORP, &wecom.url(), both, None)
    };
    let ours = agents("secret-of-news")?;

    say!("\n1. Two agents of one corp, each with a secret and a token of its own.");
    alert(&ours, &wecom, &["--agent", "ops", "--to", "user1", "disk is full"]).await?;
    alert(&ours, &wecom, &["--agent", "news", "--to", "@all", "version 1.2 is out"]).await?;

    say!("\n2. WeCom has revoked both tokens. Nobody notices.");
    wecom.revoke();
    alert(&ours, &wecom, &["--agent", "ops", "--to", "user1|user2", "disk is full, still"]).await?;
    alert(&ours, &wecom, &["--agent", "news", "--to", "@all", "version 1.3 is out"]).await?;

    say!("\n3. WeCom takes the message, and does not know one of the two.");
    let answer = r#"{"errcode":0,"errmsg":"ok","invaliduser":"user9","msgid":"xZc_S01d7W"}"#;
    wecom.set_answer("/cgi-bin/message/send", Answer::json(answer));
    alert(&ours, &wecom, &["--agent", "ops", "--to", "user1|user9", "disk is empty"]).await?;

    say!("\n4. WeCom refuses it.");
    let answer = r#"{"errcode":81013,"errmsg":"user & party & tag all invalid"}"#;
    wecom.set_answer("/cgi-bin/message/send", Answer::json(answer));
    alert(&ours, &wecom, &["--agent", "ops", "--to", "user9", "disk is empty"]).await?;

    say!("\n5. The secret of news is not the right one.");
    alert(&agents("secret-of-old")?, &wecom, &["--agent", "news", "--to", "@all", "version 1.4 is out"])
        .await?;
    Ok(())
}

/// One run of the program.
async fn alert(agents: &Agents, wecom: &FakeWeChat, arguments: &[&str]) -> Result<(), Failure> {
    let quoted = |argument: &&str| {
        let is_word = argument.chars().all(|c| c.is_alphanumeric() || "-@".contains(c));
        if is_word { (*argument).to_owned() } else { format!("\"{argument}\"") }
    };
    say!("   $ wecom_alert {}", arguments.iter().map(quoted).collect::<Vec<_>>().join(" "));
    wecom.clear_seen();
    let options = Options::try_parse_from(["wecom_alert"].iter().chain(arguments))?;
    match agents.send(&options).await {
        Ok(sent) => say!("   {sent}"),
        Err(failure) => {
            say!("   wecom_alert: {}", steady(&account::with_causes(&*failure)));
            say!("     (It ends with code 1)");
        }
    }
    for seen in wecom.seen() {
        let token = seen.generation.unwrap_or_default();
        let answer = match seen.errcode {
            Some(40014) => " and refused it: errcode 40014, this token is invalid",
            _ => "",
        };
        say!("     (WeCom saw the message with token {token}{answer})");
    }
    Ok(())
}

/// Without what is another one in each run: WeCom's mark of the request, and the seconds of a back-off.
fn steady(line: &str) -> String {
    let (line, _) = line.split_once("; the token endpoint is left alone").unwrap_or((line, ""));
    match line.split_once(", hint ") {
        Some((before, after)) => {
            format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => line.to_owned(),
    }
}
