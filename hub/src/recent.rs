//! [`Recent`]: an app's present token and the one before, which programs may still have.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem::Finder;
use subtle::ConstantTimeEq;
use tower_wechat::AccessToken;

use crate::proxy::encoded;

/// Finds a token, or another text, where it must not be seen.
pub(crate) type Needle = Arc<Finder<'static>>;

/// What finds a text, as it is and as it stands in a query.
pub(crate) fn needles_of(text: &str) -> Vec<Needle> {
    let needle = |text: &str| Arc::new(Finder::new(text).into_owned());
    let encoded = encoded(text);
    if encoded == text { vec![needle(text)] } else { vec![needle(text), needle(&encoded)] }
}

/// A token that programs may have.
#[derive(Clone)]
struct Given {
    token: AccessToken,
    needles: Vec<Needle>,
}

/// An app's present token and the one before, as far as they were looked at.
#[derive(Default)]
pub(crate) struct Recent(Mutex<[Option<Given>; 2]>);

impl Recent {
    /// Takes note of the present token.
    pub(crate) fn note(&self, token: &AccessToken) {
        let mut tokens = self.tokens();
        if tokens[0].as_ref().is_none_or(|last| last.token.generation() < token.generation()) {
            let needles = needles_of(token.as_str());
            tokens[1] = tokens[0].replace(Given { token: token.clone(), needles });
        }
    }

    /// Whether a text is one of them, in constant time.
    pub(crate) fn has(&self, text: &str) -> bool {
        let is = |token: &AccessToken| bool::from(token.as_str().as_bytes().ct_eq(text.as_bytes()));
        self.tokens().iter().flatten().any(|given| is(&given.token))
    }

    /// What finds them.
    pub(crate) fn needles(&self) -> Vec<Needle> {
        self.tokens().iter().flatten().flat_map(|given| given.needles.clone()).collect()
    }

    /// What another had noted.
    pub(crate) fn take_over(&self, before: &Self) {
        let before = before.tokens().clone();
        *self.tokens() = before;
    }

    fn tokens(&self) -> MutexGuard<'_, [Option<Given>; 2]> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
