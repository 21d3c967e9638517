//! Sends a template message (模板消息) to everybody in a CSV file, once.
//!
//! # Without an account
//!
//! ```sh
//! cargo run -p bot_broadcast
//! ```
//!
//! plays three runs against a fake WeChat inside the program, with ten thousand open ids in a temporary folder: one whose token is
//! revoked in the middle, one that is stopped by the daily quota, and the one that goes on the next day.
//!
//! # With an account
//!
//! A service account (服务号) that may send template messages, and two files. `recipients.csv`:
//!
//! ```text
//! openid,name
//! oABCDEFGHIJKLMNOPQRSTUVWXYZ1,Li Lei
//! ```
//!
//! in UTF-8, with each recipient on one line (a file with a stray `"` is refused), and `message.json`, which is what WeChat's
//! [`message/template/send`](https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage)
//! takes, without `touser`. In its texts `{name}` stands for what the recipient has in the column `name`:
//!
//! ```json
//! {
//!     "template_id": "the id of one of your templates",
//!     "url": "https://example.com/",
//!     "data": { "thing1": { "value": "{name}" } }
//! }
//! ```
//!
//! ```sh
//! export WECHAT_APP_ID=… WECHAT_APP_SECRET=…
//! cargo run -p bot_broadcast -- recipients.csv --message message.json
//! ```
//!
//! To try that against the program `fake-wechat`, name its address in `WECHAT_BASE_URL`, and take copies of the two files: a
//! journal does not say at which address they were sent to.
//!
//! - **Ctrl-C** lets what is under way finish, and ends the program. Another one, a second or more after the first, ends it at once. A
//!   terminal that is closed counts as the first.
//! - **Ctrl-Z** (or `kill -TSTP`) lets what is under way finish, and suspends the program; `fg` (or `kill -CONT`) goes on.
//! - **The same command again** goes on where it stopped, also after a crash: `recipients.csv.journal` says who has been sent to. A send
//!   whose answer never came is *unknown*. It is not repeated without `--retry-unknown`, for WeChat may have carried it out.
//! - **Who is refused** by WeChat was sent nothing. If it is for what is theirs (they do not follow the account, do not want such
//!   messages, are on its blacklist, or have an open id that is none of this account), they are *refused*, and done with. If it is for
//!   anything else (the template, a value that does not fit, a code that is not known here), they are *left*: the same command tries
//!   them again, after all others. After twenty such refusals with no message sent between them it stops.
//! - `recipients.csv.report.csv` says what became of each open id. Each run writes it anew.
//!
//! # Where to find what
//!
//! `run.rs` is one run, from the files to the report. `broadcast.rs` decides after each send how to go on; `codes.rs` has what
//! WeChat's codes mean for that. `send.rs` is one send, with the layer. `journal/` keeps on disk who has been sent to.
//!
//! # How it ends
//!
//! Ends with code 0 if nobody is left, 3 if somebody is, 2 for options that it does not understand, 1 for anything else.

mod broadcast;
mod codes;
mod control;
mod counts;
mod demo;
mod journal;
mod message;
mod options;
mod outcome;
mod pace;
mod plan;
mod private;
mod progress;
mod quotes;
mod recipients;
mod report;
mod run;
mod send;
mod terminal;
#[cfg(test)]
mod tests;
mod text;

use std::process::ExitCode;

use account::Account;
use clap::Parser;

use crate::{control::Control, options::Options};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match start(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nobody is left.
async fn start(options: &Options) -> Result<bool, BoxError> {
    // Only because this package builds reqwest without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let account = Account::wechat().await?;
    let control = Control::listen()?;
    match (options.job(), account.fake()) {
        (Some(_), Some(_)) => Err("set WECHAT_APP_ID and WECHAT_APP_SECRET: nobody has been sent to".into()),
        (Some(job), None) => Ok(run::run(&job, &account, &control).await?.is_complete),
        (None, Some(wechat)) => demo::play(&account, wechat, &control).await,
        (None, None) => Err("To whom, and what? Name a CSV file and --message; see --help.".into()),
    }
}
