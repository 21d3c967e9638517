//! The way from a need to a token: at once from the slot, or by a call that all who need it share.
//!
//! Everything is decided by [`policy`](super::policy); [`Core::act`] does what it says. A call to fetch the next token runs
//! in a task of its own, so a caller who gives up harms nobody, and the token is not lost.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::AbortHandle, time::timeout};

use super::{
    fetch::{self, follower, listener},
    flight::{Leader, Role, SingleFlight, Waiter},
    policy::{self, Decision, Need},
    state::{Outcome, State},
    sync::{Mutex, lock},
};
use crate::{
    clock::Moment,
    error::ErrorKind,
    store::Note,
    telemetry::{self, Event},
    token::AccessToken,
};

/// Calls that a caller waits for until it gives up: the first may have begun before its token was rejected, or be one whose
/// runtime is shut down.
const CALLS: usize = 4;
/// What a call may take beyond its mint, without a store: nothing but the scheduler's delay.
const ALONE: Duration = Duration::from_secs(1);
/// The same with a store: another process's mint is waited for as long as one's own, and each word to the store has a
/// time-out of its own.
const ELECTED: Duration = Duration::from_secs(5);

/// A follower that is started looks by then, however many others do.
const FIRST_LOOK: Duration = Duration::from_secs(120);

/// What to do, and the token in the slot.
type Decided = (Decision, Option<AccessToken>);

pub(super) struct Core {
    pub(super) state: Arc<State>,
    flight: Arc<SingleFlight<Outcome>>,
    /// The task that takes over what other processes write to the store.
    follower: Mutex<Option<AbortHandle>>,
}

impl Core {
    pub(super) fn new(state: State) -> Self {
        Self { state: Arc::new(state), flight: Arc::new(SingleFlight::new()), follower: Mutex::default() }
    }

    /// A good token, without waiting. Sees to the next one if the present one is near its end.
    pub(super) fn ready(&self, need: &Need) -> Option<AccessToken> {
        let state = &self.state;
        let now = state.clock.now();
        if state.note_use(now) {
            self.first_use_in_a_second(now);
        }
        if let Some(token) = state.slot()
            && policy::is_plainly_good(need, token.is_fresh(now), state.is_rejected(&token))
        {
            return Some(token);
        }
        self.act(state.decide(need, now), need, now)?.ok()
    }

    #[cold]
    fn first_use_in_a_second(&self, now: Moment) {
        self.follow();
        if let Some(token) = self.state.slot() {
            self.state.report(Event::Life { left: token.left(now) });
        }
    }

    /// Does what was decided. None: there is nothing to do but wait for the next token.
    fn act(&self, (decision, token): Decided, need: &Need, now: Moment) -> Option<Outcome> {
        let state = &self.state;
        match decision {
            Decision::Serve => token.map(Ok),
            Decision::ServeAndRefresh => {
                let generation = token.as_ref().map_or(0, AccessToken::generation);
                if state.may_look_ahead(now) {
                    self.start(&Need::After(generation));
                }
                token.map(Ok)
            }
            Decision::Wait => None,
            Decision::HoldBack => {
                if self.was_mended(now) {
                    return None;
                }
                Some(Err(state.history().error(now).for_app(state.account.app())))
            }
            Decision::TooLong => {
                let least = if let Need::Living(least) = need { least.as_secs() } else { 0 };
                let fresh = state.fresh_life().as_secs();
                let text = format!(
                    "one that lives for {least} s was asked for, but a new one may have {fresh} s only: ask for less"
                );
                Some(Err(state.error(ErrorKind::Config, text)))
            }
            Decision::Closed => {
                let text = "this cache was shut down and fetches no more: make another one, or shut it down after its last user";
                Some(Err(state.error(ErrorKind::Closed, text)))
            }
        }
    }

    /// Whether what made the last mint fail has been mended since.
    fn was_mended(&self, now: Moment) -> bool {
        let failure = self.state.history().failure(now).cloned();
        let mended = failure.is_some_and(|failure| {
            self.state.may_ask_whether_mended(now) && self.state.issuer.was_mended(&failure)
        });
        if mended {
            self.state.history().mend();
        }
        mended
    }

    /// A token, as soon as there is one.
    pub(super) async fn wait(self: Arc<Self>, need: Need) -> Outcome {
        let state = &self.state;
        state.report(Event::Waited);
        let Ok(runtime) = Handle::try_current() else {
            let text = "there is no tokio runtime here to fetch one on: ask for it inside of one";
            return Err(state.error(ErrorKind::NoRuntime, text));
        };
        let fetched = async {
            for _ in 0..CALLS {
                let waiter = match self.enter(&need) {
                    Role::Decided(decided) => match self.act(decided, &need, state.clock.now()) {
                        Some(outcome) => return outcome,
                        None => continue,
                    },
                    Role::Waiter(waiter) => {
                        state.report(Event::Coalesced);
                        waiter
                    }
                    Role::Leader(waiter, leader) => {
                        self.lead(&runtime, &need, leader);
                        waiter
                    }
                };
                if let Some(outcome) = self.outcome(waiter, &need).await {
                    return outcome;
                }
            }
            Err(state
                .error(ErrorKind::Closed, "every fetch was stopped under way: is a runtime being shut down?"))
        };
        let limit = state.settings.wait_timeout;
        timeout(limit, fetched).await.unwrap_or_else(|_| {
            if let Some(error) = state.history().so_far() {
                return Err(error);
            }
            let text = format!(
                "none came within {:.1} s (`wait_timeout`), for the token endpoint or the store is slow; the fetch goes on for \
                 the next caller",
                limit.as_secs_f64()
            );
            Err(state.error(ErrorKind::Timeout, text).with_transient(true))
        })
    }

