//! [`Secrets`]: an account's secret, and where to read the next one; and what can be a secret.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    error::{ErrorKind, TokenError},
    secret::AppSecret,
};

/// Longer ids and secrets are none.
const LONGEST: usize = 512;

/// Where to read a secret.
pub(super) type Source = Arc<dyn Fn() -> AppSecret + Send + Sync>;

/// The secret of an account, which may be replaced.
pub(super) struct Secrets {
    state: Mutex<State>,
    source: Option<Source>,
}

struct State {
    present: AppSecret,
    /// The one that the endpoint refused last.
    refused: Option<AppSecret>,
}

impl Secrets {
    pub(super) fn new(first: AppSecret) -> Self {
        Self { state: Mutex::new(State { present: first, refused: None }), source: None }
    }

    pub(super) fn with_source(self, source: Source) -> Self {
        Self { source: Some(source), ..self }
    }

    pub(super) fn present(&self) -> AppSecret {
        self.state().present.clone()
    }

    /// The endpoint refused this one.
    pub(super) fn was_refused(&self, secret: &AppSecret) {
        self.state().refused = Some(secret.clone());
    }

    /// The source's secret, which is the present one from then on, unless it was refused or cannot be a secret.
    pub(super) fn next(&self) -> Option<AppSecret> {
        let read = self.source.as_ref()?();
        let mut state = self.state();
        // Another process may have been refused and not this one, with a secret that nobody knows; likely with ours.
        let refused = state.refused.as_ref().unwrap_or(&state.present);
        if read.expose() == refused.expose() || check("secret", read.expose()).is_err() {
            return None;
        }
        state.present = read.clone();
        Some(read)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses what cannot be an id or a secret, before anything is sent: WeCom bans addresses that send wrong ones.
pub(super) fn check(what: &str, text: &str) -> Result<(), TokenError> {
    let wrong = if text.is_empty() {
        "is empty"
    } else if text.len() > LONGEST {
        "is longer than 512 bytes"
    } else if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        "has white space or a control character in it, perhaps the end of a line"
    } else {
        return Ok(());
    };
    let message = format!("nothing was asked, for the {what} {wrong}");
    Err(TokenError::new(ErrorKind::Config, message).of_this_host())
}
