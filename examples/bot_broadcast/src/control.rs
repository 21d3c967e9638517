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
        if *self.wish.borrow() == Wish::Stop {
            terminal::show_typing();
            std::process::exit(130);
        }
        self.stop_in_peace();
    }

    /// As often as it comes: a terminal that is closed may say so more than once.
    pub fn stop_in_peace(&self) {
        self.wish.send_replace(Wish::Stop);
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
    use std::io::{self, IsTerminal};

    use rustix::process::{Signal, getpid, kill_process};
    use tokio::signal::unix::{SignalKind, signal};

    use super::Control;

    pub(super) fn listen(control: &Control) -> io::Result<()> {
        on(SignalKind::interrupt(), control, Control::stop)?;
        on(SignalKind::terminate(), control, Control::stop)?;
        on(SignalKind::from_raw(Signal::TSTP.as_raw()), control, Control::pause)?;
        // The terminal is closed. Under `nohup` the output is none, and the signal is to go on being ignored.
        if io::stdout().is_terminal() {
            on(SignalKind::hangup(), control, Control::stop_in_peace)?;
        }
        Ok(())
    }

    fn on(kind: SignalKind, control: &Control, act: fn(&Control)) -> io::Result<()> {
        let (mut signals, control) = (signal(kind)?, control.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                act(&control);
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
