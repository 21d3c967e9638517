//! The five scripts, and what they answer.

use std::{sync::LazyLock, time::Duration};

use redis::{Script, ScriptInvocation};

use crate::store::{Failure, Record, Snapshot, StoreError};

/// What every script answers: its status, a fence, then the account at that moment.
pub(super) type Answer = (String, u64, Option<Vec<u8>>, u64, Option<Vec<u8>>, u64, u64);

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

/// How long an account is kept after its last lease, and after its token has expired: its fence and its forced
/// refreshes count for a day.
const KEEP: u64 = 25 * 60 * 60 * 1000;
/// No life is longer than this (34 years). It keeps the scripts' sums exact.
const LONGEST: u64 = 1 << 40;

/// Where an account is kept, and where its changes are told.
pub(super) struct Place {
    pub(super) key: String,
    pub(super) channel: String,
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

    pub(super) fn lease(&self, life: Duration, floor: u64, owner: u64) -> ScriptInvocation<'static> {
        let mut call = LEASE.key(&self.key);
        call.arg(millis(life)).arg(floor).arg(owner).arg(KEEP);
        call
    }

    pub(super) fn renew(&self, fence: u64, life: Duration) -> ScriptInvocation<'static> {
        let mut call = RENEW.key(&self.key);
        call.arg(fence).arg(millis(life));
        call
    }

    pub(super) fn commit(&self, fence: u64, record: &Record) -> ScriptInvocation<'static> {
        let left = millis(record.left);
        let mut call = COMMIT.key(&self.key);
        call.arg(fence).arg(record.encode()).arg(left).arg(left + KEEP).arg(&self.channel).arg(&self.account);
        call
    }

    pub(super) fn abandon(&self, fence: u64, failure: Option<&Failure>) -> ScriptInvocation<'static> {
        let mut call = ABANDON.key(&self.key);
        call.arg(fence)
            .arg(failure.map(Failure::encode).unwrap_or_default())
            .arg(failure.map_or(0, |failure| millis(failure.left)))
            .arg(&self.channel)
            .arg(&self.account);
        call
    }

    /// Makes sense of an answer: the status, the fence and what there is of the account.
    pub(super) fn read(&self, answer: Answer) -> Result<(Status, u64, Snapshot), StoreError> {
        let (status, fence, record, record_left, failure, failure_left, leased) = answer;
        let named = |error: StoreError| {
            StoreError::unreadable(format!(
                "Redis key {}: {}; look at it, or delete it to begin anew",
                self.key, error.message
            ))
        };
        let record = record
            .map(|written| Record::decode(&written, Duration::from_millis(record_left)))
            .transpose()
            .map_err(named)?;
        let failure = failure
            .filter(|_| failure_left > 0)
            .map(|written| Failure::decode(&written, Duration::from_millis(failure_left)))
            .transpose()
            .map_err(named)?;
        let leased = (leased > 0).then(|| Duration::from_millis(leased));
        let status = match status.as_str() {
            "done" => Status::Done,
            "refused" => Status::Refused,
            _ => return Err(named(StoreError::unreadable("a record is torn or foreign"))),
        };
        Ok((status, fence, Snapshot::new(record, failure, leased)))
    }
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).map_or(LONGEST, |life| life.min(LONGEST))
}
