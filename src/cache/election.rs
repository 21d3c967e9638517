//! The election among all who share a store: who mints, and what the others do meanwhile.
//!
//! 1. Has somebody else been faster? Then the token in the store is the answer; a fresh failure there is one too.
//! 2. Who mints? Whoever gets the store's lease. The others wait for a change (told by the store's watch, or found by
//!    looking again), and go back to 1. A holder that dies is replaced when its lease runs out.
//! 3. The holder looks once more, mints, and keeps renewing its lease meanwhile. If it has slept since it asked for the
//!    lease, it makes sure first that it still has it.
//! 4. It commits. If a later lease was granted (it was frozen for too long), the commit is refused, and what the other
//!    has written is the answer. Only then is the token installed.
//!
//! If the store is out of reach, an issuer whose mints do each other no harm is asked directly; for any other, the fetch
//! tries the store for as long as a caller would wait, and fails: a second mint would end the token that others use.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{
    mint::pause,
    refresh::Refresh,
    shared::{Outcome, Shared},
    sync::lock,
};
use crate::{
    clock::Moment,
    error::ErrorKind,
    issuer::AccountKey,
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Record, Snapshot, StoreError, TokenStore},
    telemetry::Event,
    token::AccessToken,
};

/// How long a lease lasts unless renewed: a dead holder is replaced within two seconds.
pub(super) const LEASE_LIFE: Duration = Duration::from_millis(1500);
/// How often those who wait look again, whatever the watch says, in milliseconds.
const POLL_MILLIS: std::ops::Range<u64> = 30..90;
/// How long callers are told at once that the store has failed, in milliseconds. This does not grow: no endpoint is to be
/// spared, and all must be well again soon after the store is.
const STORE_MILLIS: std::ops::Range<u64> = 500..1000;
/// How often to try to write a minted token to the store.
const COMMITS: usize = 3;

pub(super) struct Election<'a> {
    refresh: &'a Refresh<'a>,
    store: &'a dyn TokenStore,
    /// Whether it was said that the store failed: once a fetch, however often it is tried.
    said: AtomicBool,
}

/// How the work under a lease ends.
enum Work {
    Done(Outcome),
    /// Another process took over, and has not finished.
    TakenOver,
}

impl<'a> Election<'a> {
    pub(super) fn new(refresh: &'a Refresh<'a>, store: &'a dyn TokenStore) -> Self {
        Self { refresh, store, said: AtomicBool::new(false) }
    }

