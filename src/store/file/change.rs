//! One change of an account, from the state that is read to the state that is written.

use std::time::Duration;

use super::{
    Inner,
    disk::Locked,
    state::{Kept, State, Term},
};
use crate::{
    issuer::AccountKey,
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreError, Usage},
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
        let fence = fence.ok_or_else(|| self.locked.files().used_up())?;
        // Not below the clock, should the files have been put back from a copy.
        let lease = Lease::new(fence.max(self.store.clock.now().unix_millis()), &ask);
        (self.state.fence, self.state.owner) = (lease.fence, lease.owner);
        self.state.lease = Some(self.term(ask.life));
        // Everything that can fail comes before the old lease file is replaced.
        let draft = self.locked.draft(&self.state, self.store.clock.now())?;
        let held = self.locked.hold_lease(lease.fence)?;
        draft.publish()?;
        self.store.leases().insert(self.account.clone(), held);
        Ok(Claim::Granted(lease, snapshot))
    }

    pub(super) fn renew(&mut self, lease: &Lease) -> Result<bool, StoreError> {
        let held = self.state.is_latest(lease) && self.state.lease.is_some();
        if !held || !self.store.holds(self.account, lease) {
            self.store.release(self.account, lease);
            return Ok(false);
        }
        self.state.lease = Some(self.term(lease.life));
        self.locked.draft(&self.state, self.store.clock.now())?.publish()?;
        Ok(true)
    }

    pub(super) fn commit(
        &mut self,
        lease: &Lease,
        record: &Record,
        usage: &Usage,
    ) -> Result<Commit, StoreError> {
        let fence = self.state.fence;
        if fence > lease.fence || (fence == lease.fence && !self.state.is_latest(lease)) {
            self.store.release(self.account, lease);
            return Ok(Commit::Fenced(std::mem::take(&mut self.snapshot)));
        }
        (self.state.fence, self.state.owner) = (lease.fence, lease.owner);
        self.state.record = Some(Kept::new(record.encode(), self.term(record.left)));
        self.state.failure = None;
        self.finish(lease, usage)?;
        Ok(Commit::Done)
    }

    pub(super) fn abandon(
        &mut self,
        lease: &Lease,
        failure: Option<&Failure>,
        usage: &Usage,
    ) -> Result<(), StoreError> {
        if !self.state.is_latest(lease) {
            self.store.release(self.account, lease);
            return Ok(());
        }
        self.state.failure = failure.map(|failure| Kept::new(failure.encode(), self.term(failure.left)));
        self.finish(lease, usage)
    }

    pub(super) fn note(&mut self, note: Note) -> Result<(), StoreError> {
        match note {
            Note::Accepted { generation } if self.state.fence > 0 && generation > self.state.accepted => {
                self.state.accepted = generation;
            }
            Note::Doubtful { generation, most } => match (&self.snapshot.record, &mut self.state.record) {
                (Some(record), Some(kept)) if record.generation == generation && record.left > most => {
                    kept.lasts(Term::new(self.store.clock.now(), most));
                }
                _ => return Ok(()),
            },
            Note::Accepted { .. } => return Ok(()),
        }
        self.locked.draft(&self.state, self.store.clock.now())?.publish()
    }

    /// Ends the lease. Readers must find the new state before they find the lease file free.
    fn finish(&mut self, lease: &Lease, usage: &Usage) -> Result<(), StoreError> {
        self.state.lease = None;
        self.state.usage = Some(Kept::new(usage.encode(), self.term(Duration::MAX)));
        self.locked.draft(&self.state, self.store.clock.now())?.publish()?;
        self.locked.sync_dir()?;
        self.store.release(self.account, lease);
        Ok(())
    }
}
