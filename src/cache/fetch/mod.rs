//! A fetch: how the next token is got. It reads and changes the [state](super::state), and knows nothing of who waits.
//!
//! - `mint`: asks the issuer, within its budgets.
//! - `election`: with a store, finds out who is to mint, and what the others do meanwhile.
//! - `lease`: the right to mint, as long as it is held.
//! - `follower`: takes over what other processes write to a store.
//! - `listener`: takes over what an issuer's source tells by itself.

mod election;
pub(super) mod follower;
mod lease;
pub(super) mod listener;
mod mint;

use std::{borrow::Cow, time::Duration};

use super::{
    budget::{self, Rejected},
    history::budget_spent,
    policy::Need,
    state::{Outcome, State},
};
use crate::{
    clock::Moment,
    error::{ErrorKind, TokenError},
    store::Usage,
    telemetry::{Cause, Event},
    token::AccessToken,
};

/// WeChat keeps the old token for five minutes after a mint
/// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>). If the answer to a mint is lost,
/// that clock may be running.
const TRUST_IN_DOUBT: Duration = Duration::from_secs(240);

/// How far apart the generations of tokens are that were minted at the same moment.
const APART: std::ops::RangeInclusive<u64> = 1..=16;

/// Fetches a token for this need.
pub(super) async fn run(state: &State, need: &Need) -> Outcome {
    let (now, before) = (state.clock.now(), state.slot());
    let heeds_failures = state.history().begin();
    let is_due = before.as_ref().is_none_or(|before| state.is_due(before, now));
    let fetch = Fetch { state, need, started: now, before, is_due, heeds_failures };
    match &state.store {
        Some(store) => election::run(&fetch, &**store).await,
        None => fetch.alone().await,
    }
}

/// Why a token is fetched.
pub(super) fn cause(state: &State, need: &Need) -> Cause {
    if need.rejected().is_some() {
        Cause::Rejected
    } else if state.current().is_some() {
        Cause::Ahead
    } else {
        Cause::Cold
    }
}

/// One fetch.
struct Fetch<'a> {
    state: &'a State,
    need: &'a Need,
    started: Moment,
    /// The token that was there when it began.
    before: Option<AccessToken>,
    /// Whether another one was due by then, whoever asked for it.
    is_due: bool,
    /// Whether failures that others have met count.
    heeds_failures: bool,
}

