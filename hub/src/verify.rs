//! [`Verifier`]: makes sure that an app's token is still good, with one cheap call for all who ask.
//!
//! A program that met a rejection asks for a token again, as does one that has just started: they cannot be told apart. So
//! before a token is handed out a second time, the hub makes a call of its own with it. The layer sees a rejection, and
//! replaces the token. Who asks waits for a call that begins after the question: an earlier one would not have seen what the
//! program has met. Calls of one app are so far apart and so many a day as [`Verify`] says; nobody waits for one that the day
//! has not.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
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
use tower_wechat::{AppId, TokenCache};

use crate::{clock::now, upstream::Upstream};

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
    /// The path of the call, on the platform: `/cgi-bin/get_api_domain_ip`, which WeChat and WeCom both have.
    pub path: String,
    /// The least time between two calls for one app: 2 s. Who asks in between waits for the next.
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
    done: CancellationToken,
    /// Held by those who wait for it.
    waiters: Weak<()>,
}

/// One who waits for a call.
struct Waiter {
    done: CancellationToken,
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
    /// where the day has no calls left.
    pub(crate) async fn verify(
        self: &Arc<Self>,
        upstream: &Upstream,
        app: &AppId,
        cache: &TokenCache,
        generation: u64,
    ) {
        let Some(waiter) = self.join(upstream, app, cache) else { return };
        let longest = self.settings.at_most_every + LONGEST;
        select! {
            // Where it takes longer, the token goes out as it is.
            _ = timeout(longest, waiter.done.cancelled()) => {}
            // Who asked before there was this token has met the rejection of another.
            _ = cache.newer_than(generation) => {}
        }
    }

    /// The next call. Whoever comes first sees to it that there is one.
    fn join(self: &Arc<Self>, upstream: &Upstream, app: &AppId, cache: &TokenCache) -> Option<Waiter> {
        let mut state = self.state();
        // One that has ended before it began was on a runtime that is no more.
        if let Some(next) = state.next.as_mut().filter(|next| !next.done.is_cancelled()) {
            let waits = next.waiters.upgrade().unwrap_or_default();
            next.waiters = Arc::downgrade(&waits);
            return Some(Waiter { done: next.done.clone(), _waits: waits });
        }
        if self.budget.is_none() || state.spent_until.is_some_and(|until| now() < until) {
            return None;
        }
        let (done, waits) = (CancellationToken::new(), Arc::default());
        state.next = Some(Next { done: done.clone(), waiters: Arc::downgrade(&waits) });
        let begins = state.last.map_or_else(now, |last| last + self.settings.at_most_every);
        drop(state);
        let url = format!("{}{}", cache.platform().base_url(), self.settings.path);
        let (verifier, upstream, app) = (self.clone(), upstream.clone(), app.clone());
        // However it ends, nobody waits any longer.
        let ended = done.clone().drop_guard();
        tokio::spawn(async move {
            sleep_until(begins).await;
            if verifier.begins() {
                let answered = timeout(LONGEST, upstream.ask(&app, &url)).await.unwrap_or(false);
                metrics::counter!(
                    "wechat_hub_verifications_total",
                    "app" => app.as_str().to_owned(),
                    "answered" => if answered { "yes" } else { "no" },
                )
                .increment(1);
                tracing::debug!(target: "wechat_hub", app = app.as_str(), answered, "made sure of the token");
            }
            drop(ended);
        });
        Some(Waiter { done, _waits: waits })
    }

    /// The next call begins, if somebody still waits for it. Who asks from now on waits for another one.
    fn begins(&self) -> bool {
        let mut state = self.state();
        let is_awaited = state.next.take().is_some_and(|next| next.waiters.strong_count() > 0);
        let Some(budget) = self.budget.as_ref().filter(|_| is_awaited) else { return false };
        if let Err(until) = budget.check() {
            state.spent_until = Some(now() + until.wait_time_from(DefaultClock::default().now()));
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
