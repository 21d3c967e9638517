//! The signals that the program listens to.

use std::io;

use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
};

/// Listens from the moment on in which it is made, so that none is lost while the hub begins.
pub(super) struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// What a signal asks for.
pub(super) enum Asked {
    Reload,
    End,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Comes back once one asks to end.
    pub(super) async fn end(&mut self) {
        while let Asked::Reload = self.next().await {}
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Asked {
        select! {
            _ = self.hang_up.recv() => Asked::Reload,
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
        }
    }
}
