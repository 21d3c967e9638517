//! Whose token a request gets: one account's, or one of a pool's, picked by the request.

use crate::cache::{TokenCache, TokenPool};

/// Where a layer's tokens come from; made from a [`TokenCache`] or a [`TokenPool`].
#[derive(Clone, Debug)]
pub struct Accounts(pub(super) Source);

#[derive(Clone, Debug)]
pub(super) enum Source {
    One(TokenCache),
    Pool(TokenPool),
}

impl From<TokenCache> for Accounts {
    fn from(cache: TokenCache) -> Self {
        Self(Source::One(cache))
    }
}

impl From<&TokenCache> for Accounts {
    fn from(cache: &TokenCache) -> Self {
        cache.clone().into()
    }
}

impl From<TokenPool> for Accounts {
    fn from(pool: TokenPool) -> Self {
        Self(Source::Pool(pool))
    }
}

impl From<&TokenPool> for Accounts {
    fn from(pool: &TokenPool) -> Self {
        pool.clone().into()
    }
}
