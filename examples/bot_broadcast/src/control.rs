//! [`Control`]: what whoever sits at the terminal wants.

#![allow(clippy::disallowed_methods, reason = "a person presses keys by no clock but the real one")]

use std::{
    io,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::terminal;

/// Later ones outweigh earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    GoOn,
    Pause,
    Stop,
}

/// What comes so soon after the first Ctrl-C is the same one: `timeout` tells the process, and then its group.
const SAME: Duration = Duration::from_secs(1);

/// Hears of Ctrl-C and Ctrl-Z.
#[derive(Clone, Debug)]
pub struct Control {
    wish: watch::Sender<Wish>,
    /// When it was first asked to stop.
    stopped: Arc<OnceLock<Instant>>,
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
        Self { wish: watch::Sender::new(Wish::GoOn), stopped: Arc::default() }
    }

    pub fn wishes(&self) -> watch::Receiver<Wish> {
        self.wish.subscribe()
    }

    /// For a second time it ends the process: what is under way is unknown then.
    pub fn stop(&self) {
        if self.stopped.get().is_some_and(|stopped| stopped.elapsed() >= SAME) {
            terminal::show_typing();
            std::process::exit(130);
        }
        self.stop_in_peace();
    }

    /// As often as it comes: a terminal that is closed may say so more than once.
    pub fn stop_in_peace(&self) {
        self.stopped.get_or_init(Instant::now);
        self.wish.send_replace(Wish::Stop);
    }

    pub fn pause(&self) {
        self.wish.send_modify(|wish| *wish = (*wish).max(Wish::Pause));
    }

    /// Nothing is under way: suspends the process. Returns when it goes on.
    pub fn suspend(&self) {
        #[cfg(unix)]
        signals::suspend();
        self.go_on();
    }

    /// Instead of a pause.
    pub fn go_on(&self) {
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
        on_pause(control)?;
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

    /// One task for both. If it hears of both at once, it is to go on: a pause that is lost can be asked for again, and somebody who
    /// thinks that it goes on would wait for ever.
    fn on_pause(control: &Control) -> io::Result<()> {
        let mut pauses = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
        let mut continues = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        let control = control.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    Some(()) = pauses.recv() => control.pause(),
                    Some(()) = continues.recv() => control.go_on(),
                    else => break,
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
