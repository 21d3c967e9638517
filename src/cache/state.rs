//! What one cache knows: the present token, what happened lately, and how long ago anybody cared. No tasks, no waiting.

use std::{
    borrow::Cow,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    foreign_minter::ForeignMinter,
    history::History,
    policy::{self, Decision, Held, Need, View},
    settings::Settings,
    slot::{Slot, Versioned},
    stats::{Counters, Stats},
    sync::lock,
    trial::Trial,
};
use crate::{
    clock::{Clock, Moment},
    error::{ErrorKind, TokenError},
    issuer::{AccountKey, Issuer},
    store::{Record, StoreError, TokenStore},
    telemetry::{self, Event},
    token::{AccessToken, Content},
};

/// How a fetch ends.
pub(super) type Outcome = Result<AccessToken, TokenError>;

/// In a token's last minutes, how often somebody looks whether to replace it.
const LOOK_AHEAD_EVERY: Duration = Duration::from_secs(1);

pub(super) struct State {
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) account: AccountKey,
    /// None where the token is shared with nobody.
    pub(super) store: Option<Arc<dyn TokenStore>>,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    /// Whether the last refresh has helped.
    pub(super) trial: Trial,
    history: Mutex<History>,
    foreign_minter: Mutex<ForeignMinter>,
    slot: Slot<Content>,
    /// What the slot had before, if somebody has asked for that.
    replaced: Mutex<Option<AccessToken>>,
    keeps_replaced: AtomicBool,
    /// Woken by every token that becomes the present one.
    installed: Notify,
    counters: Counters,
    born: Instant,
    jitter: u8,
    /// Milliseconds since `born` before which nobody need look ahead.
    look_ahead_after: AtomicU64,
    /// Seconds from `born` to the last time that somebody asked for a token.
    used: AtomicU64,
    /// Seconds from `born` before which the issuer is not asked whether what failed has been mended.
    ask_mended_after: AtomicU64,
    /// Seconds from `born` by which the follower looks again.
    look_due: AtomicU64,
    /// The highest generation that WeChat has rejected.
    rejected: AtomicU64,
    /// The generation of the last token that this process minted.
    minted: AtomicU64,
    /// Whether the store could not be used the last time.
    store_is_down: AtomicBool,
    closed: AtomicBool,
}

impl Versioned for Content {
    fn gives_way_to(&self, new: &Self) -> bool {
        Self::gives_way_to(self, new)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.generation() == other.generation()
    }
}

