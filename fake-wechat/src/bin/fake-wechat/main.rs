//! WeChat's server APIs in a box, as a program: for tests in any language.

mod greeting;
mod options;

use std::{
    io::{self, Write},
    process::ExitCode,
    thread,
};

use clap::Parser;
use tokio::sync::oneshot;

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
    tokio::select! {
        () = ended => {}
        () = end_of_input(), if options.until_eof => {}
    }
    Ok(())
}

/// Comes when nobody can write to standard input any more.
async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    // A thread of its own, since the runtime waits for those that it has, and this one may never end.
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
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