impl Fetch<'_> {
    /// Mints without an election: for a cache that shares with nobody, or while the store is out of reach.
    async fn alone(&self) -> Outcome {
        if let Some(answer) = self.answer() {
            return Ok(answer);
        }
        let mut usage = self.usage(None);
        self.charge(&mut usage)?;
        match mint::mint(self, self.generation(), &mut usage).await {
            Ok(minted) => {
                // One text has one generation: whoever was rejected with it is not to try it again under another.
                let same = |present: &AccessToken| present.as_str() == minted.as_str();
                let token = self.answer().filter(same).unwrap_or(minted);
                self.succeeded(&token, &mut usage);
                self.state.publish(&token, self.before.as_ref(), self.need);
                Ok(token)
            }
            Err(error) => {
                let pause = self.failed(&error, &mut usage);
                Err(error.with_retry_after(pause))
            }
        }
    }

    /// The present token, if that answers the need by now: the issuer's source has told of it meanwhile.
    fn answer(&self) -> Option<AccessToken> {
        let answers =
            |token: &AccessToken| self.state.satisfies(token, self.need) && !self.state.is_rejected(token);
        self.state.slot().filter(answers)
    }

    /// The generation of a token that is minted without a lease. Others may do the same while they cannot reach the store.
    ///
    /// The store's generations are moments of its clock, in milliseconds. So the later token has the higher one if it is
    /// counted on from the last that the store gave, and no clock that is wrong puts it ahead of the store's next. Where
    /// there is no last one, any of the store's is higher. Chance keeps two tokens from having the same.
    fn generation(&self) -> u64 {
        let floor = self.floor();
        if self.state.store.is_none() {
            return floor.saturating_add(1);
        }
        let Some(present) = self.state.slot() else {
            return floor.saturating_add(fastrand::u64(1..=u64::from(u32::MAX)));
        };
        let age = u64::try_from(present.age().as_millis()).unwrap_or(0);
        floor.saturating_add(age).saturating_add(fastrand::u64(APART))
    }

    /// A new token's generation must be above this.
    fn floor(&self) -> u64 {
        let present = self.state.slot().map_or(0, |token| token.generation());
        let rejected = self.need.rejected().map_or(0, AccessToken::generation);
        present.max(rejected).max(self.state.highest_rejected())
    }

    // === budgets ===

    /// What was used of what the platform allows, as the store knows it, if there is one, and as this process does.
    fn usage(&self, stored: Option<Usage>) -> Usage {
        let own = self.state.history().usage(self.state.clock.now());
        stored.map_or_else(|| own.clone(), |stored| budget::merged(stored, &own))
    }

    /// The token that this refresh is to replace and has to be charged for: one that is due anyway is not, whoever came
    /// first.
    fn charged(&self) -> Option<&AccessToken> {
        self.need.rejected().filter(|_| !self.is_due)
    }

    /// Takes a mint that answers a rejection out of the budget.
    fn charge(&self, usage: &mut Usage) -> Result<(), TokenError> {
        let Some(rejected) = self.charged() else {
            return Ok(());
        };
        let state = self.state;
        let (generation, now) = (rejected.generation(), state.clock.now());
        let helped = state.trial.helped(generation);
        let rejected = Rejected { generation, age: rejected.age(), helped };
        let taken = budget::take_refresh(usage, rejected, state.issuer.refreshes());
        let mut history = state.history();
        history.keep_usage(usage, now);
        let Err(wait) = taken else {
            return Ok(());
        };
        history.spent(wait, now);
        drop(history);
        state.report(Event::BudgetSpent { wait });
        Err(budget_spent(wait).for_app(state.account.app()))
    }

    // === how the mint went ===

    /// Takes note of a mint that went well.
    fn succeeded(&self, token: &AccessToken, usage: &mut Usage) {
        self.state.note_minted(token.generation());
        (usage.failures, usage.credential) = (0, None);
        usage.refreshed = if self.charged().is_some() { token.generation() } else { 0 };
        let mut history = self.state.history();
        history.succeeded();
        history.keep_usage(usage, self.state.clock.now());
        drop(history);
        self.state.trial.begin(usage.refreshed);
        if let Some(rejected) = self.need.rejected() {
            self.state.note_replacement(rejected, token);
        }
    }

    /// Takes note of a failed mint, and says for how long nobody should try again.
    fn failed(&self, error: &TokenError, usage: &mut Usage) -> Duration {
        let (state, now) = (self.state, self.state.clock.now());
        // What is wrong with this host says nothing of the account, nor one secret of another.
        let of_host = error.is_of_this_host();
        let credential = state.issuer.credential();
        let in_a_row = if of_host || usage.credential != credential { 0 } else { usage.failures };
        let pause = state.history().failed(error, in_a_row, now);
        if !of_host {
            (usage.failures, usage.credential) = (in_a_row.saturating_add(1), credential);
        }
        if self.charged().is_some() && !self.leaves_doubt(error) {
            budget::put_back(usage, state.issuer.refreshes());
        }
        state.history().keep_usage(usage, now);
        if self.leaves_doubt(error)
            && let Some(present) = state.slot()
        {
            state.curtail(present.generation(), TRUST_IN_DOUBT);
        }
        state.report(Event::MintFailed { cause: cause(state, self.need), error, pause });
        pause
    }

    /// Whether a token may have been minted of which nobody knows.
    fn leaves_doubt(&self, error: &TokenError) -> bool {
        let answered = error.errcode().is_some() || !error.is_transient() || error.is_of_this_host();
        !answered && !self.state.issuer.mints_are_independent()
    }

    fn timed_out(&self, text: impl Into<Cow<'static, str>>) -> TokenError {
        self.state.error(ErrorKind::Timeout, text).with_transient(true)
    }

    fn elapsed(&self) -> Duration {
        // By the monotonic clock alone: a wall clock that is set meanwhile must end nobody's wait.
        self.state.clock.now().ran_since(self.started)
    }
}
