//! [`Mint`], which is what an issuer is asked for, and [`Minted`], which is what it gives.

use std::{fmt, time::Duration};

use crate::token::AccessToken;

/// Why an issuer is asked for a token, and whether it may hand out the same one again.
///
/// A cache makes it; an issuer's own tests do, too:
///
/// ```
/// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
/// use tower_wechat::issuer::{Issuer, Mint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = FakeWeChat::start().await;
/// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
/// #     .base_url(&wechat.url())?;
/// // As a cache does that has no token yet.
/// let minted = issuer.mint(Mint::normal()).await?;
/// # drop(minted);
/// # let token = TokenCache::new(StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
/// #     .base_url(&wechat.url())?).token().await?;
///
/// // As one does whose token the platform has rejected, at first…
/// let how = Mint::rejecting(token);
/// assert!(how.rejected().is_some() && !how.is_forced());
/// // …and where that mint has brought the same token once more.
/// assert!(how.forced().is_forced());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Mint {
    rejected: Option<AccessToken>,
    forced: bool,
}

impl Mint {
    /// There is no token, or the one there is will expire soon.
    #[must_use]
    pub fn normal() -> Self {
        Self::default()
    }

    /// The platform rejected this token.
    #[must_use]
    pub fn rejecting(token: AccessToken) -> Self {
        Self { rejected: Some(token), forced: false }
    }

    /// The same, and a normal mint has just answered with the rejected token again: the endpoint must make a new one.
    #[must_use]
    pub fn forced(self) -> Self {
        Self { forced: true, ..self }
    }

    /// The token that the platform rejected, if that is why.
    #[must_use]
    pub fn rejected(&self) -> Option<&AccessToken> {
        self.rejected.as_ref()
    }

    /// Whether the endpoint must make a new token even if the present one is still good.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.forced
    }
}

/// What a mint yields: a token and how long it lives from the moment it was asked for.
///
/// WeChat's tokens live for 7200 s at most, and it asks to reserve 512 characters for them
/// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>). The cache refuses an empty text, one over
/// 4 096 bytes and a life of zero, and counts a life of more than seven days as seven days. Its `Debug` shows no token.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::issuer::Minted;
///
/// let expires_in = 7200; // as the answer says, in seconds
/// let minted = Minted::new("a-token", Duration::from_secs(expires_in));
/// assert!(!format!("{minted:?}").contains("a-token"));
/// ```
#[derive(Clone)]
pub struct Minted {
    pub(crate) text: String,
    pub(crate) expires_in: Duration,
}

impl Minted {
    /// A token that lives for `expires_in`.
    #[must_use]
    pub fn new(token: impl Into<String>, expires_in: Duration) -> Self {
        Self { text: token.into(), expires_in }
    }
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_token() {
        let minted = Minted::new("SENTINEL", Duration::from_secs(1));
        assert!(!format!("{minted:?}").contains("SENTINEL"));
    }
}
