//! How a layer is set, and where its tokens come from.

use std::{sync::Arc, time::Duration};

use crate::{
    cache::{TokenCache, TokenPool},
    memory::Memory,
    platform::Origin,
    response::Look,
};

/// Where a layer's tokens come from; made from a [`TokenCache`] or a [`TokenPool`].
///
/// ```
/// use tower_wechat::{Accounts, TokenCache, WeChatAuthLayer, issuer::StableToken};
///
/// /// A layer of your own settings, over one account or many.
/// fn layer(accounts: impl Into<Accounts>) -> WeChatAuthLayer {
///     WeChatAuthLayer::new(accounts).replay_limit(0)
/// }
///
/// let cache = TokenCache::new(StableToken::new("wx0123456789abcdef", "secret"));
/// let layer = layer(cache);
/// # drop(layer);
/// ```
#[derive(Clone, Debug)]
pub struct Accounts(pub(super) Source);

#[derive(Clone, Debug)]
pub(super) enum Source {
    One(TokenCache),
    Pool(TokenPool),
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) accounts: Accounts,
    pub(super) allowed: Vec<Origin>,
    pub(super) replay_limit: usize,
    /// The budget for streams that may be replayed, and for answers that are looked at.
    pub(super) memory: Arc<Memory>,
    pub(super) replay_timeout: Duration,
    pub(super) inspect_limit: usize,
    pub(super) inspect_timeout: Duration,
    /// In place of the platform's own.
    pub(super) rejection_codes: Option<Box<[i64]>>,
}

impl Settings {
    pub(super) fn new(accounts: Accounts) -> Self {
        Self {
            accounts,
            allowed: Vec::new(),
            // WeChat's largest media, permanent video material, is 10 MB
            // (https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/Adding_Permanent_Assets.html).
            replay_limit: 10 * 1024 * 1024,
            memory: Memory::new(64 * 1024 * 1024),
            replay_timeout: Duration::from_secs(10),
            inspect_limit: 4096,
            inspect_timeout: Duration::from_millis(250),
            rejection_codes: None,
        }
    }

    /// How to look at an answer for this account.
    pub(super) fn look<'a>(&'a self, cache: &'a TokenCache) -> Look<'a> {
        Look {
            timeout: self.inspect_timeout,
            codes: self.rejection_codes.as_deref().unwrap_or_else(|| cache.platform().rejection_codes()),
            memory: &self.memory,
        }
    }
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
