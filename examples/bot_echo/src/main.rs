//! A bot to start from: it receives what users write to an official account (公众号), answers at once, and follows up with a
//! customer message through the layer.
//!
//! `cargo run -p bot_echo` needs no account: the program plays WeChat's part itself, shows what happens, and ends.
//!
//! With an account it serves until Ctrl-C:
//!
//! ```sh
//! export WECHAT_APP_ID=wx… WECHAT_APP_SECRET=…   # 开发者ID(AppID), 开发者密码(AppSecret)
//! export WECHAT_TOKEN=…                          # 令牌(Token) of the callback, which you choose
//! export WECHAT_AES_KEY=…                        # 消息加解密密钥(EncodingAESKey), for secure mode (安全模式)
//! export WECHAT_LISTEN=127.0.0.1:8080            # behind a proxy that WeChat reaches at port 80 or 443
//! cargo run -p bot_echo
//! ```
//!
//! For a bot of your own begin with `echo.rs`, which is what it says. `callback.rs` is the way of a message: its signature,
//! its decryption (`crypto.rs`), its answer. `customer.rs` has the layer.
//!
//! It ends with code 0 if it was asked to end (Ctrl-C, SIGTERM) and nothing was left undone, with 1 and the reason if not, and
//! with 2 if it does not understand what it is told. Once it is asked, it takes up to 30 seconds for what is under way. Asked
//! again, it ends at once.
//!
//! Without `WECHAT_AES_KEY` messages are expected in plain mode (明文模式). Its signature covers the time of a message and not
//! its content: whoever sees one callback can make up others for five minutes. Use secure mode.

mod bot;
mod callback;
mod crypto;
mod customer;
mod demonstration;
mod echo;
mod ending;
mod message;
mod recent;
mod refusal;
mod reply;
mod server;
mod settings;
mod signature;
#[cfg(test)]
mod tests;

use std::{
    env,
    error::Error,
    io::{IsTerminal, stderr},
    process::ExitCode,
    sync::Arc,
};

use account::{Account, say};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::{bot::Bot, customer::Customer, settings::Settings};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match env::args_os().nth(1) {
        None => {}
        Some(argument) if argument == "--help" || argument == "-h" => {
            say!("{}", settings::HELP);
            return ExitCode::SUCCESS;
        }
        Some(argument) => {
            eprintln!("bot_echo: {} is not understood; see --help", argument.display());
            return ExitCode::from(2);
        }
    }
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bot_echo: {}", account::with_causes(&*failure));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    // Only because this package builds reqwest without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let account = Account::wechat().await?;
    let level = if account.fake().is_some() { "error" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // Colours are for people.
    if stderr().is_terminal() {
        log.init();
    } else {
        log.with_ansi(false).init();
    }
    match account.fake() {
        Some(wechat) => {
            Settings::refuse_without_account()?;
            demonstration::run(&account, wechat).await
        }
        None => serve(&account).await,
    }
}

async fn serve(account: &Account) -> Result<(), Failure> {
    let Settings { listen, token, cipher } = Settings::from_environment(&account.id)?;
    let bot = Arc::new(Bot::new(token, cipher, Customer::new(account)?));
    let listener =
        TcpListener::bind(&listen).await.map_err(|error| format!("WECHAT_LISTEN: {listen}: {error}"))?;
    let asked = ending::asked()?;
    let mut once = asked.clone();
    say!("The bot listens on http://{}. Ctrl-C ends it.", listener.local_addr()?);

    let once = async move { _ = once.wait_for(|times| *times > 0).await };
    let work = async {
        server::serve(listener, callback::router(bot.clone()), once).await;
        bot.followed_up().await;
    };
    ending::wait(work, asked).await
}
