//! [`StableToken`]: `POST /cgi-bin/stable_token`.

use std::time::Duration;

use super::{
    AccountKey, Allowance, Issuer, Mint, MintFuture,
    endpoint::{Call, Endpoint, Kind},
    settings::settings,
};
use crate::{
    error::TokenError,
    platform::{Codes, Platform},
    secret::{AppId, AppSecret, Fingerprint},
};

static KIND: Kind = Kind {
    name: "stable",
    base: "https://api.weixin.qq.com",
    id: "app id",
    secret: "app secret",
    codes: Codes::WeChat,
    is_account_by_secret: false,
};

/// Mints at WeChat's `/cgi-bin/stable_token`, the default choice for official accounts, mini programs, mini games and shops.
///
/// Asked again, the endpoint answers with the same token until its last five minutes, so processes that know nothing of
/// each other do no harm. Its tokens and those of [`ClassicToken`](super::ClassicToken) live beside each other
/// (<https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html>).
///
/// An app id or secret that cannot be one (empty, longer than 512 bytes, with white space or control characters in it)
/// makes every mint fail with [`ErrorKind::Config`](crate::ErrorKind::Config), before anything is sent.
///
/// ```
/// use tower_wechat::issuer::StableToken;
///
/// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret")
///     .base_url("https://sh.api.weixin.qq.com")?; // the platform in Shanghai
/// assert!(!format!("{issuer:?}").contains("the-app-secret"));
/// # Ok::<(), tower_wechat::Error>(())
/// ```
pub struct StableToken {
    endpoint: Endpoint,
    may_force: bool,
}

impl StableToken {
    /// An account by its id and secret.
    #[must_use]
    pub fn new(app_id: impl Into<AppId>, app_secret: impl Into<AppSecret>) -> Self {
        Self {
            endpoint: Endpoint::new(&KIND, Platform::wechat(), app_id.into(), app_secret.into()),
            may_force: false,
        }
    }

    /// Lets [`Mint::forced`] ask with `force_refresh`, which ends the life of a token that WeChat would hand out again.
    ///
    /// Meant for tokens that leaked. WeChat allows it 20 times a day, 30 seconds apart
    /// (<https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html>); the cache
    /// keeps to that, counts in the store, and forces only where a normal mint has returned the rejected token. Without
    /// this a forced mint is a normal one.
    ///
    /// ```
    /// use tower_wechat::issuer::{Issuer, StableToken};
    ///
    /// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret");
    /// assert!(!issuer.can_force());
    /// assert!(issuer.allow_forced_refresh().can_force());
    /// ```
    #[must_use]
    pub fn allow_forced_refresh(self) -> Self {
        Self { may_force: true, ..self }
    }
}

settings!(StableToken);

impl Issuer for StableToken {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        let force = self.may_force && how.is_forced();
        Box::pin(self.endpoint.mint(move |endpoint, app, secret, call| {
            // Forced refreshes must be 30 seconds apart. If the first call was carried out, a normal one gets its token.
            let force = force && call == Call::First;
            let json = serde_json::json!({
                "grant_type": "client_credential",
                "appid": app,
                "secret": secret,
                "force_refresh": force,
            });
            endpoint.post("/cgi-bin/stable_token", &json)
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

    fn mints_are_independent(&self) -> bool {
        true
    }

    /// The endpoint allows 500 000 calls a day
    /// (<https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html>).
    fn refreshes(&self) -> Allowance {
        Allowance::new(1000, Duration::from_secs(1))
    }

    fn can_force(&self) -> bool {
        self.may_force
    }
}
