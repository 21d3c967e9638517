//! How often the program was asked to end.

use std::io;

use tokio::sync::watch;

/// By Ctrl-C, or by the SIGTERM of whatever manages services. From now on neither ends the program by itself.
#[cfg(unix)]
pub fn asked() -> io::Result<watch::Receiver<usize>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (times, asked) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            times.send_modify(|times| *times += 1);
        }
    });
    Ok(asked)
}

/// By Ctrl-C.
#[cfg(not(unix))]
pub fn asked() -> io::Result<watch::Receiver<usize>> {
    let (times, asked) = watch::channel(0);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            times.send_modify(|times| *times += 1);
        }
    });
    Ok(asked)
}
