//! What becomes of a token that is shown.

use std::time::Duration;

use super::{Ended, Tokens};
use crate::rules::TOKEN_ALPHABET;

/// What an API thinks of a token.
pub(crate) struct Verdict {
    /// Zero, 40001, 40014 or 42001.
    pub(crate) errcode: i64,
    pub(crate) is_corp: bool,
    /// Which mint the token came from, counted from one; none for a text that was never minted.
    pub(crate) generation: Option<u64>,
    pub(crate) account: Option<String>,
}

impl Tokens {
    pub(crate) fn judge(&self, text: &str, now: Duration) -> Verdict {
        let Some(issued) = self.issued.get(text) else {
            let is_corp = self.accounts.iter().all(|account| account.is_corp);
            let well_formed = text.len() <= 512 && text.bytes().all(|byte| TOKEN_ALPHABET.contains(&byte));
            return Verdict {
                errcode: if is_corp || !well_formed { 40014 } else { 40001 },
                is_corp,
                generation: None,
                account: None,
            };
        };
        let account = &self.accounts[issued.account];
        let superseded = issued.superseded.filter(|at| *at < issued.expires);
        let (rejected, expired) = if account.is_corp { (40014, 42001) } else { (40001, 42001) };
        let errcode = match issued.ended {
            Some(Ended::Revoked) => rejected,
            Some(Ended::Expired) => expired,
            None if superseded.is_some_and(|at| at <= now) => rejected,
            None if issued.expires <= now => expired,
            None => 0,
        };
        Verdict {
            errcode,
            is_corp: account.is_corp,
            generation: Some(issued.generation),
            account: Some(account.id.clone()),
        }
    }
}
