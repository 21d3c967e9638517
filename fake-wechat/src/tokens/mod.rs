//! Token spaces: who may have a token, how long it lives, and what ends its life early.
//!
//! Everything here is told the time, as a duration since the platform started.

mod accounts;
mod end;
mod grant;
mod judge;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub(crate) use self::{
    grant::{Ask, Granted},
    judge::Verdict,
};
use crate::rules::{Quota, Rules};

/// Which endpoint a token came from. Tokens of one space never touch those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Classic,
    Stable,
    WeCom,
}

/// All accounts and all tokens.
pub(crate) struct Tokens {
    pub(crate) rules: Rules,
    accounts: Vec<Account>,
    issued: HashMap<Arc<str>, Issued>,
    generation: u64,
    forced_requests: u64,
}

struct Account {
    id: String,
    secret: Box<str>,
    is_corp: bool,
    mints: u64,
    cleared: Quota,
    /// One for a corp; the classic and the stable one for an official account.
    desks: [Desk; 2],
}

/// One space of one account.
#[derive(Default)]
struct Desk {
    current: Option<Arc<str>>,
    calls: Quota,
    forced: Quota,
    forced_at: Option<Duration>,
}

struct Issued {
    account: usize,
    generation: u64,
    expires: Duration,
    /// When a newer token ends its life.
    superseded: Option<Duration>,
    ended: Option<Ended>,
}

#[derive(Clone, Copy)]
enum Ended {
    Revoked,
    Expired,
}

impl Tokens {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, accounts: Vec::new(), issued: HashMap::new(), generation: 0, forced_requests: 0 }
    }

    pub(crate) fn add(&mut self, id: String, secret: &str, is_corp: bool) {
        self.accounts.push(Account {
            id,
            secret: secret.into(),
            is_corp,
            mints: 0,
            cleared: Quota::default(),
            desks: [Desk::default(), Desk::default()],
        });
    }

    pub(crate) fn forced_requests(&self) -> u64 {
        self.forced_requests
    }

    pub(crate) fn mints(&self, only: Option<&str>) -> u64 {
        self.accounts
            .iter()
            .filter(|account| only.is_none_or(|only| only == account.id.as_str()))
            .map(|account| account.mints)
            .sum()
    }
}
