//! What the store has of the account, and the rules by which it changes.

use std::time::Duration;

use tokio::time::Instant;
use tower_wechat::store::{Claim, Commit, Failure, Lease, LeaseRequest, Record, Snapshot};

#[derive(Default)]
pub struct Account {
    pub fence: u64,
    pub record: Option<(Record, Instant)>,
    failure: Option<(Failure, Instant)>,
    lease: Option<Instant>,
}

fn left(end: Instant, now: Instant) -> Option<Duration> {
    Some(end.saturating_duration_since(now)).filter(|left| !left.is_zero())
}

impl Account {
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let record = self.record.as_ref().map(|(record, end)| {
            let left = end.saturating_duration_since(now);
            let mut copy = Record::new(record.token.clone(), record.generation, record.life, left);
            copy.forced.clone_from(&record.forced);
            copy
        });
        let failure = self.failure.as_ref().and_then(|(failure, end)| {
            Some(Failure::new(failure.error.clone(), failure.generation, left(*end, now)?))
        });
        Snapshot::new(record, failure, self.lease.and_then(|end| left(end, now)))
    }

    pub fn try_lease(&mut self, ask: LeaseRequest, now: Instant) -> Claim {
        let snapshot = self.snapshot(now);
        if snapshot.leased.is_some() {
            return Claim::Held(snapshot);
        }
        self.fence = self.fence.max(ask.floor) + 1;
        self.lease = Some(now + ask.life);
        Claim::Granted(Lease::new(self.fence, ask.life), snapshot)
    }

    pub fn renew(&mut self, lease: &Lease, now: Instant) -> bool {
        let held = self.fence == lease.fence && self.lease.is_some();
        if held {
            self.lease = Some(now + lease.life);
        }
        held
    }

    pub fn commit(&mut self, lease: &Lease, record: &Record, now: Instant) -> Commit {
        if self.fence > lease.fence {
            return Commit::Fenced(self.snapshot(now));
        }
        self.record = Some((record.clone(), now + record.left));
        (self.failure, self.lease) = (None, None);
        Commit::Done
    }

    /// Whether the lease was still held.
    pub fn abandon(&mut self, lease: &Lease, failure: Option<&Failure>, now: Instant) -> bool {
        let held = self.fence == lease.fence;
        if held {
            self.lease = None;
            if let Some(failure) = failure {
                self.failure = Some((failure.clone(), now + failure.left));
            }
        }
        held
    }
}
