//! Keeps what is typed off the screen: the `^Z` of a terminal would move the bar.

#[cfg(unix)]
use std::{
    io,
    sync::{Mutex, PoisonError},
};

#[cfg(unix)]
use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};

/// How the terminal was.
#[cfg(unix)]
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Until [`show_typing`].
#[cfg(unix)]
pub fn hide_typing() {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    // Without a terminal there is nothing to hide.
    let Some(modes) = tcgetattr(io::stdin()).ok().filter(|_| is_ours()) else { return };
    let mut quiet = modes.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    if tcsetattr(io::stdin(), OptionalActions::Now, &quiet).is_ok() {
        before.get_or_insert(modes);
    }
}

/// For the shell, or whoever has the terminal next.
#[cfg(unix)]
pub fn show_typing() {
    if is_ours()
        && let Some(modes) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take()
    {
        // There is nothing to be done about it.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
    }
}

/// A process in the background is suspended if it changes anything about the terminal.
#[cfg(unix)]
fn is_ours() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

#[cfg(not(unix))]
pub fn hide_typing() {}

#[cfg(not(unix))]
pub fn show_typing() {}
