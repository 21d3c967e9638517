//! The log, on standard error.
//!
//! A thread of its own writes it, and what it cannot write in time is lost: whoever reads the log, or does not, must not hold
//! up the hub.

use std::io::{IsTerminal, stderr};

use clap::ValueEnum;
use tracing::Level;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// How the log is written.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines for people
    Text,
    /// A JSON object on each line
    Json,
}

/// Begins to write it, until what this returns is dropped. `RUST_LOG` says how much; `least` and what is graver unless set.
pub(super) fn begin(format: LogFormat, least: Level) -> WorkerGuard {
    let filter = EnvFilter::builder().with_default_directive(least.into()).from_env_lossy();
    let (writer, guard) = NonBlocking::new(stderr());
    // An error of the log's would be written to where the log cannot be written.
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    // Set once: whoever has set another before may keep it.
    let _ = match format {
        LogFormat::Json => log.json().with_current_span(true).try_init().map_err(drop),
        LogFormat::Text => {
            let is_coloured =
                stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            log.with_ansi(is_coloured).try_init().map_err(drop)
        }
    };
    guard
}
