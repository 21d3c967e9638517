//! [`ClassicToken`]: `GET /cgi-bin/token`.

use super::{
    AccountKey, Issuer, Mint, MintFuture,
    endpoint::{Endpoint, Kind},
    settings::settings,
};
use crate::{
    error::TokenError,
    platform::{Codes, Platform},
    secret::{AppId, AppSecret, Fingerprint},
};

static KIND: Kind = Kind {
    name: "classic",
    base: "https://api.weixin.qq.com",
    id: "app id",
    secret: "app secret",
    codes: Codes::WeChat,
    is_account_by_secret: false,
};

/// Mints at WeChat's `/cgi-bin/token`, for accounts that must share the tokens of older software.
///
/// Every mint makes a new token and ends the life of the one before within five minutes, whoever holds that
/// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>), and there are 2 000 a day for a new
/// account (<https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html>). So all processes
/// of an account must share a [store](crate::store); otherwise take [`StableToken`](super::StableToken). Without a store
/// that can be reached this issuer's cache does not mint:
/// [`ErrorKind::Store`](crate::ErrorKind::Store). (A cache that was built with no store at all does.)
///
/// An app id or secret that cannot be one (empty, longer than 512 bytes, with white space or control characters in it)
/// makes every mint fail with [`ErrorKind::Config`](crate::ErrorKind::Config), before anything is sent.
///
/// ```
/// use tower_wechat::{TokenCache, issuer::ClassicToken, store::MemoryStore};
///
/// // For processes on one host a `FileStore`, for many hosts a `RedisStore`.
/// let store = MemoryStore::new();
/// let issuer = ClassicToken::new("wx0123456789abcdef", "the-app-secret");
/// let cache = TokenCache::builder(issuer).store(store).build();
/// # drop(cache);
/// ```
pub struct ClassicToken {
    endpoint: Endpoint,
}

impl ClassicToken {
    /// An account by its id and secret.
    #[must_use]
    pub fn new(app_id: impl Into<AppId>, app_secret: impl Into<AppSecret>) -> Self {
        Self { endpoint: Endpoint::new(&KIND, Platform::wechat(), app_id.into(), app_secret.into()) }
    }
}

settings!(ClassicToken);

impl Issuer for ClassicToken {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(self.endpoint.mint(|endpoint, app, secret, _| {
            let query = [("grant_type", "client_credential"), ("appid", app), ("secret", secret)];
            endpoint.get("/cgi-bin/token", &query)
        }))
    }

    fn platform(&self) -> &Platform {
        self.endpoint.platform()
    }

    fn account(&self) -> AccountKey {
        self.endpoint.account().clone()
    }

    fn credential(&self) -> Option<Fingerprint> {
        Some(self.endpoint.credential())
    }

    fn was_mended(&self, failure: &TokenError) -> bool {
        self.endpoint.was_mended(failure)
    }
}
