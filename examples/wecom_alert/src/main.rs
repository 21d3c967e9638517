//! Tells people of a WeCom corp (企业微信) something, from a script or a cron job, by one of two agents (应用).
//!
//! `cargo run -p wecom_alert` needs no account: it shows what the program does, at a fake WeCom inside it.
//!
//! With an account:
//!
//! ```sh
//! export WECOM_CORP_ID=ww…                                   # 企业ID
//! export WECOM_OPS_AGENT_ID=1000002 WECOM_OPS_SECRET=…       # AgentId and Secret of one agent
//! export WECOM_NEWS_AGENT_ID=1000003 WECOM_NEWS_SECRET=…     # and of the other
//! export WECOM_ALERT_STORE=/var/lib/wecom_alert              # keeps the tokens from one run to the next
//! cargo run -p wecom_alert -- --agent ops --to user1 "disk is full"
//! ```
//!
//! A message that may begin with a `-` has `--` before it: `--agent ops --to user1 -- "$message"`. `WECOM_BASE_URL` is for another
//! address of WeCom, as that of the program `fake-wechat`.
//!
//! `agents.rs` has the layer, which keeps a token for each agent; `alert.rs` is one message.
//!
//! It ends with code 0 if everybody gets the message, with 1 and the reason if not, and with 2 if it does not understand what
//! it is told.

mod agents;
mod alert;
mod demonstration;
mod failure;
mod options;
#[cfg(test)]
mod tests;

use std::{env, process::ExitCode};

use account::say;
use clap::Parser;

use crate::{agents::Agents, failure::Failure, options::Options};

#[tokio::main]
async fn main() -> ExitCode {
    // Only because this package builds reqwest without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let done = if env::args_os().len() == 1 && !Agents::are_configured() {
        demonstration::run().await
    } else {
        send(&Options::parse()).await
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("wecom_alert: {}", account::with_causes(&*failure));
            ExitCode::FAILURE
        }
    }
}

async fn send(options: &Options) -> Result<(), Failure> {
    let sent = Agents::from_environment(options.agent)?.send(options).await?;
    say!("{sent}");
    Ok(())
}
