//! Who is known, and by which secret; quotas that are cleared.

use std::time::Duration;

use super::{Account, Tokens};
use crate::rules::{DAY, Quota};

/// How often an account may clear its quotas in 30 days.
const CLEARS: u32 = 10;

impl Tokens {
    /// Every app and corp id once, in the order in which they were added.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        let ids = self.accounts.iter().map(|account| account.id.as_str());
        let is_first = |at: usize, id: &str| self.accounts[..at].iter().all(|account| account.id != id);
        ids.enumerate().filter(move |(at, id)| is_first(*at, id)).map(|(_, id)| id)
    }

    /// The official account that this is the secret of.
    pub(crate) fn authorised(&self, id: &str, secret: &str) -> Result<usize, i64> {
        if id.is_empty() {
            return Err(41002);
        }
        if secret.is_empty() {
            return Err(41004);
        }
        self.find(id, secret, false)
    }

    /// The official account of this id.
    pub(crate) fn official(&self, id: &str) -> Result<usize, i64> {
        let found = |account: &Account| !account.is_corp && account.id == id;
        self.accounts.iter().position(found).ok_or(40013)
    }

    pub(super) fn find(&self, id: &str, secret: &str, is_corp: bool) -> Result<usize, i64> {
        let mut same_id = self
            .accounts
            .iter()
            .enumerate()
            .filter(|(_, account)| account.is_corp == is_corp && account.id == id)
            .peekable();
        if same_id.peek().is_none() {
            return Err(40013);
        }
        let wrong_secret = if is_corp { 40001 } else { self.rules.wrong_secret };
        same_id.find(|(_, account)| *account.secret == *secret).map(|(index, _)| index).ok_or(wrong_secret)
    }

    /// Gives an account its calls of the day back.
    pub(crate) fn clear_quota(&mut self, account: usize, now: Duration) -> Result<(), i64> {
        let account = &mut self.accounts[account];
        account.cleared.take_within(DAY * 30, CLEARS, now).map_err(|_| 48006)?;
        for desk in &mut account.desks {
            (desk.calls, desk.forced) = (Quota::default(), Quota::default());
        }
        Ok(())
    }
}
