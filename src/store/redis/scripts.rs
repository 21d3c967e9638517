//! The scripts, and what they answer.

use std::{sync::LazyLock, time::Duration};

use redis::{Script, ScriptInvocation};

use crate::store::{Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreError, Usage};

/// A text that may not be there, and how many milliseconds it still lasts or how old it is.
type Timed = Option<Vec<u8>>;

/// What every script answers: its status, a fence, then the account at that moment (record, failure, usage, the
/// generation that was accepted, what is left of the lease).
pub(super) type Answer = (String, u64, Timed, u64, Timed, u64, Timed, u64, u64, u64);

macro_rules! script {
    ($name:literal) => {
        LazyLock::new(|| Script::new(concat!(include_str!("account.lua"), include_str!($name))))
    };
}

static LOAD: LazyLock<Script> = script!("load.lua");
static LEASE: LazyLock<Script> = script!("lease.lua");
static RENEW: LazyLock<Script> = script!("renew.lua");
static COMMIT: LazyLock<Script> = script!("commit.lua");
static ABANDON: LazyLock<Script> = script!("abandon.lua");
static ACCEPT: LazyLock<Script> = script!("accept.lua");
static DOUBT: LazyLock<Script> = script!("doubt.lua");

/// How long an account is kept after its last lease, and after its token has expired: its fence and its forced
/// refreshes count for a day.
const KEEP: u64 = 25 * 60 * 60 * 1000;
/// No life is longer than this (34 years). It keeps the scripts' sums exact.
const LONGEST: u64 = 1 << 40;

/// Where an account is kept, and what it is called where changes are told.
pub(super) struct Place {
    pub(super) key: String,
    pub(super) account: String,
}

/// How a script went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Done,
    Refused,
}

impl Place {
    pub(super) fn load(&self) -> ScriptInvocation<'static> {
        LOAD.key(&self.key)
    }

    pub(super) fn lease(&self, ask: &LeaseRequest) -> ScriptInvocation<'static> {
        let mut call = LEASE.key(&self.key);
        call.arg(millis(ask.life)).arg(ask.floor).arg(ask.owner).arg(KEEP);
        call
    }

    pub(super) fn renew(&self, lease: &Lease) -> ScriptInvocation<'static> {
        let mut call = RENEW.key(&self.key);
        call.arg(lease.fence).arg(lease.owner).arg(millis(lease.life));
        call
    }

    pub(super) fn commit(&self, lease: &Lease, record: &Record, usage: &Usage) -> ScriptInvocation<'static> {
        let left = millis(record.left);
        let mut call = COMMIT.key(&self.key);
        call.arg(lease.fence)
            .arg(lease.owner)
            .arg(record.encode())
            .arg(left)
            .arg(usage.encode())
            .arg(left + KEEP);
        call
    }

    pub(super) fn abandon(
        &self,
        lease: &Lease,
        failure: Option<&Failure>,
        usage: &Usage,
    ) -> ScriptInvocation<'static> {
        let left = failure.map_or(0, |failure| millis(failure.left));
        let mut call = ABANDON.key(&self.key);
        call.arg(lease.fence)
            .arg(lease.owner)
            .arg(failure.map(Failure::encode).unwrap_or_default())
            .arg(left)
            .arg(usage.encode())
            .arg(left + KEEP);
        call
    }

    pub(super) fn note(&self, note: Note) -> ScriptInvocation<'static> {
        match note {
            Note::Accepted { generation } => {
                let mut call = ACCEPT.key(&self.key);
                call.arg(generation);
                call
            }
            Note::Doubtful { generation, most } => {
                let mut call = DOUBT.key(&self.key);
                call.arg(generation).arg(millis(most));
                call
            }
        }
    }

    /// Makes sense of an answer: the status, the fence and what there is of the account.
    pub(super) fn read(&self, answer: Answer) -> Result<(Status, u64, Snapshot), StoreError> {
        let usage = usage(&answer);
        let (status, fence, record, record_left, failure, failure_left, .., leased) = answer;
        let named = |error: StoreError| {
            StoreError::unreadable(format!(
                "Redis key {}: {}; look at it, or delete it to begin anew",
                self.key, error.message
            ))
        };
        let record = record
            .map(|written| Record::decode(&written, Duration::from_millis(record_left)))
            .transpose()
            .map_err(named)?
            .flatten();
        // One that cannot be read keeps nobody from minting.
        let failure = failure
            .filter(|_| failure_left > 0)
            .and_then(|written| Failure::decode(&written, Duration::from_millis(failure_left)).ok());
        let leased = (leased > 0).then(|| Duration::from_millis(leased));
        let status = match status.as_str() {
            "done" => Status::Done,
            "refused" => Status::Refused,
            _ => return Err(named(StoreError::unreadable("a record is damaged or foreign"))),
        };
        Ok((status, fence, Snapshot::new(record, failure, usage, leased)))
    }
}

/// What was used, which can be told even where the record cannot be read.
pub(super) fn usage(answer: &Answer) -> Usage {
    let (.., written, age, accepted, _) = answer;
    Usage::decode(written.as_deref().unwrap_or_default(), Duration::from_millis(*age), *accepted)
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).map_or(LONGEST, |life| life.min(LONGEST))
}
