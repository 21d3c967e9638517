//! Token spaces: who may have a token, how long it lives, and what ends its life early.
//!
//! Everything here is told the time, as a duration since the platform started.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::rules::{Quota, Rules, TOKEN_ALPHABET, token_text};

/// A stable token is renewed when no more than this is left of it, and never handed out with less.
const STABLE_MARGIN: Duration = Duration::from_secs(300);

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

/// What a token endpoint is asked for.
pub(crate) struct Ask<'a> {
    pub(crate) space: Space,
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) forced: bool,
    /// Mint this text, whatever there is.
    pub(crate) text: Option<String>,
}

pub(crate) struct Granted {
    pub(crate) text: Arc<str>,
    pub(crate) left: Duration,
}

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
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, accounts: Vec::new(), issued: HashMap::new(), generation: 0, forced_requests: 0 }
    }

    pub(crate) fn add(&mut self, id: String, secret: &str, is_corp: bool) {
        self.accounts.push(Account {
            id,
            secret: secret.into(),
            is_corp,
            mints: 0,
            desks: [Desk::default(), Desk::default()],
        });
    }

    /// What a token endpoint does with a complete request.
    pub(crate) fn ask(&mut self, ask: Ask<'_>, now: Duration) -> Result<Granted, i64> {
        let account = self.find(&ask)?;
        self.forced_requests += u64::from(ask.forced);
        let rules = self.rules.clone();
        if rules.refuses_ip {
            return Err(if ask.space == Space::WeCom { 60020 } else { 40164 });
        }
        let desk = &mut self.accounts[account].desks[usize::from(ask.space == Space::Stable)];
        let quota = match ask.space {
            Space::Classic => rules.classic_quota,
            Space::Stable => rules.stable_quota,
            Space::WeCom => u32::MAX,
        };
        desk.calls.take(quota, now)?;
        let present = desk.current.clone().filter(|_| ask.text.is_none());
        let left = present
            .as_ref()
            .and_then(|text| self.issued.get(text))
            .map_or(Duration::ZERO, |issued| issued.expires.saturating_sub(now));
        let present = present.map(|text| Granted { text, left });

        let mut overlap = rules.overlap;
        match (ask.space, present) {
            (Space::Stable, Some(present)) if ask.forced => {
                let too_soon = |at: Duration| now.saturating_sub(at) < rules.forced_spacing;
                if desk.forced_at.is_some_and(too_soon) && !left.is_zero() {
                    return Ok(present);
                }
                overlap = rules.forced_overlap;
            }
            (Space::Stable, Some(present)) if left > STABLE_MARGIN => return Ok(present),
            (Space::WeCom, Some(present)) if !left.is_zero() && !rules.wecom_mints_anew => {
                return Ok(present);
            }
            _ => {}
        }
        if ask.forced {
            desk.forced.take(rules.forced_quota, now)?;
            desk.forced_at = Some(now);
        }
        let text = ask.text.map_or_else(token_text, Arc::from);
        self.accounts[account].mints += 1;
        Ok(self.mint(account, ask.space, text, overlap, now))
    }

    fn find(&self, ask: &Ask<'_>) -> Result<usize, i64> {
        let is_corp = ask.space == Space::WeCom;
        let mut same_id = self
            .accounts
            .iter()
            .enumerate()
            .filter(|(_, account)| account.is_corp == is_corp && account.id.as_str() == ask.id)
            .peekable();
        if same_id.peek().is_none() {
            return Err(40013);
        }
        let wrong_secret = if is_corp { 40001 } else { self.rules.wrong_secret };
        same_id
            .find(|(_, account)| *account.secret == *ask.secret)
            .map(|(index, _)| index)
            .ok_or(wrong_secret)
    }

    fn mint(
        &mut self,
        account: usize,
        space: Space,
        text: Arc<str>,
        overlap: Duration,
        now: Duration,
    ) -> Granted {
        self.generation += 1;
        let left = self.rules.token_life;
        let desk = &mut self.accounts[account].desks[usize::from(space == Space::Stable)];
        if let Some(before) = desk.current.replace(text.clone()).filter(|before| *before != text)
            && space != Space::WeCom
            && let Some(before) = self.issued.get_mut(&before)
        {
            before.superseded = Some(now.saturating_add(overlap));
        }
        self.issued.insert(
            text.clone(),
            Issued {
                account,
                generation: self.generation,
                expires: now.saturating_add(left),
                superseded: None,
                ended: None,
            },
        );
        Granted { text, left }
    }

    /// A classic token for somebody else, which takes the account's present one out of use. It is not counted.
    pub(crate) fn mint_elsewhere(&mut self, id: &str, now: Duration) -> Option<Arc<str>> {
        let found = |account: &Account| !account.is_corp && account.id.as_str() == id;
        let account = self.accounts.iter().position(found)?;
        let overlap = self.rules.overlap;
        Some(self.mint(account, Space::Classic, token_text(), overlap, now).text)
    }

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

    pub(crate) fn revoke(&mut self, only: Option<&str>) {
        self.end(only, Ended::Revoked);
        self.forget_current(only);
    }

    pub(crate) fn expire(&mut self) {
        self.end(None, Ended::Expired);
        self.forget_current(None);
    }

    /// The tokens are dead, and the endpoints do not know it.
    pub(crate) fn revoke_unnoticed(&mut self) {
        self.end(None, Ended::Revoked);
    }

    fn end(&mut self, only: Option<&str>, how: Ended) {
        for issued in self.issued.values_mut() {
            let id = self.accounts[issued.account].id.as_str();
            if issued.ended.is_none() && only.is_none_or(|only| only == id) {
                issued.ended = Some(how);
            }
        }
    }

    fn forget_current(&mut self, only: Option<&str>) {
        for account in &mut self.accounts {
            if only.is_none_or(|only| only == account.id.as_str()) {
                account.desks.iter_mut().for_each(|desk| desk.current = None);
            }
        }
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
