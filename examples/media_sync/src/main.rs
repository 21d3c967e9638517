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
//! uploads each PNG, JPEG and GIF in the folder `pictures` that WeChat takes, up to 10 MiB each, writes `pictures/media_ids.json`, and
//! downloads all of them into `pictures.downloaded`. The list has for each file its `media_id`, its SHA-256, when it was uploaded, and when
//! WeChat deletes it: after three days. The next run uploads what is new, changed, or about to be deleted. Folders in the folder are not
//! looked into.
//!
//! Where the downloads go (`--into`), nothing is replaced but earlier downloads of this program, which `.media_sync` lists there. Before
//! the first upload it is known that all of this can be written, and that no other run is at work there.
//!
//! What may pass (errcode -1, the network) is tried again three times. What all others would meet too (a wrong secret, a spent quota)
//! ends the run, and the next one goes on where it stopped.
//!
//! # Where to find what
//!
//! `sync.rs` is one run, from the folder to the report; `uploads.rs` and `downloads.rs` are its two halves, `upload.rs` and `download.rs`
//! what it does with one picture. `client.rs` has the layer. `manifest.rs` is the list, `folder.rs` where downloads go, and `tries.rs`
//! says what is tried again.
//!
//! # How it ends
//!
//! Ends with code 0 if all pictures are at WeChat and come back as they were, 2 for options that it does not understand, 1 for anything
//! else: also if a picture is too large, a file cannot be read, or its name is no text. Files of other kinds and folders are named in
//! the report, and change nothing.

mod answer;
mod client;
mod compare;
mod demo;
mod download;
mod downloads;
mod folder;
mod hash;
mod kind;
mod lock;
mod manifest;
mod options;
mod pictures;
mod progress;
mod report;
mod sync;
#[cfg(test)]
mod tests;
mod tries;
mod upload;
mod uploads;

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
