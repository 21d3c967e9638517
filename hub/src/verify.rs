//! [`Verifier`]: makes sure that an app's token is still good, with one cheap call for all who ask.
//!
//! A program that met a rejection asks for a token again, as does one that has just started: they cannot be told apart. So
//! before a token is handed out a second time, the hub makes a call of its own with it. The layer sees a rejection, and
//! replaces the token. Who asks waits for a call that begins after the question: an earlier one would not have seen what the
//! program has met. Calls of one app are so far apart and so many a day as [`Verify`] says; nobody waits for one that the day
//! has not.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::{
    select,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tower_wechat::{AppId, TokenCache, TokenError};

use crate::{
    clock::now,
    facade,
    hub::Hub,
    telemetry::{Event, emit, metric::VERIFICATIONS},
};

/// The longest that one call may take. It may meet a rejection, and a mint; and many SDKs give up after five seconds.
const LONGEST: Duration = Duration::from_secs(3);
const DAY: Duration = Duration::from_secs(86_400);

/// How a hub makes sure that a token is still good before it hands it out a second time.
///
/// ```
/// use std::time::Duration;
/// use wechat_hub::{Hub, Verify};
///
/// let mut verify = Verify::default();
/// verify.at_most_every = Duration::from_secs(5);
/// let hub = Hub::builder().verify(verify).build()?;
/// # Ok::<(), wechat_hub::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verify {
    /// The path of the call, on the platform: `/cgi-bin/get_api_domain_ip`, which WeChat and WeCom both have. It begins with a
    /// slash, and is no token endpoint's.
    pub path: String,
    /// The least time between two calls for one app: 2 s. A minute at most. Who asks in between waits for the next.
    pub at_most_every: Duration,
    /// Calls for one app in a day: 500 at once, and then one as often as a day has room for so many. With 0 there are none.
    pub a_day: u32,
}

impl Default for Verify {
    fn default() -> Self {
        Self {
            path: "/cgi-bin/get_api_domain_ip".to_owned(),
            at_most_every: Duration::from_secs(2),
            a_day: 500,
        }
    }
}

impl Verify {
    /// What is wrong with it.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if !crate::paths::is_normal(&self.path) {
            Some(
                "`path` is a path on the platform, and begins with a slash, such as /cgi-bin/get_api_domain_ip",
            )
        } else if facade::PATHS.contains(&self.path.as_str()) {
            Some("`path` is an API, which takes a token, and no token endpoint")
        } else if self.at_most_every > Duration::from_secs(60) {
            Some("`at_most_every` must be a minute at most: programs wait for it")
        } else {
            None
        }
    }
}

/// Makes sure of one app's token.
pub(crate) struct Verifier {
    settings: Arc<Verify>,
    budget: Option<DefaultDirectRateLimiter>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the last call began.
    last: Option<Instant>,
    next: Option<Next>,
    /// While the day has no calls left.
    spent_until: Option<Instant>,
}

/// A call that has not begun yet.
struct Next {
    round: Round,
    /// Held by those who wait for it.
    waiters: Weak<()>,
}

/// One call, and what came of it.
#[derive(Clone, Default)]
struct Round {
    done: CancellationToken,
    /// Why there is no better token, if the platform has rejected the present one.
    rejected: Arc<OnceLock<TokenError>>,
}

/// One who waits for a call.
struct Waiter {
    round: Round,
    _waits: Arc<()>,
}

impl Verifier {
    pub(crate) fn new(settings: &Arc<Verify>) -> Self {
        let budget = NonZeroU32::new(settings.a_day).and_then(|calls| {
            let quota = Quota::with_period(DAY / settings.a_day)?;
            Some(RateLimiter::direct(quota.allow_burst(calls)))
        });
        Self { settings: settings.clone(), budget, state: Mutex::default() }
    }

    pub(crate) fn is_set_as(&self, settings: &Verify) -> bool {
        *self.settings == *settings
    }

    /// Comes back once a call that began after this was made has ended, or there is a later token than this one, or at once
    /// where the day has no calls left. An error says that the platform has rejected the token, and why there is no better one.
    pub(crate) async fn verify(
        self: &Arc<Self>,
        hub: &Hub,
        app: &AppId,
        cache: &TokenCache,
        generation: u64,
    ) -> Result<(), TokenError> {
        let Some(waiter) = self.join(hub, app) else { return Ok(()) };
        let longest = self.settings.at_most_every + LONGEST;
        select! {
            // Where it takes longer, the token goes out as it is.
            _ = timeout(longest, waiter.round.done.cancelled()) => {}
            // Who asked before there was this token has met the rejection of another.
            _ = cache.newer_than(generation) => return Ok(()),
        }
        waiter.round.rejected.get().cloned().map_or(Ok(()), Err)
    }

    /// The next call. Whoever comes first sees to it that there is one.
    fn join(self: &Arc<Self>, hub: &Hub, app: &AppId) -> Option<Waiter> {
        let mut state = self.state();
        // One that has ended before it began was on a runtime that is no more.
        if let Some(next) = state.next.as_mut().filter(|next| !next.round.done.is_cancelled()) {
            let waits = next.waiters.upgrade().unwrap_or_default();
            next.waiters = Arc::downgrade(&waits);
            return Some(Waiter { round: next.round.clone(), _waits: waits });
        }
        if self.budget.is_none() || state.spent_until.is_some_and(|until| now() < until) {
            return None;
        }
        let (round, waits) = (Round::default(), Arc::default());
        state.next = Some(Next { round: round.clone(), waiters: Arc::downgrade(&waits) });
        let begins = state.last.map_or_else(now, |last| last + self.settings.at_most_every);
        drop(state);
        tokio::spawn(self.clone().run(hub.clone(), app.clone(), round.clone(), begins));
        Some(Waiter { round, _waits: waits })
    }

    async fn run(self: Arc<Self>, hub: Hub, app: AppId, round: Round, begins: Instant) {
        // However it ends, nobody waits any longer.
        let _ended = round.done.drop_guard();
        sleep_until(begins).await;
        if !self.begins() {
            return;
        }
        // By what the hub knows now: another configuration may have come, with another secret.
        let upstream = hub.table().upstream.clone();
        let url = hub.table().apps.get(&app).and_then(|app| app.base.with(&self.settings.path, ""));
        let Some(url) = url else { return };
        let rejected = timeout(LONGEST, upstream.ask(&app, url)).await.ok().flatten();
        VERIFICATIONS.counter([app.as_str()]).increment(1);
        emit(Event::Verified { app: app.as_str(), rejected: rejected.is_some() });
        if let Some(error) = rejected {
            // There is one call in each round.
            let _ = round.rejected.set(error);
        }
    }

    /// The next call begins, if somebody still waits for it. Who asks from now on waits for another one.
    fn begins(&self) -> bool {
        let mut state = self.state();
        let is_awaited = state.next.take().is_some_and(|next| next.waiters.strong_count() > 0);
        let Some(budget) = self.budget.as_ref().filter(|_| is_awaited) else { return false };
        if let Err(until) = budget.check() {
            state.spent_until = Some(now() + until.wait_time_from(DefaultClock::default().now()));
            emit(Event::NoVerificationLeft);
            return false;
        }
        state.last = Some(now());
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
