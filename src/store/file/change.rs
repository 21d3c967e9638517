//! One change of an account, from the state that is read to the state that is written.

use std::time::Duration;

use super::{
    Inner,
    disk::Locked,
    state::{Kept, State, Term},
};
use crate::{
    issuer::AccountKey,
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Record, Snapshot, StoreError},
};

/// One account, read under its lock.
pub(super) struct Change<'a> {
    store: &'a Inner,
    account: &'a AccountKey,
    locked: &'a Locked,
    state: State,
    snapshot: Snapshot,
}

impl<'a> Change<'a> {
    /// Fails if there is anything that cannot be read, because it must not be overwritten.
    pub(super) fn begin(
        store: &'a Inner,
        account: &'a AccountKey,
        locked: &'a Locked,
    ) -> Result<Self, StoreError> {
        let files = locked.files();
        let state = files.read()?;
        let now = store.clock.now();
        let alive = state.leased(now).is_some() && files.lease_is_held()?;
        let snapshot = state.snapshot(now, alive, files)?;
        Ok(Self { store, account, locked, state, snapshot })
    }

    fn term(&self, life: Duration) -> Term {
        Term::new(self.store.clock.now(), life)
    }

    pub(super) fn grant(&mut self, ask: LeaseRequest) -> Result<Claim, StoreError> {
        let snapshot = std::mem::take(&mut self.snapshot);
        if snapshot.leased.is_some() {
            return Ok(Claim::Held(snapshot));
        }
        let fence = self.state.fence.max(ask.floor).checked_add(1);
        let lease = Lease::new(fence.ok_or_else(|| self.locked.files().used_up())?, ask.life);
        self.state.fence = lease.fence;
        self.state.lease = Some(self.term(ask.life));
        // Everything that can fail comes before the old lease file is replaced.
        let draft = self.locked.draft(&self.state, self.store.clock.now())?;
        let held = self.locked.hold_lease(lease.fence)?;
        draft.publish()?;
        self.store.leases().insert(self.account.clone(), held);
        Ok(Claim::Granted(lease, snapshot))
    }

    pub(super) fn renew(&mut self, lease: &Lease) -> Result<bool, StoreError> {
        let held = self.state.fence == lease.fence && self.state.lease.is_some();
        if !held || !self.store.holds(self.account, lease) {
            self.store.release(self.account, lease);
            return Ok(false);
        }
        self.state.lease = Some(self.term(lease.life));
        self.locked.draft(&self.state, self.store.clock.now())?.publish()?;
        Ok(true)
    }

    pub(super) fn commit(&mut self, lease: &Lease, record: &Record) -> Result<Commit, StoreError> {
        if self.state.fence > lease.fence {
            self.store.release(self.account, lease);
            return Ok(Commit::Fenced(std::mem::take(&mut self.snapshot)));
        }
        self.state.fence = lease.fence;
        self.state.record = Some(Kept::new(record.encode(), self.term(record.left)));
        self.state.failure = None;
        self.finish(lease)?;
        Ok(Commit::Done)
    }

    pub(super) fn abandon(&mut self, lease: &Lease, failure: Option<&Failure>) -> Result<(), StoreError> {
        if self.state.fence != lease.fence {
            self.store.release(self.account, lease);
            return Ok(());
        }
        self.state.failure = failure.map(|failure| Kept::new(failure.encode(), self.term(failure.left)));
        self.finish(lease)
    }

    /// Ends the lease. Readers must find the new state before they find the lease file free.
    fn finish(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.state.lease = None;
        self.locked.draft(&self.state, self.store.clock.now())?.publish()?;
        self.locked.sync_dir()?;
        self.store.release(self.account, lease);
        Ok(())
    }
}
