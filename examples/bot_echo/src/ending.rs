//! How the program ends: how often it was asked to, and how long it takes then.

use std::{io, time::Duration};

use tokio::{select, sync::watch, time::sleep};

use crate::Failure;

/// For what is under way once the program is asked to end: connections, then follow-ups, each of which may take as long as a
/// customer message may. Give your service manager more than that before it kills (`docker stop` waits for 10 seconds only).
const LONGEST: Duration = Duration::from_secs(30);

/// Waits for the work to come to its end; but not longer than [`LONGEST`] after the program was asked, and not once it was
/// asked again.
pub async fn wait(work: impl Future<Output = ()>, mut asked: watch::Receiver<usize>) -> Result<(), Failure> {
    let mut again = asked.clone();
    let late = async {
        _ = asked.wait_for(|times| *times > 0).await;
        sleep(LONGEST).await;
    };
    select! {
        () = work => Ok(()),
        () = late => Err("ended with follow-ups under way, which took too long".into()),
        // Whoever asks twice does not want to wait for what is under way.
        _ = again.wait_for(|times| *times > 1) => Err("ended in the middle".into()),
    }
}

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
