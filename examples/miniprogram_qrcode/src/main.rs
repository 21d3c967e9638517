//! Writes the codes of a mini program (小程序码), one picture for each scene of a list: for the tables of a restaurant, for
//! posters, for parcels.
//!
//! `cargo run -p miniprogram_qrcode` needs no account: it shows what the program does, at a fake WeChat inside it, in a folder
//! that it removes at the end.
//!
//! With an account:
//!
//! ```sh
//! export WECHAT_APP_ID=wx… WECHAT_APP_SECRET=…    # AppID(小程序ID), AppSecret(小程序密钥)
//! cargo run -p miniprogram_qrcode -- --page pages/index/index --into codes table=1 table=2 table=3
//! cargo run -p miniprogram_qrcode -- --page pages/index/index --into codes --list scenes.txt
//! ```
//!
//! `run.rs` is one run, `code.rs` asks WeChat for one picture and has the layer in it, `error.rs` says what to do when there is none.
//!
//! Pictures that are in the folder already are not asked for again, so that a run that was stopped can be gone on with. A folder
//! has codes of one page in one version: `folder.rs`. It ends with code 0 if all of them are there, with 1 if not.

mod code;
mod demonstration;
mod error;
mod file;
mod folder;
mod options;
mod picture;
mod run;
mod scene;
#[cfg(test)]
mod tests;

use std::{env, error::Error, process::ExitCode};

use account::Account;
use clap::Parser;

use crate::{code::Codes, options::Options};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match program().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("miniprogram_qrcode: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all pictures are there.
async fn program() -> Result<bool, Failure> {
    let is_bare = env::args_os().len() == 1;
    let options = if is_bare { None } else { Some(Options::parse()) };
    let account = Account::wechat().await?;
    match (options, account.fake()) {
        (Some(options), None) => run::run(&Codes::new(&account)?, &options).await,
        (Some(_), Some(_)) => Err("set WECHAT_APP_ID and WECHAT_APP_SECRET".into()),
        (None, None) => {
            Err("name a --page, a folder --into which the pictures go, and scenes; or see --help".into())
        }
        (None, Some(_)) => demonstration::run(&account).await.map(|()| true),
    }
}
