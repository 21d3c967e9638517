//! What all handles of one cache share, and the way from a wish for a token to the token.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, task::AbortHandle, time::timeout};

use super::{
    builder::Settings,
    flight::{Boarding, Join, Pilot, SingleFlight},
    follow,
    history::History,
    policy::{self, Decision, Held, Need, Restraint},
    refresh::{self, Order},
    slot::{Generation, Slot},
    stats::{Counters, Stats},
    sync::lock,
};
use crate::{
    clock::{Clock, Moment},
    error::{ErrorKind, TokenError},
    issuer::{AccountKey, Issuer},
    store::TokenStore,
    telemetry::{self, Event},
    token::{AccessToken, Content},
};

/// How a fetch ends.
pub(super) type Outcome = Result<AccessToken, TokenError>;

/// Boardings until a caller gives up: the first may meet a fetch that began before its token was rejected, or one whose
/// runtime is shut down.
const BOARDINGS: usize = 3;

/// In a token's last minutes, how often somebody looks whether to replace it.
const LOOK_AHEAD_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Shared {
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) account: AccountKey,
    /// None where the token is shared with nobody.
    pub(super) store: Option<Arc<dyn TokenStore>>,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) history: Mutex<History>,
    slot: Slot<Content>,
    flights: Arc<SingleFlight<Outcome>>,
    counters: Counters,
    born: Instant,
    jitter: u8,
    /// Milliseconds since `born` before which nobody need look ahead.
    look_ahead_after: AtomicU64,
    /// Seconds from `born` to the last time that somebody asked for a token.
    used: AtomicU64,
    /// The highest generation that WeChat has rejected.
    rejected: AtomicU64,
    closed: AtomicBool,
    /// The task that takes over what other processes write to the store.
    follower: Mutex<Option<AbortHandle>>,
}

impl Generation for Content {
    fn generation(&self) -> u64 {
        Self::generation(self)
    }
}

impl Shared {
    pub(super) fn new(
        issuer: Arc<dyn Issuer>,
        store: Option<Arc<dyn TokenStore>>,
        settings: Settings,
        clock: Clock,
    ) -> Self {
        Self {
            account: issuer.account(),
            issuer,
            store,
            settings,
            history: Mutex::default(),
            slot: Slot::empty(),
            flights: Arc::new(SingleFlight::new()),
            counters: Counters::default(),
            born: clock.now().monotonic,
            clock,
            jitter: fastrand::u8(..),
            look_ahead_after: AtomicU64::new(0),
            used: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            follower: Mutex::default(),
        }
    }

    // === the present token ===

    pub(super) fn slot(&self) -> Option<AccessToken> {
        self.slot.load().map(AccessToken::from)
    }

    pub(super) fn current(&self) -> Option<AccessToken> {
        let now = self.clock.now();
        self.slot().filter(|token| !token.left(now).is_zero())
    }

    /// Makes the token the present one, unless there is a later one.
    pub(super) fn install(&self, token: &AccessToken) -> bool {
        let installed = self.slot.install(token.content());
        if installed {
            self.look_ahead_after.store(0, Ordering::Relaxed);
        }
        installed
    }

    /// Trusts the present token no longer than `most`.
    pub(super) fn curtail(&self, most: Duration) {
        if let Some(token) = self.slot() {
            self.slot.amend(token.curtailed(self.clock.now(), most).content());
        }
    }

    /// What the policy is to know of a token, while a fetch is under way or not.
    fn held(&self, token: &AccessToken, now: Moment, under_way: bool) -> Held {
        Held {
            generation: token.generation(),
            left: token.left(now),
            window: policy::window(token.life(), self.settings.refresh_ahead, self.jitter),
            being_replaced: under_way && self.is_rejected(token),
        }
    }

    pub(super) fn satisfies(&self, token: &AccessToken, need: Need) -> bool {
        self.held(token, self.clock.now(), false).satisfies(need)
    }

