//! [`HeldLease`]: the right to mint, from its grant to its end, spoken to the store in one place.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    issuer::AccountKey,
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Record, Snapshot, StoreError, TokenStore, Usage},
};

/// How long a lease lasts unless renewed: a dead holder is replaced within two seconds.
pub(super) const LEASE_LIFE: Duration = Duration::from_millis(1500);

/// A lease that was granted to this process. Dropped before its end, it is given back, so that the next need not wait until
/// it runs out.
pub(super) struct HeldLease<'a> {
    store: &'a dyn TokenStore,
    account: &'a AccountKey,
    lease: Lease,
    /// What was used by the time of the grant, or was charged since.
    usage: Usage,
    ended: bool,
}

/// The answer to a claim.
pub(super) enum Claimed<'a> {
    Granted(HeldLease<'a>, Snapshot),
    /// Somebody else has it.
    Held(Snapshot),
}

impl<'a> HeldLease<'a> {
    /// Claims the lease, with a fence above `floor`.
    pub(super) async fn claim(
        store: &'a dyn TokenStore,
        account: &'a AccountKey,
        floor: u64,
    ) -> Result<Claimed<'a>, StoreError> {
        Ok(match store.try_lease(account, LeaseRequest::new(LEASE_LIFE, floor)).await? {
            Claim::Granted(lease, snapshot) => {
                let usage = snapshot.usage.clone();
                Claimed::Granted(Self { store, account, lease, usage, ended: false }, snapshot)
            }
            Claim::Held(snapshot) => Claimed::Held(snapshot),
        })
    }

    /// The generation of a token that is minted under it.
    pub(super) fn generation(&self) -> u64 {
        self.lease.fence
    }

    /// What is kept should it be dropped before its end.
    pub(super) fn charge(&mut self, usage: &Usage) {
        self.usage = usage.clone();
    }

    /// Whether it was not lost meanwhile.
    pub(super) async fn is_held(&mut self) -> bool {
        let held = matches!(self.store.renew(self.account, &self.lease).await, Ok(true));
        // There is nothing to give back of one that was lost.
        self.ended = !held;
        held
    }

    /// Runs `mint` and renews the lease meanwhile. A lost lease does not stop the mint: the commit will tell.
    pub(super) async fn while_renewing<T>(&self, mint: impl Future<Output = T>) -> T {
        let renewing = async {
            loop {
                sleep(LEASE_LIFE / 3).await;
                if let Ok(false) = self.store.renew(self.account, &self.lease).await {
                    std::future::pending::<()>().await;
                }
            }
        };
        let (mut mint, mut renewing) = (pin!(mint), pin!(renewing));
        poll_fn(move |cx| {
            if let Poll::Ready(minted) = mint.as_mut().poll(cx) {
                return Poll::Ready(minted);
            }
            let _: Poll<()> = renewing.as_mut().poll(cx);
            Poll::Pending
        })
        .await
    }

    /// Ends it with a token. After an error it may be tried again.
    pub(super) async fn commit(&mut self, record: &Record, usage: &Usage) -> Result<Commit, StoreError> {
        // Given back after this, it would take a token with it that was written though nobody said so.
        self.ended = true;
        self.store.commit(self.account, &self.lease, record, usage).await
    }

    /// Ends it without a token.
    pub(super) async fn abandon(
        mut self,
        failure: Option<&Failure>,
        usage: &Usage,
    ) -> Result<(), StoreError> {
        self.ended = true;
        self.store.abandon(self.account, &self.lease, failure, usage).await
    }
}

impl Drop for HeldLease<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut abandoned = self.store.abandon(self.account, &self.lease, None, &self.usage);
        // Nobody is left to wait for it: a store in memory is done at once, for any other the lease runs out.
        let _ = abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}
