//! WeChat's server APIs in a box, as a program: for tests in any language.

mod greeting;
mod options;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use crate::options::Options;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fake-wechat: {}: {error}; choose another address with --listen", options.listen);
            ExitCode::FAILURE
        }
    }
}

/// Serves until the program is told to end.
async fn run(options: &Options) -> io::Result<()> {
    // Before anybody learns that the program is there, and may end it.
    let ended = end()?;
    let fake = options.builder().try_start().await?;
    let mut out = io::stdout();
    // Nobody may be there to read it; the address is served all the same.
    let _ = out.write_all(greeting::text(&fake.url(), options).as_bytes()).and_then(|()| out.flush());
    ended.await;
    Ok(())
}

/// Comes to its end with SIGINT or SIGTERM.
#[cfg(unix)]
fn end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Comes to its end with Ctrl-C.
#[cfg(not(unix))]
fn end() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