    /// A good token, without waiting. Sees to the next one if the present one is near its end.
    pub(super) fn ready(self: &Arc<Self>, need: Need) -> Option<AccessToken> {
        let now = self.clock.now();
        self.note_use(now);
        let token = self.slot()?;
        if token.is_fresh(now) && need == Need::Living(Duration::ZERO) && !self.is_rejected(&token) {
            return Some(token);
        }
        // Only for a token that was rejected is it asked, under a lock, whether a fetch is under way.
        let under_way = self.is_rejected(&token) && self.flights.is_under_way();
        let held = self.held(&token, now, under_way);
        if !held.satisfies(need) || (held.being_replaced && !self.is_held_back(now)) {
            return None;
        }
        if held.left <= held.window && self.may_look_ahead(now) {
            self.start(Need::NewerThan(held.generation), None);
        }
        Some(token)
    }

    /// Whether no refresh can be had at the moment.
    fn is_held_back(&self, now: Moment) -> bool {
        lock(&self.history).restraint(now) != Restraint::default()
    }

    /// How long until the present token should be replaced; zero if there is none.
    pub(super) fn before_window(&self, now: Moment) -> Duration {
        let held = self.slot().map(|token| self.held(&token, now, false));
        held.map_or(Duration::ZERO, |held| held.left.saturating_sub(held.window))
    }

    /// How long this cache has been there.
    fn age(&self, now: Moment) -> Duration {
        now.monotonic.saturating_duration_since(self.born)
    }

    /// For how long nobody has asked for a token.
    pub(super) fn idle(&self, now: Moment) -> Duration {
        let used = Duration::from_secs(self.used.load(Ordering::Relaxed));
        self.age(now).saturating_sub(used)
    }

    /// Somebody asks for a token, or for it to be kept warm.
    pub(super) fn note_use(&self, now: Moment) {
        let second = self.age(now).as_secs();
        // A read first: most calls share their second with another, and need not write what others read.
        if self.used.load(Ordering::Relaxed) != second {
            self.used.store(second, Ordering::Relaxed);
        }
    }