impl State {
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
            trial: Trial::default(),
            history: Mutex::default(),
            foreign_minter: Mutex::default(),
            slot: Slot::empty(),
            replaced: Mutex::default(),
            keeps_replaced: AtomicBool::new(false),
            installed: Notify::new(),
            counters: Counters::default(),
            born: clock.now().monotonic,
            clock,
            jitter: fastrand::u8(..),
            look_ahead_after: AtomicU64::new(0),
            used: AtomicU64::new(0),
            ask_mended_after: AtomicU64::new(0),
            look_due: AtomicU64::new(u64::MAX),
            rejected: AtomicU64::new(0),
            minted: AtomicU64::new(0),
            store_is_down: AtomicBool::new(false),
            closed: AtomicBool::new(false),
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
        let before = if self.keeps_replaced.load(Ordering::Relaxed) { self.slot() } else { None };
        let installed = self.slot.install(token.content());
        if installed {
            if let Some(before) = before.filter(|before| before.generation() < token.generation()) {
                // Nothing panics while it is held.
                *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
            }
            self.look_ahead_after.store(0, Ordering::Relaxed);
            self.installed.notify_waiters();
        }
        installed
    }

    /// The token before the present one, as far as this process knows. It is kept from the first call on.
    pub(super) fn replaced(&self) -> Option<AccessToken> {
        self.keeps_replaced.store(true, Ordering::Relaxed);
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first good token of a later generation than this, as soon as it is the present one.
    pub(super) async fn newer_than(&self, generation: u64) -> AccessToken {
        loop {
            // Before the look: what comes in between is not missed.
            let mut installed = pin!(self.installed.notified());
            installed.as_mut().enable();
            if let Some(newer) = self.current().filter(|present| present.generation() > generation) {
                return newer;
            }
            installed.await;
        }
    }

    /// Trusts the token of that generation no longer than `most`, if it is the present one.
    pub(super) fn curtail(&self, generation: u64, most: Duration) {
        let now = self.clock.now();
        if let Some(token) =
            self.slot().filter(|token| token.generation() == generation && token.left(now) > most)
        {
            self.slot.amend(token.curtailed(now, most).content());
        }
    }

    /// A token as another process has written it down.
    pub(super) fn token_of(&self, record: &Record) -> AccessToken {
        let believed = |life: Duration| life.min(policy::LONGEST_LIFE);
        self.token(record.token.clone(), record.generation, believed(record.life), believed(record.left))
    }

    /// A token with so much left of its life, by now.
    pub(super) fn token(
        &self,
        text: Arc<str>,
        generation: u64,
        life: Duration,
        left: Duration,
    ) -> AccessToken {
        let expiry = self.clock.now().after(left);
        AccessToken::new(text, generation, life, expiry, self.settings.refresh_ahead, self.clock.clone())
    }

    /// Takes over a token that another process has minted.
    pub(super) fn adopt(&self, token: &AccessToken) {
        let rejected = |present: &AccessToken| self.is_rejected(present);
        let again = self.slot().filter(rejected).is_some_and(|present| present.as_str() == token.as_str());
        if self.install(token) {
            let mut history = lock(&self.history);
            history.succeeded();
            if again {
                // The very token that WeChat has rejected here: to ask for it once more would bring nothing new.
                history.unchanged(policy::QUIET_AFTER_SAME, self.clock.now());
            }
            drop(history);
            // The store may have told of our own before its answer to us came.
            if !self.is_minted_here(token.generation()) {
                self.report(Event::Shared { generation: token.generation() });
            }
        }
    }

    /// Whether the token of this generation is the last that was minted here.
    pub(super) fn is_minted_here(&self, generation: u64) -> bool {
        self.minted.load(Ordering::Relaxed) == generation
    }

    /// A token of this generation was minted here; next it is shared, and then published.
    pub(super) fn note_minted(&self, generation: u64) {
        self.minted.store(generation, Ordering::Relaxed);
    }

    /// Makes a token the present one that was minted here, in place of `before`.
    pub(super) fn publish(&self, token: &AccessToken, before: Option<&AccessToken>, need: &Need) {
        let now = self.clock.now();
        let same = |other: Option<&AccessToken>| other.is_some_and(|other| other.as_str() == token.as_str());
        self.install(token);
        let mut history = lock(&self.history);
        history.succeeded();
        if same(need.rejected()) {
            history.unchanged(policy::QUIET_AFTER_SAME, now);
        } else if same(before) {
            history.unchanged(policy::quiet_after_unchanged(token), now);
        }
    }

    // === what to do ===

    /// What to do about a need, and the token in the slot.
    pub(super) fn decide(&self, need: &Need, now: Moment) -> (Decision, Option<AccessToken>) {
        let token = self.slot();
        let view = View {
            held: token.as_ref().map(|token| self.held(token, now)),
            held_back: self.history().held_back(now),
            closed: self.is_closed(),
            fetch_timeout: self.settings.fetch_timeout,
        };
        (policy::decide(view, need), token)
    }

    pub(super) fn held(&self, token: &AccessToken, now: Moment) -> Held {
        Held {
            generation: token.generation(),
            life: token.life(),
            left: token.left(now),
            window: policy::window(token.life(), self.settings.refresh_ahead, self.jitter),
            rejected: self.is_rejected(token),
        }
    }

    pub(super) fn satisfies(&self, token: &AccessToken, need: &Need) -> bool {
        self.held(token, self.clock.now()).satisfies(need)
    }

    /// What a new token may have of the present one's life.
    pub(super) fn fresh_life(&self) -> Duration {
        let held = self.slot().map(|token| self.held(&token, self.clock.now()));
        held.map_or(Duration::ZERO, |held| held.fresh(self.settings.fetch_timeout))
    }

    /// Whether another token than this one is due.
    pub(super) fn is_due(&self, token: &AccessToken, now: Moment) -> bool {
        let held = self.held(token, now);
        held.left <= held.window
    }

    /// How long until the present token should be replaced; zero if there is none.
    pub(super) fn before_window(&self, now: Moment) -> Duration {
        let held = self.slot().map(|token| self.held(&token, now));
        held.map_or(Duration::ZERO, |held| held.left.saturating_sub(held.window))
    }

    /// What happened lately. Never held over an await.
    pub(super) fn history(&self) -> std::sync::MutexGuard<'_, History> {
        lock(&self.history)
    }

    // === time ===

    /// How long this cache has been there, by the monotonic clock alone: nobody's wait ends because a clock was set.
    pub(super) fn age(&self, now: Moment) -> Duration {
        now.monotonic.saturating_duration_since(self.born)
    }

    /// For how long nobody has asked for a token.
    pub(super) fn idle(&self, now: Moment) -> Duration {
        let used = Duration::from_secs(self.used.load(Ordering::Relaxed));
        self.age(now).saturating_sub(used)
    }

    /// Somebody asks for a token, or for it to be kept warm. Whether that is the first time in this second.
    pub(super) fn note_use(&self, now: Moment) -> bool {
        let second = self.age(now).as_secs();
        // A read first: most calls share their second with another, and need not write what others read.
        let first = self.used.load(Ordering::Relaxed) != second;
        if first {
            self.used.store(second, Ordering::Relaxed);
        }
        first
    }

    /// Lets one caller a second through, so that the others take no lock.
    pub(super) fn may_look_ahead(&self, now: Moment) -> bool {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let present = millis(self.age(now));
        let after = self.look_ahead_after.load(Ordering::Relaxed);
        let next = present.saturating_add(millis(LOOK_AHEAD_EVERY));
        present >= after
            && self
                .look_ahead_after
                .compare_exchange(after, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The follower has looked, and will look again within this time.
    pub(super) fn note_look(&self, again: Duration) {
        let due = self.age(self.clock.now()).saturating_add(again).as_secs();
        self.look_due.store(due, Ordering::Relaxed);
    }

    /// Whether the follower should have looked again by now.
    pub(super) fn is_look_overdue(&self, now: Moment) -> bool {
        self.age(now).as_secs() > self.look_due.load(Ordering::Relaxed)
    }

    /// Lets one caller a second ask the issuer whether what failed has been mended.
    pub(super) fn may_ask_whether_mended(&self, now: Moment) -> bool {
        let second = self.age(now).as_secs();
        self.ask_mended_after.fetch_max(second + 1, Ordering::Relaxed) <= second
    }

    // === what was learned ===

    /// Takes note that WeChat rejected this token. Whether that is news.
    pub(super) fn note_rejection(&self, rejected: &AccessToken) -> bool {
        let generation = rejected.generation();
        if self.rejected.fetch_max(generation, Ordering::Relaxed) >= generation {
            return false;
        }
        self.trial.rejected(generation);
        // Where mints do each other no harm, nobody else's ends a token.
        if !self.issuer.mints_are_independent() {
            self.alarm(|alarm, now| alarm.rejected(rejected, now));
        }
        true
    }

    /// The highest generation that WeChat has rejected.
    pub(super) fn highest_rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Takes note of what a refresh has brought in place of a rejected token.
    pub(super) fn note_replacement(&self, rejected: &AccessToken, new: &AccessToken) {
        if self.issuer.mints_are_independent() {
            self.alarm(|alarm, now| alarm.replaced(rejected, new, now));
        }
    }

    fn alarm(&self, sees: impl FnOnce(&mut ForeignMinter, Instant) -> bool) {
        if sees(&mut lock(&self.foreign_minter), self.clock.now().monotonic) {
            let (independent, shared) = (self.issuer.mints_are_independent(), self.store.is_some());
            self.report(Event::ForeignMinter { independent, shared });
        }
    }

    /// Whether WeChat has rejected this token or a later one.
    pub(super) fn is_rejected(&self, token: &AccessToken) -> bool {
        self.highest_rejected() >= token.generation()
    }

    /// Whether the store could not be used the last time.
    pub(super) fn is_store_down(&self) -> bool {
        self.store_is_down.load(Ordering::Relaxed)
    }

    /// Takes note of how a call to the store went; says it once for each outage.
    pub(super) fn note_store<T>(&self, result: &Result<T, StoreError>) {
        match result {
            Ok(_) => {
                // A read first: it is nearly always up.
                if self.store_is_down.load(Ordering::Relaxed) {
                    self.store_is_down.store(false, Ordering::Relaxed);
                }
            }
            Err(error) => {
                if !self.store_is_down.swap(true, Ordering::Relaxed) {
                    self.report(Event::StoreFailed { error });
                }
            }
        }
    }

    // === the rest ===

    pub(super) fn report(&self, event: Event<'_>) {
        self.counters.count(event);
        telemetry::emit(&self.account, event);
    }

    pub(super) fn stats(&self) -> Stats {
        self.counters.read()
    }

    pub(super) fn error(&self, kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> TokenError {
        TokenError::new(kind, message).for_app(self.account.app())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}
