//! The program `wechat-hub`: its command line, and what each command does.
//!
//! It exits with 0 when all went well, 1 for a failure at run time, and 2 where command line or configuration are wrong.

mod apps;
mod ask;
mod certificate;
mod check;
mod demo;
mod descriptors;
mod log;
mod pass_key;
mod recorder;
mod reload;
mod secret;
mod serve;
mod signals;

use std::{
    fmt,
    io::{Write, stderr},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tracing::Level;

use self::{ask::Ask, log::LogFormat};
use crate::config::Given;

/// A token hub for WeChat: the one place that knows the app secrets.
#[derive(Parser)]
#[command(name = "wechat-hub", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How the log on standard error is written; `RUST_LOG` says how much of it there is
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "WECHAT_HUB_LOG_FORMAT")]
    log_format: LogFormat,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the hub until SIGTERM; on SIGHUP takes over a changed configuration, and ends the pauses after failures
    Serve(Configured),
    /// Asks the platform for a token of each app: is the secret right, is this host's address allowed
    Check(Configured),
    /// Makes a client's secret, and the hash of it for the configuration
    Secret,
    /// Asks a running hub for an app's token
    Token(Ask),
    /// Tells a running hub that an app's token was rejected, and gets a better one
    Refresh(Ask),
    /// A hub over a WeChat on this machine, two workers, and what to try: no account needed
    Demo,
}

/// Where the configuration is.
#[derive(clap::Args)]
struct Configured {
    /// The configuration; without it, the environment (`WECHAT_HUB_…`) has it all
    #[arg(long, value_name = "FILE", env = "WECHAT_HUB_CONFIG")]
    config: Option<PathBuf>,
    /// Listen without TLS beyond this machine, too: whoever listens on the way can read tokens and client secrets
    #[arg(long)]
    insecure_plaintext: bool,
}

impl From<Configured> for Given {
    fn from(Configured { config, insecure_plaintext }: Configured) -> Self {
        // An empty name is none, as an empty variable is.
        Self { file: config.filter(|file| !file.as_os_str().is_empty()), insecure_plaintext }
    }
}

/// How the program ends, if not well.
enum End {
    /// Command line or configuration are wrong.
    Configuration(String),
    /// Something went wrong at run time.
    Failure(String),
}

impl End {
    fn configuration(error: impl fmt::Display) -> Self {
        Self::Configuration(error.to_string())
    }

    fn failure(error: impl fmt::Display) -> Self {
        Self::Failure(error.to_string())
    }
}

/// Runs the program, to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let Arguments { command, log_format } = Arguments::parse();
    // Dropped at the end, when all of it has been written.
    let log = log::begin(
        log_format,
        match command {
            Command::Serve(_) => Level::INFO,
            Command::Demo => Level::WARN,
            // They say themselves what is wrong.
            Command::Check(_) | Command::Secret | Command::Token(_) | Command::Refresh(_) => Level::ERROR,
        },
    );
    let ended = match command {
        Command::Serve(configured) => serve::run(configured.into()),
        Command::Check(configured) => check::run(&configured.into()),
        Command::Secret => secret::run(),
        Command::Token(ask) => ask.token(),
        Command::Refresh(ask) => ask.refresh(),
        Command::Demo => demo::run(),
    };
    let (code, message) = match ended {
        Ok(()) => return ExitCode::SUCCESS,
        Err(End::Configuration(message)) => (2, message),
        Err(End::Failure(message)) => (1, message),
    };
    drop(log);
    // There may be nobody to read it.
    let _ = writeln!(stderr(), "wechat-hub: {message}");
    ExitCode::from(code)
}
