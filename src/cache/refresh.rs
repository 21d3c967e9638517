//! What a fetch does: the election among all who share the store, and the mint.
//!
//! 1. Has somebody else been faster? Then the token in the store is the answer; a fresh failure there is one too.
//! 2. Who mints? Whoever gets the store's lease. The others wait for a change (told by the store's watch, or found by
//!    looking again), and go back to 1. A holder that dies is replaced when its lease runs out.
//! 3. The holder looks once more, mints, and keeps renewing its lease meanwhile.
//! 4. It commits. If a later lease was granted (it was frozen for too long), the commit is refused, and what the other
//!    has written is the answer. Only then is the token installed.
//!
//! If the store is out of reach, an issuer whose mints do each other no harm is asked directly; for any other, the fetch
//! tries the store for as long as a caller would wait, and fails: a second mint would end the token that others use.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{
    budget,
    policy::{self, Need},
    shared::{Outcome, Shared},
    sync::lock,
};
use crate::{
    clock::Moment,
    error::{ErrorKind, TokenError},
    issuer::{Mint, Minted},
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Record, Snapshot, StoreError},
    telemetry::{Cause, Event},
    token::AccessToken,
};

/// How long a lease lasts unless renewed: a dead holder is replaced within two seconds.
pub(super) const LEASE_LIFE: Duration = Duration::from_millis(1500);
/// How often those who wait look again, whatever the watch says, in milliseconds.
const POLL_MILLIS: std::ops::Range<u64> = 30..90;
/// How long to leave a busy endpoint, or a store, before the one more try, in milliseconds.
const PAUSE_MILLIS: std::ops::Range<u64> = 80..160;
/// How long callers are told at once that the store has failed, in milliseconds. This does not grow: no endpoint is to be
/// spared, and all must be well again soon after the store is.
const STORE_MILLIS: std::ops::Range<u64> = 500..1000;
/// How often to try to write a minted token to the store.
const COMMITS: usize = 3;
/// The longest life that a token is believed to have.
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The longest token. WeChat asks to reserve 512 characters.
const LONGEST_TOKEN: usize = 4096;
/// How long not to ask again after a refresh has returned the very token that was rejected.
const SAME_AGAIN: Duration = Duration::from_secs(30);
/// The longest that the store is not asked after the budget of refreshes was found spent.
const BUDGET_LOOK: Duration = Duration::from_secs(5);
/// WeChat keeps the old token for five minutes after a mint
/// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>). If the answer to a mint is lost,
/// that clock may be running.
const TRUST_AFTER_LOST_ANSWER: Duration = Duration::from_secs(240);

/// What the fetch was started for.
pub(super) struct Order {
    pub(super) need: Need,
    /// The token that WeChat rejected, if that is why.
    pub(super) rejected: Option<AccessToken>,
}

/// Fetches.
pub(super) async fn run(shared: &Shared, order: &Order) -> Outcome {
    let (started, before) = (shared.clock.now(), shared.slot());
    Refresh { shared, order, started, before, store_failed: AtomicBool::new(false) }.run().await
}

struct Refresh<'a> {
    shared: &'a Shared,
    order: &'a Order,
    started: Moment,
    /// The token that was there when the fetch began.
    before: Option<AccessToken>,
    /// Said once a fetch, however often it is tried.
    store_failed: AtomicBool,
}

/// How the work under a lease ends.
enum Work {
    Done(Outcome),
    /// Another process took over, and has not finished.
    TakenOver,
}