    /// Waits for the end of a call. None: it says nothing about this need, or is overdue.
    async fn outcome(&self, waiter: Waiter<Outcome>, need: &Need) -> Option<Outcome> {
        let now = self.state.age(self.state.clock.now());
        let overdue = waiter.ends().saturating_sub(now);
        match timeout(overdue, waiter).await.ok()? {
            Ok(token) if self.state.satisfies(&token, need) => Some(Ok(token)),
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::Closed => None,
            // Held back now, it may be that the present token is served after all.
            Err(error) => {
                let now = self.state.clock.now();
                let served = self.act(self.state.decide(need, now), need, now);
                Some(served.filter(Result::is_ok).unwrap_or(Err(error)))
            }
        }
    }

    /// Decides, and joins or begins a call if that is what it comes to, in one step.
    fn enter(&self, need: &Need) -> Role<Outcome, Decided> {
        let state = &self.state;
        let now = state.age(state.clock.now());
        let fetch_timeout = state.settings.fetch_timeout;
        let longest = match &state.store {
            Some(_) => fetch_timeout.saturating_mul(2).saturating_add(ELECTED),
            None => fetch_timeout.saturating_add(ALONE),
        };
        let aborted = || Err(state.error(ErrorKind::Closed, "the fetch was stopped under way"));
        SingleFlight::enter(&self.flight, (now, now.saturating_add(longest)), aborted, || {
            let decided = state.decide(need, state.clock.now());
            (decided.0 != Decision::Wait).then_some(decided)
        })
    }

    /// Starts a fetch, if one is due and none is under way.
    pub(super) fn start(&self, need: &Need) {
        if let Ok(runtime) = Handle::try_current()
            && let Role::Leader(_, leader) = self.enter(need)
        {
            self.lead(&runtime, need, leader);
        }
    }

    /// Fetches, in a task of its own.
    fn lead(&self, runtime: &Handle, need: &Need, leader: Leader<Outcome>) {
        let state = self.state.clone();
        self.follow();
        let need = policy::need_of_fetch(need, state.current().filter(|token| state.is_rejected(token)));
        let cause = fetch::cause(&state, &need);
        let fetching = async move {
            let outcome = fetch::run(&state, &need).await;
            leader.finish(outcome);
        };
        runtime.spawn(telemetry::in_fetch_span(&self.state.account, cause, fetching));
    }

    /// Sees to it that somebody hears of new tokens that nobody here asked for, as long as the account is in use.
    pub(super) fn follow(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.state.is_closed() {
            return;
        }
        let mut follower = lock(&self.follower);
        let overdue = self.state.is_look_overdue(self.state.clock.now());
        if overdue || follower.as_ref().is_none_or(AbortHandle::is_finished) {
            if let Some(late) = follower.take() {
                late.abort();
            }
            *follower = self.spawn_follower(&runtime);
        }
    }

    /// The store tells of what other processes write; without one, the issuer of what its source has.
    fn spawn_follower(&self, runtime: &Handle) -> Option<AbortHandle> {
        let state = Arc::downgrade(&self.state);
        let following = match &self.state.store {
            Some(store) => runtime.spawn(follower::run(runtime, state, store.clone())),
            None => runtime.spawn(listener::run(state, self.state.issuer.listen()?)),
        };
        self.state.note_look(FIRST_LOOK);
        Some(following.abort_handle())
    }

    /// Takes over what other processes have written to the store by now.
    pub(super) async fn look(&self) {
        if let Some(store) = &self.state.store {
            follower::look(&self.state, &**store).await;
        }
    }

    /// A request that had been rejected was sent again with this token, and was accepted or rejected once more.
    pub(super) fn note_replay(&self, token: &AccessToken, accepted: bool) {
        let generation = token.generation();
        let news = self.state.trial.replayed(generation, accepted);
        if news && accepted && self.state.is_minted_here(generation) {
            self.tell_accepted(generation);
        }
    }

    /// One process tells all others that its refresh has helped: the next to be rejected may be another's.
    #[cold]
    fn tell_accepted(&self, generation: u64) {
        if let (Some(store), Ok(runtime)) = (self.state.store.clone(), Handle::try_current()) {
            let account = self.state.account.clone();
            runtime.spawn(async move { store.note(&account, Note::Accepted { generation }).await });
        }
    }

    /// What was wrong has been mended: the next fetch is at once, and begins here if there is no good token, or the next is
    /// due. That does not count as a use of the account: an idle one stays idle.
    pub(super) fn retry_now(&self) {
        let state = &self.state;
        state.history().mend();
        let now = state.clock.now();
        if self.act(state.decide(&Need::ANY, now), &Need::ANY, now).is_none() {
            self.start(&Need::ANY);
        }
    }

    /// Whether a fetch is under way.
    pub(super) fn is_fetching(&self) -> bool {
        let now = self.state.age(self.state.clock.now());
        self.flight.join().is_some_and(|waiter| now < waiter.ends())
    }

    /// Starts no further fetch, and waits for the one that is under way, if it is not overdue.
    pub(super) async fn close(&self) {
        self.state.close();
        if let Some(waiter) = self.flight.join() {
            let now = self.state.age(self.state.clock.now());
            // How it ends does not matter here, only that it does.
            let _ = timeout(waiter.ends().saturating_sub(now), waiter).await;
        }
        if let Some(follower) = lock(&self.follower).take() {
            follower.abort();
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(follower) = lock(&self.follower).take() {
            follower.abort();
        }
    }
}
