//! The election among all who share a store: who mints, and what the others do meanwhile.
//!
//! 1. Has somebody else been faster? Then the token in the store is the answer; a fresh failure there is one too.
//! 2. Who mints? Whoever gets the store's lease. The others wait for a change (told by the store's watch, or found by
//!    looking again), and go back to 1. A holder that dies is replaced when its lease runs out.
//! 3. The holder looks once more, mints, and keeps renewing its lease meanwhile. If it has slept since it asked for the
//!    lease, it makes sure first that it still has it.
//! 4. It commits. If a later lease was granted (it was frozen for too long), the commit is refused, and what the other
//!    has written is the answer. Only then is the token installed.
//!
//! If the store is out of reach, an issuer whose mints do each other no harm is asked directly; for any other, the fetch
//! tries the store for as long as a caller would wait, and fails: a second mint would end the token that others use.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    Fetch, TRUST_IN_DOUBT,
    lease::{Claimed, HeldLease, LEASE_LIFE},
    mint::{mint, pause},
};
use crate::{
    cache::state::{Outcome, State},
    clock::Moment,
    error::{ErrorKind, TokenError},
    store::{Commit, Failure, Note, Record, Snapshot, StoreError, TokenStore, Usage},
    telemetry::Event,
    token::AccessToken,
};

/// How often those who wait look again, whatever the watch says, in milliseconds.
const POLL_MILLIS: std::ops::Range<u64> = 30..90;
/// How long callers are told at once that the store has failed, in milliseconds. This does not grow: no endpoint is to be
/// spared, and all must be well again soon after the store is.
const STORE_MILLIS: std::ops::Range<u64> = 500..1000;
/// How often to try to write a minted token to the store.
const COMMITS: usize = 3;

struct Election<'a> {
    fetch: &'a Fetch<'a>,
    state: &'a State,
    store: &'a dyn TokenStore,
    /// A token was minted here and thrown away, and it may be later than the one that the store has.
    thrown_away: bool,
}

/// How the work under a lease ends.
enum Work {
    Done(Outcome),
    /// Another process took over, and has not finished.
    TakenOver,
}

pub(super) async fn run(fetch: &Fetch<'_>, store: &dyn TokenStore) -> Outcome {
    Election { fetch, state: fetch.state, store, thrown_away: false }.run().await
}

impl<'a> Election<'a> {
    async fn run(&mut self) -> Outcome {
        let account = &self.state.account;
        let longest = self.state.settings.fetch_timeout.saturating_add(LEASE_LIFE);
        let mut watch = None;
        loop {
            let asked = self.state.clock.now();
            let claimed = self.claim().await;
            self.state.note_store(&claimed);
            let snapshot = match claimed {
                Ok(claimed) => {
                    self.state.history().met(None);
                    match claimed {
                        Claimed::Held(snapshot) => Some(snapshot),
                        Claimed::Granted(lease, snapshot) => match self.work(lease, snapshot, asked).await {
                            Work::Done(outcome) => return outcome,
                            Work::TakenOver => None,
                        },
                    }
                }
                Err(error) => match self.without_store(error).await {
                    Some(outcome) => return outcome,
                    None => continue,
                },
            };
            if let Some(snapshot) = snapshot
                && let Some(outcome) = self.settle(&snapshot).await
            {
                return outcome;
            }
            if self.fetch.elapsed() > longest {
                let text = format!(
                    "for {:.0} s other processes have had the right to mint, and no token came of it: look at their logs",
                    longest.as_secs_f64()
                );
                return Err(self.fetch.timed_out(text));
            }
            // Watch first, then look, then wait: what happens in between is not missed.
            match &mut watch {
                None => watch = Some(self.store.watch(account)),
                Some(watch) => {
                    let poll = Duration::from_millis(fastrand::u64(POLL_MILLIS));
                    let _ = timeout(poll, watch.changed()).await;
                }
            }
        }
    }