    /// Lets one caller a second through, so that the others take no lock.
    fn may_look_ahead(&self, now: Moment) -> bool {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        // By the monotonic clock alone: a wall clock that was wrong for a while must not put this off.
        let present = millis(self.age(now));
        let after = self.look_ahead_after.load(Ordering::Relaxed);
        let next = present.saturating_add(millis(LOOK_AHEAD_EVERY));
        present >= after
            && self
                .look_ahead_after
                .compare_exchange(after, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    // === fetching the next one ===

    /// Starts a fetch, if one is due and none is under way.
    pub(super) fn start(self: &Arc<Self>, need: Need, rejected: Option<AccessToken>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if let Boarding::First(_, pilot) = self.board(need) {
            self.depart(&runtime, Order { need, rejected }, pilot);
        }
    }

    /// Waits for a token, in a fetch of its own or in the one under way.
    pub(super) async fn wait(self: Arc<Self>, need: Need, rejected: Option<AccessToken>) -> Outcome {
        self.report(Event::Waited);
        let fetched = self.fetched(need, rejected).await;
        // Once its refresh has failed, a token that was rejected will do: WeChat's answer to it says more than an error.
        fetched.or_else(|error| self.ready(need).ok_or(error))
    }

    async fn fetched(self: &Arc<Self>, need: Need, rejected: Option<AccessToken>) -> Outcome {
        let Ok(runtime) = Handle::try_current() else {
            return Err(self.error(ErrorKind::NoRuntime, "there is no tokio runtime here to fetch one on"));
        };
        let patience = self.settings.wait_timeout;
        let fetched = async {
            for _ in 0..BOARDINGS {
                let join = match self.board(need) {
                    Boarding::Decided(decided) => return decided,
                    Boarding::Joined(join) => {
                        self.report(Event::Coalesced);
                        join
                    }
                    Boarding::First(join, pilot) => {
                        self.depart(&runtime, Order { need, rejected: rejected.clone() }, pilot);
                        join
                    }
                };
                if let Some(outcome) = self.arrive(join, need).await {
                    return outcome;
                }
            }
            Err(self
                .error(ErrorKind::Closed, "every fetch was stopped under way: is a runtime being shut down?"))
        };
        timeout(patience, fetched).await.unwrap_or_else(|_| {
            if let Some(trouble) = lock(&self.history).trouble.clone() {
                return Err(trouble);
            }
            let text = format!(
                "none came within {:.1} s; the fetch goes on for the next caller",
                patience.as_secs_f64()
            );
            Err(self.error(ErrorKind::Timeout, text).with_transient(true))
        })
    }

    /// Waits for the end of the flight. `None`: it says nothing about this caller's need.
    async fn arrive(&self, join: Join<Outcome>, need: Need) -> Option<Outcome> {
        match join.await {
            Ok(token) if self.satisfies(&token, need) => Some(Ok(token)),
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::Closed => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn board(self: &Arc<Self>, need: Need) -> Boarding<Outcome, Outcome> {
        let aborted = || self.error(ErrorKind::Closed, "the fetch was stopped under way");
        SingleFlight::board(&self.flights, || Err(aborted()), |under_way| self.decide(need, under_way))
    }

    /// What to do without a flight, if that is possible. Runs under the lock of the flights.
    fn decide(&self, need: Need, under_way: bool) -> Option<Outcome> {
        let now = self.clock.now();
        let token = self.slot();
        let held = token.as_ref().map(|token| self.held(token, now, under_way));
        if let (Some(token), Some(held), Need::Living(ttl)) = (&token, held, need) {
            // A new one has lost what its fetch took; to mint again and again would not help. Near the end of this one the
            // next is due anyway, and may live longer: a stable token comes with what is left of it.
            let life = token.life();
            let fresh = life.saturating_sub(self.settings.fetch_timeout.min(life / 2));
            if ttl > fresh && held.left > held.window {
                let (ttl, fresh) = (ttl.as_secs(), fresh.as_secs());
                let text = format!(
                    "one that lives for {ttl} s was asked for, but a new one may have {fresh} s only"
                );
                return Some(Err(self.error(ErrorKind::Config, text)));
            }
        }
        let history = lock(&self.history);
        match (policy::decide(held, need, history.restraint(now)), token) {
            (Decision::Serve | Decision::ServeAndRefresh, Some(token)) => Some(Ok(token)),
            (Decision::BackedOff, _) => Some(Err(history.backed_off(now).for_app(self.account.app()))),
            _ if self.is_closed() => Some(Err(self.error(ErrorKind::Closed, "this cache was shut down"))),
            _ => None,
        }
    }

    /// Sends the flight off, in a task of its own.
    fn depart(self: &Arc<Self>, runtime: &Handle, order: Order, pilot: Pilot<Outcome>) {
        self.follow(runtime);
        let shared = self.clone();
        runtime.spawn(async move {
            let outcome = refresh::run(&shared, &order).await;
            pilot.land(outcome);
        });
    }

    /// Sees to it that somebody listens to what other processes write.
    fn follow(self: &Arc<Self>, runtime: &Handle) {
        let Some(store) = &self.store else {
            return;
        };
        let mut follower = lock(&self.follower);
        if follower.as_ref().is_none_or(AbortHandle::is_finished) {
            *follower = Some(runtime.spawn(follow::run(Arc::downgrade(self), store.clone())).abort_handle());
        }
    }

    // === the rest ===

    /// Takes note that WeChat rejected this token. Whether that is news.
    pub(super) fn note_rejection(&self, rejected: &AccessToken) -> bool {
        let generation = rejected.generation();
        if self.rejected.fetch_max(generation, Ordering::Relaxed) >= generation {
            return false;
        }
        let now = self.clock.now();
        if lock(&self.history).rejected(rejected.left(now), now) {
            self.report(Event::ForeignMinter);
        }
        true
    }

    /// Whether WeChat has rejected this token or a later one.
    pub(super) fn is_rejected(&self, token: &AccessToken) -> bool {
        self.rejected.load(Ordering::Relaxed) >= token.generation()
    }

    pub(super) fn report(&self, event: Event<'_>) {
        self.counters.count(event);
        telemetry::emit(&self.account, event);
    }

    pub(super) fn stats(&self) -> Stats {
        self.counters.read()
    }

    pub(super) fn error(
        &self,
        kind: ErrorKind,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) -> TokenError {
        TokenError::new(kind, message).for_app(self.account.app())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if let Some(join) = self.flights.join() {
            // How it ends does not matter here, only that it does.
            let _ = join.await;
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(follower) = lock(&self.follower).take() {
            follower.abort();
        }
    }
}
