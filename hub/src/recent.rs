//! [`Recent`]: the tokens of an app that programs may still have.

use std::sync::{Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;
use tower_wechat::AccessToken;

/// The token of an app that was handed out last, and the one before.
#[derive(Default)]
pub(crate) struct Recent(Mutex<[Option<AccessToken>; 2]>);

impl Recent {
    /// Takes note of a token that goes out.
    pub(crate) fn note(&self, token: &AccessToken) {
        let mut tokens = self.tokens();
        if tokens[0].as_ref().is_none_or(|last| last.generation() < token.generation()) {
            tokens[1] = tokens[0].replace(token.clone());
        }
    }

    /// Whether a text is one of them.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.tokens().iter().flatten().any(|token| is(token, text))
    }

    /// Both of them.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> + use<> {
        let tokens = self.tokens().clone();
        tokens.into_iter().flatten().map(|token| token.as_str().to_owned())
    }

    /// What another had noted.
    pub(crate) fn take_over(&self, before: &Self) {
        let before = before.tokens().clone();
        *self.tokens() = before;
    }

    fn tokens(&self) -> MutexGuard<'_, [Option<AccessToken>; 2]> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a token has this text, in constant time.
pub(crate) fn is(token: &AccessToken, text: &str) -> bool {
    token.as_str().as_bytes().ct_eq(text.as_bytes()).into()
}
