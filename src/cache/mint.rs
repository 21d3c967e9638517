//! The mint itself: asking the issuer, within its budgets, and taking note of how it went.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{budget, policy, refresh::Refresh, shared::Outcome, sync::lock};
use crate::{
    error::{ErrorKind, TokenError},
    issuer::{Mint, Minted},
    telemetry::{Cause, Event},
    token::AccessToken,
};

/// How long to leave a busy endpoint, or a store, before the one more try, in milliseconds.
const PAUSE_MILLIS: std::ops::Range<u64> = 80..160;
/// The longest life that a token is believed to have.
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The longest token. WeChat asks to reserve 512 characters.
const LONGEST_TOKEN: usize = 4096;
/// How long not to ask again after a refresh has returned the very token that was rejected.
pub(super) const SAME_AGAIN: Duration = Duration::from_secs(30);
/// The longest that the store is not asked after the budget of refreshes was found spent.
const BUDGET_LOOK: Duration = Duration::from_secs(5);
/// WeChat keeps the old token for five minutes after a mint
/// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>). If the answer to a mint is lost,
/// that clock may be running.
const TRUST_AFTER_LOST_ANSWER: Duration = Duration::from_secs(240);

impl Refresh<'_> {
    /// Asks the issuer, a second time after a transient failure, and by force where that is called for and allowed.
    pub(super) async fn mint(&self, generation: u64, forced: &mut Vec<u64>) -> Outcome {
        let minting = async {
            let normal = match &self.order.rejected {
                Some(rejected) => Mint::rejecting(rejected.clone()),
                None => Mint::normal(),
            };
            let token = match self.ask(normal.clone(), generation).await {
                Err(error) if self.may_try_again(&error) => {
                    pause().await;
                    self.ask(normal.clone(), generation).await?
                }
                first => first?,
            };
            let now = self.shared.clock.now();
            let stuck = self.returns_the_rejected(&token) && self.shared.issuer.can_force();
            let cause = if stuck && budget::may_force(forced, now) {
                forced.push(now.unix_millis());
                lock(&self.shared.history).forced.clone_from(forced);
                Cause::Forced
            } else {
                self.cause()
            };
            let token =
                if cause == Cause::Forced { self.ask(normal.forced(), generation).await? } else { token };
            self.shared.report(Event::Minted { cause, generation, life: token.life() });
            Ok(token)
        };
        let limit = self.shared.settings.fetch_timeout;
        timeout(limit, minting)
            .await
            .unwrap_or_else(|_| {
                let text = format!("the token endpoint did not answer within {:.1} s", limit.as_secs_f64());
                Err(self.timed_out(text))
            })
            .map_err(|error| error.for_app(self.shared.account.app()))
    }

    async fn ask(&self, how: Mint, generation: u64) -> Outcome {
        // Its life counts from before it was asked for.
        let before = self.shared.clock.now();
        let Minted { text, expires_in } = no_panic(async { self.shared.issuer.mint(how).await }).await?;
        if text.trim().is_empty() || text.len() > LONGEST_TOKEN {
            let length = text.len();
            return Err(TokenError::permanent(format!(
                "the issuer returned a token of {length} bytes (1 to {LONGEST_TOKEN})"
            )));
        }
        if expires_in.is_zero() {
            return Err(TokenError::transient("the issuer returned a token that has expired already"));
        }
        let life = expires_in.min(LONGEST_LIFE);
        let expiry = before.after(life);
        if expiry.has_passed(self.shared.clock.now()) {
            return Err(TokenError::transient("the token had expired before the issuer returned it"));
        }
        let clock = self.shared.clock.clone();
        let ahead = self.shared.settings.refresh_ahead;
        Ok(AccessToken::new(text.into(), generation, life, expiry, ahead, clock))
    }

    fn may_try_again(&self, error: &TokenError) -> bool {
        error.is_transient()
            && error.retry_after().is_none()
            && self.elapsed() < self.shared.settings.wait_timeout
    }

    fn cause(&self) -> Cause {
        if self.order.rejected.is_some() {
            Cause::Rejected
        } else if self.shared.current().is_some() {
            Cause::Ahead
        } else {
            Cause::Cold
        }
    }

    fn returns_the_rejected(&self, token: &AccessToken) -> bool {
        self.order.rejected.as_ref().is_some_and(|rejected| rejected.as_str() == token.as_str())
    }

    /// Makes the token the present one.
    pub(super) fn publish(&self, token: AccessToken) -> AccessToken {
        let now = self.shared.clock.now();
        // Not the slot: once it is committed, the follower may have put this very token there.
        let same = self.before.as_ref().is_some_and(|before| before.as_str() == token.as_str());
        self.shared.install(&token);
        let mut history = lock(&self.shared.history);
        history.succeeded();
        if self.returns_the_rejected(&token) {
            history.unchanged(SAME_AGAIN, now);
        } else if same {
            history.unchanged(policy::quiet_after_unchanged(&token), now);
        }
        token
    }

    /// Takes note of a failed mint, and says for how long nobody should try again.
    pub(super) fn failed(&self, error: &TokenError) -> Duration {
        let cause = self.cause();
        let unanswered = error.is_transient() && error.errcode().is_none();
        if unanswered && !self.shared.issuer.mints_are_independent() {
            self.shared.curtail(TRUST_AFTER_LOST_ANSWER);
        }
        let pause = lock(&self.shared.history).failed(error, self.shared.clock.now());
        self.shared.report(Event::MintFailed { cause, error, pause });
        pause
    }

    /// A mint that answers a rejection comes out of the budget; one that is due anyway does not, whoever came first.
    pub(super) fn spend(&self) -> Result<(), TokenError> {
        if self.order.rejected.is_none() || self.shared.current().is_none() {
            return Ok(());
        }
        let now = self.shared.clock.now();
        let mut history = lock(&self.shared.history);
        let Err(pause) = history.spend(now) else {
            return Ok(());
        };
        history.unchanged(pause.min(BUDGET_LOOK), now);
        drop(history);
        self.shared.report(Event::BudgetSpent { pause });
        let text = "tokens are rejected so often that the budget of refreshes is spent; does another program mint for this app?";
        Err(self.shared.error(ErrorKind::BackedOff, text).with_transient(true).with_retry_after(pause))
    }

    /// Today's forced refreshes: those in the store and our own.
    pub(super) fn forced_today(&self, mut past: Vec<u64>) -> Vec<u64> {
        past.extend_from_slice(&lock(&self.shared.history).forced);
        past.sort_unstable();
        past.dedup();
        budget::forced_today(&past, self.shared.clock.now())
    }
}

/// Leaves them alone for a moment.
pub(super) async fn pause() {
    sleep(Duration::from_millis(fastrand::u64(PAUSE_MILLIS))).await;
}

/// Turns a panic of the issuer into an error: the fetch must go on to tell those who wait.
async fn no_panic(mint: impl Future<Output = Result<Minted, TokenError>>) -> Result<Minted, TokenError> {
    let mut mint = pin!(mint);
    poll_fn(move |cx| {
        catch_unwind(AssertUnwindSafe(|| mint.as_mut().poll(cx))).unwrap_or_else(|_| {
            Poll::Ready(Err(TokenError::permanent("the issuer panicked; that is a bug in it")))
        })
    })
    .await
}
