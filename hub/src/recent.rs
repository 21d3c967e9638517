//! [`Recent`]: an app's present token and the one before, which programs may still have.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem::Finder;
use subtle::ConstantTimeEq;
use tower_wechat::AccessToken;

/// Finds a token, or another text, where it must not be seen.
pub(crate) type Needle = Arc<Finder<'static>>;

/// An app's present token and the one before, as far as they were looked at.
#[derive(Default)]
pub(crate) struct Recent(Mutex<[Option<(AccessToken, Needle)>; 2]>);

impl Recent {
    /// Takes note of the present token.
    pub(crate) fn note(&self, token: &AccessToken) {
        let mut tokens = self.tokens();
        if tokens[0].as_ref().is_none_or(|(last, _)| last.generation() < token.generation()) {
            let needle = Arc::new(Finder::new(token.as_str()).into_owned());
            tokens[1] = tokens[0].replace((token.clone(), needle));
        }
    }

    /// Whether a text is one of them, in constant time.
    pub(crate) fn has(&self, text: &str) -> bool {
        let is = |token: &AccessToken| bool::from(token.as_str().as_bytes().ct_eq(text.as_bytes()));
        self.tokens().iter().flatten().any(|(token, _)| is(token))
    }

    /// What finds them.
    pub(crate) fn needles(&self) -> Vec<Needle> {
        self.tokens().iter().flatten().map(|(_, needle)| needle.clone()).collect()
    }

    /// What another had noted.
    pub(crate) fn take_over(&self, before: &Self) {
        let before = before.tokens().clone();
        *self.tokens() = before;
    }

    fn tokens(&self) -> MutexGuard<'_, [Option<(AccessToken, Needle)>; 2]> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