impl Refresh<'_> {
    async fn run(&self) -> Outcome {
        let Shared { store, account, settings, .. } = self.shared;
        let patience = settings.fetch_timeout.saturating_add(LEASE_LIFE);
        let mut watch = None;
        loop {
            let claimed = async {
                let snapshot = store.load(account).await?;
                if snapshot.leased.is_some() || self.settles(&snapshot) {
                    return Ok(Claim::Held(snapshot));
                }
                store.try_lease(account, LeaseRequest::new(LEASE_LIFE, self.floor())).await
            };
            let claimed = claimed.await;
            if claimed.is_ok() {
                lock(&self.shared.history).trouble = None;
            }
            let snapshot = match claimed {
                Ok(Claim::Held(snapshot)) => snapshot,
                Ok(Claim::Granted(lease, snapshot)) => match self.work(&lease, snapshot).await {
                    Work::Done(outcome) => return outcome,
                    Work::TakenOver => continue,
                },
                Err(error) => match self.without_store(error).await {
                    Some(outcome) => return outcome,
                    None => continue,
                },
            };
            if let Some(outcome) = self.settle(&snapshot) {
                return outcome;
            }
            if self.elapsed() > patience {
                return Err(self.timed_out("another process has been minting all the time"));
            }
            // Watch first, then look, then wait: what happens in between is not missed.
            match &mut watch {
                None => watch = Some(store.watch(account)),
                Some(watch) => {
                    let poll = Duration::from_millis(fastrand::u64(POLL_MILLIS));
                    let _ = timeout(poll, watch.changed()).await;
                }
            }
        }
    }

    // === what others did ===

    /// The token that answers the need, if somebody else has seen to one: in the store, or taken over from there by the
    /// follower, which may have been faster.
    fn offered(&self, snapshot: &Snapshot) -> Option<AccessToken> {
        let stored = snapshot.record.as_ref().map(|record| self.shared.token_of(record));
        let newest = match (stored, self.shared.slot()) {
            (Some(stored), Some(present)) if stored.generation() <= present.generation() => present,
            (stored, present) => stored.or(present)?,
        };
        self.shared.satisfies(&newest, self.order.need).then_some(newest)
    }

    fn settles(&self, snapshot: &Snapshot) -> bool {
        snapshot.failure.is_some() || self.offered(snapshot).is_some()
    }

    /// Ends the fetch with what others did, if that is an answer.
    fn settle(&self, snapshot: &Snapshot) -> Option<Outcome> {
        if let Some(token) = self.offered(snapshot) {
            self.shared.adopt(&token);
            return Some(Ok(token));
        }
        let Failure { error, left, .. } = snapshot.failure.as_ref()?;
        let now = self.shared.clock.now();
        lock(&self.shared.history).hold_back(error, *left, now);
        let error = error.clone().for_app(self.shared.account.app());
        Some(Err(error.with_retry_after(*left)))
    }

    // === our own work ===

    async fn work(&self, lease: &Lease, snapshot: Snapshot) -> Work {
        if let Some(outcome) = self.settle(&snapshot) {
            self.abandon(lease, snapshot.failure.as_ref()).await;
            return Work::Done(outcome);
        }
        if let Err(error) = self.spend() {
            self.abandon(lease, None).await;
            return Work::Done(Err(error));
        }
        let past = snapshot.record.map(|record| record.forced).unwrap_or_default();
        let mut forced = self.forced_today(past);
        let given_back = GiveBack { shared: self.shared, lease };
        let minted = self.while_renewing(lease, self.mint(lease.fence, &mut forced)).await;
        std::mem::forget(given_back);
        match minted {
            Ok(token) => self.commit(lease, token, forced).await,
            Err(error) => {
                let pause = self.failed(&error);
                self.abandon(lease, Some(&Failure::new(error.clone(), lease.fence, pause))).await;
                Work::Done(Err(error.with_retry_after(pause)))
            }
        }
    }

    /// Runs `mint` and renews the lease meanwhile. A lost lease does not stop the mint: the commit will tell.
    async fn while_renewing<T>(&self, lease: &Lease, mint: impl Future<Output = T>) -> T {
        let renewing = async {
            loop {
                sleep(lease.life / 3).await;
                if let Ok(false) = self.shared.store.renew(&self.shared.account, lease).await {
                    std::future::pending::<()>().await;
                }
            }
        };
        let (mut mint, mut renewing) = (pin!(mint), pin!(renewing));
        std::future::poll_fn(move |cx| {
            if let Poll::Ready(minted) = mint.as_mut().poll(cx) {
                return Poll::Ready(minted);
            }
            let _: Poll<()> = renewing.as_mut().poll(cx);
            Poll::Pending
        })
        .await
    }

    async fn commit(&self, lease: &Lease, token: AccessToken, forced: Vec<u64>) -> Work {
        let Shared { store, account, .. } = self.shared;
        for again in 1..=COMMITS {
            let left = token.left(self.shared.clock.now());
            let mut record = Record::new(token.shared_text(), token.generation(), token.life(), left);
            record.forced.clone_from(&forced);
            match store.commit(account, lease, &record).await {
                Ok(Commit::Done) => break,
                Ok(Commit::Fenced(snapshot)) => {
                    self.shared.report(Event::Fenced { generation: token.generation() });
                    return self.settle(&snapshot).map_or(Work::TakenOver, Work::Done);
                }
                Err(error) => {
                    self.store_failed(&error);
                    if again < COMMITS {
                        pause().await;
                    }
                }
            }
        }
        // A token that could not be shared is still a good token.
        Work::Done(Ok(self.publish(token)))
    }

    async fn abandon(&self, lease: &Lease, failure: Option<&Failure>) {
        if let Err(error) = self.shared.store.abandon(&self.shared.account, lease, failure).await {
            // The lease runs out by itself.
            self.store_failed(&error);
        }
    }

    fn store_failed(&self, error: &StoreError) {
        if !self.store_failed.swap(true, Ordering::Relaxed) {
            self.shared.report(Event::StoreFailed { error });
        }
    }

    /// The store failed. `None`: try it again.
    async fn without_store(&self, error: StoreError) -> Option<Outcome> {
        self.store_failed(&error);
        if self.shared.issuer.mints_are_independent() {
            if let Err(error) = self.spend() {
                return Some(Err(error));
            }
            let minted = self.mint(self.floor() + 1, &mut self.forced_today(Vec::new())).await;
            return Some(match minted {
                Ok(token) => Ok(self.publish(token)),
                Err(error) => {
                    let pause = self.failed(&error);
                    Err(error.with_retry_after(pause))
                }
            });
        }
        let text = "the shared store failed, and a mint without it would end the token that others use; restore the store";
        let lasting = error.is_unreadable();
        let error = self.shared.error(ErrorKind::Store, text).with_source(error).with_transient(!lasting);
        if self.elapsed() < self.shared.settings.wait_timeout && !lasting {
            lock(&self.shared.history).trouble = Some(error);
            pause().await;
            return None;
        }
        let pause = Duration::from_millis(fastrand::u64(STORE_MILLIS));
        lock(&self.shared.history).hold_back(&error, pause, self.shared.clock.now());
        Some(Err(error.with_retry_after(pause)))
    }

    // === the mint ===

    /// Asks the issuer, a second time after a transient failure, and by force where that is called for and allowed.
    async fn mint(&self, generation: u64, forced: &mut Vec<u64>) -> Outcome {
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
        Ok(AccessToken::new(text.into(), generation, life, expiry, clock))
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
    fn publish(&self, token: AccessToken) -> AccessToken {
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
    fn failed(&self, error: &TokenError) -> Duration {
        let cause = self.cause();
        if error.is_transient() && !self.shared.issuer.mints_are_independent() {
            self.shared.curtail(TRUST_AFTER_LOST_ANSWER);
        }
        let pause = lock(&self.shared.history).failed(error, self.shared.clock.now());
        self.shared.report(Event::MintFailed { cause, error, pause });
        pause
    }

    /// A mint that answers a rejection comes out of the budget; one that is due anyway does not, whoever came first.
    fn spend(&self) -> Result<(), TokenError> {
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
    fn forced_today(&self, mut past: Vec<u64>) -> Vec<u64> {
        past.extend_from_slice(&lock(&self.shared.history).forced);
        past.sort_unstable();
        past.dedup();
        budget::forced_today(&past, self.shared.clock.now())
    }

    /// A new token's generation must be above this.
    fn floor(&self) -> u64 {
        let present = self.shared.slot().map_or(0, |token| token.generation());
        let rejected = self.order.rejected.as_ref().map_or(0, AccessToken::generation);
        present.max(rejected)
    }

    fn timed_out(&self, text: impl Into<std::borrow::Cow<'static, str>>) -> TokenError {
        self.shared.error(ErrorKind::Timeout, text).with_transient(true)
    }

    fn elapsed(&self) -> Duration {
        self.shared.clock.now().since(self.started)
    }
}

/// Gives the lease back if the mint is stopped under way, so that the next need not wait until it runs out.
struct GiveBack<'a> {
    shared: &'a Shared,
    lease: &'a Lease,
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        let mut abandoned = self.shared.store.abandon(&self.shared.account, self.lease, None);
        // Nobody is left to wait for it: a store in memory is done at once, for any other the lease runs out.
        let _ = abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

impl Shared {
    pub(super) fn token_of(&self, record: &Record) -> AccessToken {
        let expiry = self.clock.now().after(record.left);
        AccessToken::new(record.token.clone(), record.generation, record.life, expiry, self.clock.clone())
    }

    /// Takes over a token that another process has minted.
    pub(super) fn adopt(&self, token: &AccessToken) {
        let same = self.slot().is_some_and(|present| present.as_str() == token.as_str());
        if self.install(token) {
            let mut history = lock(&self.history);
            history.succeeded();
            if same {
                // What it was told to let be, this process need not try either.
                history.unchanged(policy::quiet_after_unchanged(token), self.clock.now());
            }
            drop(history);
            self.report(Event::Shared { generation: token.generation() });
        }
    }
}

async fn pause() {
    sleep(Duration::from_millis(fastrand::u64(PAUSE_MILLIS))).await;
}

/// Turns a panic of the issuer into an error: the fetch must go on to tell those who wait.
async fn no_panic(mint: impl Future<Output = Result<Minted, TokenError>>) -> Result<Minted, TokenError> {
    let mut mint = pin!(mint);
    std::future::poll_fn(move |cx| {
        catch_unwind(AssertUnwindSafe(|| mint.as_mut().poll(cx))).unwrap_or_else(|_| {
            Poll::Ready(Err(TokenError::permanent("the issuer panicked; that is a bug in it")))
        })
    })
    .await
}