    pub(super) async fn run(&self) -> Outcome {
        let Self { refresh, store, .. } = self;
        let Shared { account, settings, .. } = refresh.shared;
        let patience = settings.fetch_timeout.saturating_add(LEASE_LIFE);
        let mut watch = None;
        loop {
            let asked = refresh.shared.clock.now();
            let claimed = async {
                let snapshot = store.load(account).await?;
                if snapshot.leased.is_some() || self.settles(&snapshot) {
                    return Ok(Claim::Held(snapshot));
                }
                store.try_lease(account, LeaseRequest::new(LEASE_LIFE, refresh.floor())).await
            };
            let claimed = claimed.await;
            if claimed.is_ok() {
                lock(&self.refresh.shared.history).trouble = None;
            }
            let snapshot = match claimed {
                Ok(Claim::Held(snapshot)) => Some(snapshot),
                Ok(Claim::Granted(lease, snapshot)) => match self.work(&lease, snapshot, asked).await {
                    Work::Done(outcome) => return outcome,
                    Work::TakenOver => None,
                },
                Err(error) => match self.without_store(error).await {
                    Some(outcome) => return outcome,
                    None => continue,
                },
            };
            if let Some(outcome) = snapshot.and_then(|snapshot| self.settle(&snapshot)) {
                return outcome;
            }
            if self.refresh.elapsed() > patience {
                return Err(self.refresh.timed_out("another process has been minting all the time"));
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
        let stored = snapshot.record.as_ref().map(|record| self.refresh.shared.token_of(record));
        let newest = match (stored, self.refresh.shared.slot()) {
            (Some(stored), Some(present)) if stored.generation() <= present.generation() => present,
            (stored, present) => stored.or(present)?,
        };
        self.refresh.shared.satisfies(&newest, self.refresh.order.need).then_some(newest)
    }

    fn settles(&self, snapshot: &Snapshot) -> bool {
        snapshot.failure.is_some() || self.offered(snapshot).is_some()
    }

    /// Ends the fetch with what others did, if that is an answer.
    fn settle(&self, snapshot: &Snapshot) -> Option<Outcome> {
        if let Some(token) = self.offered(snapshot) {
            self.refresh.shared.adopt(&token);
            return Some(Ok(token));
        }
        let Failure { error, left, .. } = snapshot.failure.as_ref()?;
        let now = self.refresh.shared.clock.now();
        lock(&self.refresh.shared.history).hold_back(error, *left, now);
        let error = error.clone().for_app(self.refresh.shared.account.app());
        Some(Err(error.with_retry_after(*left)))
    }

    // === our own work ===

    /// Whether the lease was not lost meanwhile.
    async fn holds(&self, lease: &Lease) -> bool {
        matches!(self.store.renew(&self.refresh.shared.account, lease).await, Ok(true))
    }

    async fn work(&self, lease: &Lease, snapshot: Snapshot, asked: Moment) -> Work {
        let slept = self.refresh.shared.clock.now().since(asked) >= lease.life;
        if slept && !self.holds(lease).await {
            return Work::TakenOver;
        }
        if let Some(outcome) = self.settle(&snapshot) {
            self.abandon(lease, snapshot.failure.as_ref()).await;
            return Work::Done(outcome);
        }
        if let Err(error) = self.refresh.spend() {
            self.abandon(lease, None).await;
            return Work::Done(Err(error));
        }
        let past = snapshot.record.map(|record| record.forced).unwrap_or_default();
        let mut forced = self.refresh.forced_today(past);
        let given_back = GiveBack { store: self.store, account: &self.refresh.shared.account, lease };
        let minted = self.while_renewing(lease, self.refresh.mint(lease.fence, &mut forced)).await;
        std::mem::forget(given_back);
        match minted {
            Ok(token) => self.commit(lease, token, forced).await,
            Err(error) => {
                let pause = self.refresh.failed(&error);
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
                if let Ok(false) = self.store.renew(&self.refresh.shared.account, lease).await {
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
        let (store, account) = (self.store, &self.refresh.shared.account);
        for again in 1..=COMMITS {
            let left = token.left(self.refresh.shared.clock.now());
            let mut record = Record::new(token.shared_text(), token.generation(), token.life(), left);
            record.forced.clone_from(&forced);
            match store.commit(account, lease, &record).await {
                Ok(Commit::Done) => break,
                Ok(Commit::Fenced(snapshot)) => {
                    self.refresh.shared.report(Event::Fenced { generation: token.generation() });
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
        Work::Done(Ok(self.refresh.publish(token)))
    }

    async fn abandon(&self, lease: &Lease, failure: Option<&Failure>) {
        if let Err(error) = self.store.abandon(&self.refresh.shared.account, lease, failure).await {
            // The lease runs out by itself.
            self.store_failed(&error);
        }
    }

    fn store_failed(&self, error: &StoreError) {
        if !self.said.swap(true, Ordering::Relaxed) {
            self.refresh.shared.report(Event::StoreFailed { error });
        }
    }

    /// The store failed. `None`: try it again.
    async fn without_store(&self, error: StoreError) -> Option<Outcome> {
        self.store_failed(&error);
        if self.refresh.shared.issuer.mints_are_independent() {
            return Some(self.refresh.alone().await);
        }
        let text = "the shared store failed, and a mint without it would end the token that others use; restore the store";
        let lasting = error.is_unreadable();
        let error =
            self.refresh.shared.error(ErrorKind::Store, text).with_source(error).with_transient(!lasting);
        if self.refresh.elapsed() < self.refresh.shared.settings.wait_timeout && !lasting {
            lock(&self.refresh.shared.history).trouble = Some(error);
            pause().await;
            return None;
        }
        let pause = Duration::from_millis(fastrand::u64(STORE_MILLIS));
        lock(&self.refresh.shared.history).hold_back(&error, pause, self.refresh.shared.clock.now());
        Some(Err(error.with_retry_after(pause)))
    }
}

/// Gives the lease back if the mint is stopped under way, so that the next need not wait until it runs out.
struct GiveBack<'a> {
    store: &'a dyn TokenStore,
    account: &'a AccountKey,
    lease: &'a Lease,
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        let mut abandoned = self.store.abandon(self.account, self.lease, None);
        // Nobody is left to wait for it: a store in memory is done at once, for any other the lease runs out.
        let _ = abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}