    /// The lease, unless somebody has it or has done the work.
    async fn claim(&self) -> Result<Claimed<'a>, StoreError> {
        let account = &self.state.account;
        let snapshot = self.store.load(account).await?;
        if snapshot.leased.is_some() || self.settles(&snapshot) {
            return Ok(Claimed::Held(snapshot));
        }
        HeldLease::claim(self.store, account, self.fetch.floor()).await
    }

    // === what others did ===

    /// The token that answers the need, if somebody else has seen to one: in the store, or taken over from there by the
    /// follower, which may have been faster.
    fn offered(&self, snapshot: &Snapshot) -> Option<AccessToken> {
        let stored = snapshot.record.as_ref().map(|record| self.state.token_of(record));
        let newest = match (stored, self.state.slot()) {
            (Some(stored), Some(present)) if !present.gives_way_to(&stored) => present,
            (stored, present) => stored.or(present)?,
        };
        let answers = self.state.satisfies(&newest, self.fetch.need) && !self.was_rejected_since(&newest);
        answers.then_some(newest)
    }

    /// Whether this is the very text that WeChat has rejected, and was minted before that, under whatever number.
    fn was_rejected_since(&self, token: &AccessToken) -> bool {
        let same = self.fetch.need.rejected().is_some_and(|rejected| rejected.as_str() == token.as_str());
        same && token.age() > self.fetch.elapsed()
    }

    /// The failure that forbids another mint.
    fn failure<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s Failure> {
        let heeds = |failure: &&Failure| {
            let ours = failure.credential == self.state.issuer.credential();
            (ours || failure.error.is_transient()) && self.fetch.heeds_failures
        };
        snapshot.failure.as_ref().filter(heeds)
    }

    fn settles(&self, snapshot: &Snapshot) -> bool {
        self.failure(snapshot).is_some() || self.offered(snapshot).is_some()
    }

    /// Ends the fetch with what others did, if that is an answer.
    async fn settle(&mut self, snapshot: &Snapshot) -> Option<Outcome> {
        let state = self.state;
        if let Some(token) = self.offered(snapshot) {
            state.adopt(&token);
            if std::mem::take(&mut self.thrown_away) {
                self.doubt(token.generation()).await;
            }
            return Some(Ok(token));
        }
        let Failure { error, left, .. } = self.failure(snapshot)?;
        let now = state.clock.now();
        let usage = self.fetch.usage(Some(snapshot.usage.clone()));
        let mut history = state.history();
        history.keep_usage(&usage, now);
        history.hold_back(error, *left, now);
        drop(history);
        let error = error.clone().for_app(state.account.app());
        Some(Err(error.with_retry_after(*left)))
    }

    // === our own work ===

    async fn work(&mut self, mut lease: HeldLease<'a>, snapshot: Snapshot, asked: Moment) -> Work {
        let slept = self.state.clock.now().since(asked) >= LEASE_LIFE;
        if slept && !lease.is_held().await {
            return Work::TakenOver;
        }
        if let Some(outcome) = self.settle(&snapshot).await {
            self.abandon(lease, snapshot.failure.as_ref(), &snapshot.usage).await;
            return Work::Done(outcome);
        }
        let mut usage = self.fetch.usage(Some(snapshot.usage));
        let charged = self.fetch.charge(&mut usage);
        lease.charge(&usage);
        if let Err(error) = charged {
            self.abandon(lease, None, &usage).await;
            return Work::Done(Err(error));
        }
        let minted = lease.while_renewing(mint(self.fetch, lease.generation(), &mut usage)).await;
        match minted {
            Ok(token) => self.commit(lease, token, usage).await,
            Err(error) => {
                let pause = self.fetch.failed(&error, &mut usage);
                if let Some(record) = &snapshot.record
                    && self.fetch.leaves_doubt(&error)
                {
                    self.doubt(record.generation).await;
                }
                let failure = Failure::new(error.clone(), lease.generation(), pause)
                    .with_credential(self.state.issuer.credential());
                // One that belongs to this host is no other's: they may ask at once, unless there was another failure.
                let of_host = error.is_of_this_host();
                let shared = if of_host { snapshot.failure.as_ref() } else { Some(&failure) };
                self.abandon(lease, shared, &usage).await;
                Work::Done(Err(error.with_retry_after(pause)))
            }
        }
    }

    async fn commit(&mut self, mut lease: HeldLease<'a>, token: AccessToken, mut usage: Usage) -> Work {
        self.fetch.succeeded(&token, &mut usage);
        for again in 1..=COMMITS {
            let left = token.left(self.state.clock.now());
            let record = Record::new(token.shared_text(), token.generation(), token.life(), left);
            let committed = lease.commit(&record, &usage).await;
            self.state.note_store(&committed);
            match committed {
                Ok(Commit::Done) => break,
                Ok(Commit::Fenced(snapshot)) => {
                    self.state.report(Event::Fenced { generation: token.generation() });
                    self.thrown_away = !self.state.issuer.mints_are_independent();
                    return self.settle(&snapshot).await.map_or(Work::TakenOver, Work::Done);
                }
                Err(_) if again < COMMITS => pause().await,
                // A token that could not be shared is still a good token.
                Err(_) => {}
            }
        }
        self.state.publish(&token, self.fetch.before.as_ref(), self.fetch.need);
        Work::Done(Ok(token))
    }

    async fn abandon(&self, lease: HeldLease<'a>, failure: Option<&Failure>, usage: &Usage) {
        // If it fails, the lease runs out by itself.
        self.state.note_store(&lease.abandon(failure, usage).await);
    }

    /// Another token may have been minted than that of this generation, and end its life: nobody is to trust it for long.
    async fn doubt(&self, generation: u64) {
        self.state.curtail(generation, TRUST_IN_DOUBT);
        let note = Note::Doubtful { generation, most: TRUST_IN_DOUBT };
        self.state.note_store(&self.store.note(&self.state.account, note).await);
    }

    /// The store failed. None: try it again.
    async fn without_store(&self, error: StoreError) -> Option<Outcome> {
        let state = self.state;
        if state.issuer.mints_are_independent() {
            return Some(self.fetch.alone().await);
        }
        let lasting = error.is_unreadable();
        let error = self.store_error(error);
        let longest = state.settings.wait_timeout.min(state.settings.fetch_timeout);
        if self.fetch.elapsed() < longest && !lasting {
            state.history().met(Some(error));
            pause().await;
            return None;
        }
        let wait = Duration::from_millis(fastrand::u64(STORE_MILLIS));
        state.history().hold_back(&error, wait, state.clock.now());
        Some(Err(error.with_retry_after(wait)))
    }

    fn store_error(&self, error: StoreError) -> TokenError {
        let text = format!(
            "the shared store failed, and a mint without it would end the token that others use; restore the store ({error})"
        );
        let lasting = error.is_unreadable();
        self.state.error(ErrorKind::Store, text).with_source(error).with_transient(!lasting)
    }
}
