//! [`Control`]: what whoever sits at the terminal wants.

use std::io;

use tokio::sync::watch;

use crate::terminal;

/// Later ones outweigh earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    GoOn,
    Pause,
    Stop,
}

/// Hears of Ctrl-C and Ctrl-Z.
#[derive(Clone, Debug)]
pub struct Control {
    wish: watch::Sender<Wish>,
}

impl Control {
    /// From now on the signals do not end or suspend the process by themselves.
    pub fn listen() -> io::Result<Self> {
        let control = Self::silent();
        #[cfg(unix)]
        signals::listen(&control)?;
        #[cfg(not(unix))]
        tokio::spawn({
            let control = control.clone();
            async move {
                while tokio::signal::ctrl_c().await.is_ok() {
                    control.stop();
                }
            }
        });
        Ok(control)
    }

    /// Hears of nothing.
    pub fn silent() -> Self {
        Self { wish: watch::Sender::new(Wish::GoOn) }
    }

    pub fn wishes(&self) -> watch::Receiver<Wish> {
        self.wish.subscribe()
    }

    /// For a second time it ends the process: what is under way is unknown then.
    pub fn stop(&self) {
        if self.wish.send_replace(Wish::Stop) == Wish::Stop {
            terminal::show_typing();
            std::process::exit(130);
        }
    }

    pub fn pause(&self) {
        self.wish.send_modify(|wish| *wish = (*wish).max(Wish::Pause));
    }

    /// Nothing is under way: suspends the process. Returns when it goes on.
    pub fn suspend(&self) {
        #[cfg(unix)]
        signals::suspend();
        self.wish.send_if_modified(|wish| {
            let was_paused = *wish == Wish::Pause;
            if was_paused {
                *wish = Wish::GoOn;
            }
            was_paused
        });
    }
}

#[cfg(unix)]
mod signals {
    use std::io;

    use rustix::process::{Signal, getpid, kill_process};
    use tokio::signal::unix::{SignalKind, signal};

    use super::Control;

    pub(super) fn listen(control: &Control) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
        let control = control.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => control.stop(),
                    _ = terminate.recv() => control.stop(),
                    _ = stop.recv() => control.pause(),
                }
            }
        });
        Ok(())
    }

    /// As the signal itself would have done.
    pub(super) fn suspend() {
        // It cannot fail: a process may stop itself.
        let _ = kill_process(getpid(), Signal::STOP);
    }
}
