//! [`Health`]: how an account is at one moment.

use std::time::Duration;

use super::{
    budget,
    policy::{Held, HeldBack},
    state::State,
};
use crate::{error::TokenError, token::AccessToken};

/// How an account is at one moment, as far as this process knows. It holds no secrets; its token only as far as
/// [`AccessToken`]'s `Debug` shows it.
///
/// Made by [`TokenCache::health`](crate::TokenCache::health).
///
/// ```
/// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = FakeWeChat::start().await;
/// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
/// #     .base_url(&wechat.url())?;
/// # let cache = TokenCache::new(issuer);
/// let health = cache.health();
/// assert!(health.is_due, "there is no token yet");
///
/// cache.token().await?;
/// let health = cache.health();
/// assert!(health.token.is_some() && !health.is_due);
/// assert_eq!(health.refreshes_left, 1000); // the stable endpoint's
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// The token, if there is a good one.
    pub token: Option<AccessToken>,
    /// How long ago that token was minted.
    pub token_age: Option<Duration>,
    /// Whether another token is due: the present one is near its end, or there is none.
    pub is_due: bool,
    /// The last mint of this cache that failed, whatever came after it.
    pub last_failure: Option<FailedMint>,
    /// What forbids to replace the token at the moment, with its [`retry_after`](TokenError::retry_after): a failure that
    /// is still fresh, or, before the token is due, a budget of refreshes that is spent, or a refresh that has just brought the
    /// rejected token once more. Also failures that other processes have met.
    pub held_back: Option<TokenError>,
    /// Whether [`held_back`](Self::held_back) is about no failed mint: tokens are rejected, refreshes do not help, and so none
    /// is made.
    pub is_held_back_by_rejections: bool,
    /// How many refreshes in answer to rejections the budget has left.
    pub refreshes_left: u32,
    /// How many of those refreshes may not help: the token that they bring is rejected, too.
    pub futile_refreshes_left: u32,
    /// Whether the store could not be used the last time. False without one.
    pub is_store_down: bool,
}

/// A mint that failed.
///
/// ```
/// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = FakeWeChat::start().await;
/// # let issuer = StableToken::new(FakeWeChat::APP_ID, "not-its-secret")
/// #     .base_url(&wechat.url())?;
/// # let cache = TokenCache::new(issuer);
/// cache.token().await.unwrap_err();
///
/// let failed = cache.health().last_failure.unwrap();
/// println!("{} s ago: {}", failed.ago.as_secs(), failed.error);
/// assert_eq!(failed.error.errcode(), Some(40125));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedMint {
    /// Why.
    pub error: TokenError,
    /// How long ago.
    pub ago: Duration,
}

impl State {
    pub(super) fn health(&self) -> Health {
        let now = self.clock.now();
        let token = self.current();
        let held = token.as_ref().map(|token| self.held(token, now));
        let is_due = held.is_none_or(Held::is_near_its_end);
        let allowance = self.issuer.refreshes();
        let history = self.history();
        let by = history.held_back(now);
        let forbids = match by {
            Some(HeldBack::Failed) => true,
            Some(HeldBack::Spent) => !is_due,
            // After a refresh ahead that is nothing unusual.
            Some(HeldBack::Unchanged) => held.is_some_and(|held| held.rejected),
            None => false,
        };
        let held_back = forbids.then(|| history.error(now).for_app(self.account.app()));
        let last_failure =
            history.last_failure(now).map(|(error, ago)| FailedMint { error: error.clone(), ago });
        let usage = history.usage(now);
        drop(history);
        let (refreshes_left, futile_refreshes_left) = budget::refreshes_left(&usage, allowance);
        Health {
            token_age: token.as_ref().map(AccessToken::age),
            token,
            is_due,
            last_failure,
            is_held_back_by_rejections: forbids && by != Some(HeldBack::Failed),
            held_back,
            refreshes_left,
            futile_refreshes_left,
            is_store_down: self.is_store_down(),
        }
    }
}
