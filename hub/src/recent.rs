//! [`Recent`]: an app's present token and the one before, which programs may still have.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem::Finder;
use subtle::ConstantTimeEq;
use tower_wechat::{AccessToken, TokenCache};

use crate::proxy::encoded;

/// Finds a token, or another text, where it must not be seen.
pub(crate) type Needle = Arc<Finder<'static>>;

/// What finds a text, as it is and as it stands in a query.
pub(crate) fn needles_of(text: &str) -> Vec<Needle> {
    let needle = |text: &str| Arc::new(Finder::new(text).into_owned());
    let encoded = encoded(text);
    if encoded == text { vec![needle(text)] } else { vec![needle(text), needle(&encoded)] }
}

/// A token, and what finds it.
#[derive(Clone)]
struct Given {
    token: AccessToken,
    needles: Vec<Needle>,
}

impl Given {
    fn new(token: AccessToken) -> Self {
        let needles = needles_of(token.as_str());
        Self { token, needles }
    }
}

/// An app's tokens that programs may have, the latest first: the present one, the one before, and one more, which a call may still
/// be under way with.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Vec<Given>>);

const KEPT: usize = 3;

impl Recent {
    /// Takes over what the cache has.
    pub(crate) fn look(&self, cache: &TokenCache) {
        let present = cache.current();
        let mut tokens = self.tokens();
        let is_known = |token: &AccessToken, tokens: &[Given]| {
            tokens.iter().any(|given| given.token.generation() == token.generation())
        };
        if present.as_ref().is_some_and(|present| is_known(present, &tokens)) {
            return;
        }
        for token in [present, cache.replaced()].into_iter().flatten() {
            if !is_known(&token, &tokens) {
                tokens.push(Given::new(token));
            }
        }
        tokens.sort_by_key(|given| std::cmp::Reverse(given.token.generation()));
        tokens.truncate(KEPT);
    }

    /// Whether a text is the present token or the one before, in constant time.
    pub(crate) fn has(&self, text: &str) -> bool {
        let is = |token: &AccessToken| bool::from(token.as_str().as_bytes().ct_eq(text.as_bytes()));
        self.tokens().iter().take(2).any(|given| is(&given.token))
    }

    /// What finds them.
    pub(crate) fn needles(&self) -> Vec<Needle> {
        self.tokens().iter().flat_map(|given| given.needles.clone()).collect()
    }

    /// What another had noted.
    pub(crate) fn take_over(&self, before: &Self) {
        let before = before.tokens().clone();
        *self.tokens() = before;
    }

    fn tokens(&self) -> MutexGuard<'_, Vec<Given>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
