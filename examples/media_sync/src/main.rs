//! Uploads a folder of pictures as temporary media (临时素材), downloads them back, and compares them byte for byte.
//!
//! # Without an account
//!
//! ```sh
//! cargo run -p media_sync
//! ```
//!
//! plays three runs against a fake WeChat inside the program, with a dozen pictures that it makes in a temporary folder: one whose token
//! is revoked under four uploads, one that uploads only what has changed and misses a picture at WeChat, and one that mends that.
//!
//! # With an account
//!
//! ```sh
//! export WECHAT_APP_ID=… WECHAT_APP_SECRET=…
//! cargo run -p media_sync -- pictures
//! ```
//!
//! uploads each PNG, JPEG and GIF in the folder `pictures` that WeChat takes, up to 10 MB each, writes `pictures/media_ids.json`, and
//! downloads all of them into `pictures.downloaded`. The list has for each file its `media_id`, its SHA-256, when it was uploaded, and when
//! WeChat deletes it: after three days. The next run uploads what is new, changed, or about to be deleted.
//!
//! # Where to find what
//!
//! `sync.rs` is one run, from the folder to the report; `upload.rs` and `download.rs` are what it does with one picture. `client.rs`
//! has the layer. `manifest.rs` is the list.
//!
//! # How it ends
//!
//! Ends with code 0 if all pictures are at WeChat and come back as they were, 2 for options that it does not understand, 1 for anything
//! else.

mod answer;
mod client;
mod compare;
mod demo;
mod download;
mod kind;
mod manifest;
mod options;
mod pictures;
mod progress;
mod report;
mod sync;
#[cfg(test)]
mod tests;
mod upload;

use std::process::ExitCode;

use account::Account;
use clap::Parser;

use crate::options::Options;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match start(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
async fn start(options: &Options) -> Result<bool, BoxError> {
    // Only because this package builds reqwest without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let account = Account::wechat().await?;
    match (options.job(), account.fake()) {
        (Some(_), Some(_)) => {
            Err("set WECHAT_APP_ID and WECHAT_APP_SECRET: nothing has been uploaded".into())
        }
        (Some(job), None) => Ok(sync::run(&job, &account).await?.is_good()),
        (None, Some(wechat)) => demo::play(&account, wechat).await,
        (None, None) => Err("Which pictures? Name a folder; see --help.".into()),
    }
}
