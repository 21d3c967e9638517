//! [`WeCom`]: `GET /cgi-bin/gettoken`.

use std::time::Duration;

use super::{
    AccountKey, Allowance, Issuer, Mint, MintFuture,
    endpoint::{Endpoint, Kind},
    settings::settings,
};
use crate::{
    error::TokenError,
    platform::{Codes, Platform},
    secret::{AppId, AppSecret, Fingerprint},
};

static KIND: Kind = Kind {
    name: "wecom",
    base: "https://qyapi.weixin.qq.com",
    id: "corp id",
    secret: "corp secret",
    codes: Codes::WeCom,
    // Each agent of a corp has a secret and tokens of its own.
    is_account_by_secret: true,
};

/// Mints at WeCom's `/cgi-bin/gettoken`, for one app of a corp: each has a secret and tokens of its own.
///
/// WeCom bans an address for an hour after several wrong secrets
/// (<https://developer.work.weixin.qq.com/document/path/90313>), and blocks those that ask often
/// (<https://developer.work.weixin.qq.com/document/path/91039>). After a refusal the cache therefore leaves the endpoint
/// alone, for 5 seconds at first and up to 300 in the end.
///
/// ```
/// use tower_wechat::{TokenCache, issuer::WeCom, testing::FakeWeChat};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wecom = FakeWeChat::start().await;
/// let issuer = WeCom::new(FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET)
///     .base_url(&wecom.url())?; // leave it out for the real one
/// let token = TokenCache::new(issuer).token().await?;
/// # drop(token);
/// # Ok(())
/// # }
/// ```
///
/// A corp id or secret that cannot be one (empty, longer than 512 bytes, with white space or control characters in it)
/// makes every mint fail with [`ErrorKind::Config`](crate::ErrorKind::Config), before anything is sent.
pub struct WeCom {
    endpoint: Endpoint,
}

impl WeCom {
    /// An app by its corp's id and its own secret.
    #[must_use]
    pub fn new(corp_id: impl Into<AppId>, corp_secret: impl Into<AppSecret>) -> Self {
        Self { endpoint: Endpoint::new(&KIND, Platform::wecom(), corp_id.into(), corp_secret.into()) }
    }
}

settings!(WeCom);

impl Issuer for WeCom {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(self.endpoint.mint(|endpoint, corp, secret, _| {
            endpoint.get("/cgi-bin/gettoken", &[("corpid", corp), ("corpsecret", secret)])
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

    fn refreshes(&self) -> Allowance {
        Allowance::new(60, Duration::from_secs(60))
    }
}
