//! What there is to report, in one vocabulary: tracing events (feature `tracing`, target `tower_wechat`) and metrics
//! (feature `metrics`, names `tower_wechat_*`). Accounts appear by the hash of their key, in events also by their app's id; tokens not at
//! all.
//!
//! `docs/operating/metrics.md` lists all of it, with what it means; the tests in `catalogue` keep that page as the code is.

// What only an event or only a metric shows is written for nobody without them.
#![cfg_attr(not(all(feature = "tracing", feature = "metrics")), allow(dead_code))]

#[cfg(all(test, feature = "tracing", feature = "metrics", feature = "redis"))]
mod catalogue;
#[cfg(feature = "redis")]
mod eviction;
#[cfg(feature = "metrics")]
mod measured;
#[cfg(feature = "metrics")]
mod metric;
mod passed_through;

use std::time::Duration;

#[cfg(feature = "redis")]
pub(crate) use self::eviction::may_evict;
#[cfg(all(test, feature = "tracing", feature = "metrics", feature = "redis"))]
use self::passed_through::say_placeholder;
pub(crate) use self::passed_through::{PassedThrough, passed_through};
#[cfg(feature = "tracing")]
use crate::secret::AppId;
use crate::{error::TokenError, issuer::AccountKey, store::StoreError};

/// The target of all events, whichever module they come from.
#[cfg(feature = "tracing")]
const TARGET: &str = "tower_wechat";

/// Why a token was minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There was none, or it had expired.
    Cold,
    /// It was near its end.
    Ahead,
    /// WeChat rejected it.
    Rejected,
    /// WeChat rejected it, and a normal mint returned it again.
    Forced,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Ahead => "ahead",
            Self::Rejected => "rejected",
            Self::Forced => "forced",
        }
    }
}

/// Something worth reporting about an account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// A token was minted here. It took so long, a second try and a forced one included.
    Minted { cause: Cause, generation: u64, life: Duration, took: Duration },
    /// A mint failed here.
    MintFailed { cause: Cause, error: &'a TokenError, pause: Duration },
    /// Another process's token was taken from the store.
    Shared { generation: u64 },
    /// A caller waited for a token.
    Waited,
    /// A caller waited for a fetch that was under way already.
    Coalesced,
    /// WeChat rejected a token that a request carried, as the first of all that carried it or not.
    Rejected { errcode: i64, rid: Option<&'a str>, age: Duration, first: bool },
    /// A request was sent a second time.
    Replayed,
    /// There is no second answer to a rejected request.
    NotReplayed { why: &'static str },
    /// A budget of refreshes is spent for so long.
    BudgetSpent { wait: Duration },
    /// Somebody else mints for this app. Whether its mints are independent, and whether its token is in a shared store.
    ForeignMinter { independent: bool, shared: bool },
    /// What is left of the present token's life.
    Life { left: Duration },
    /// The store failed, for the first time since it last answered.
    StoreFailed { error: &'a StoreError },
    /// A token was minted here, but a later lease had been granted meanwhile: it was thrown away.
    Fenced { generation: u64 },
}

/// Reports the event.
pub(crate) fn emit(account: &AccountKey, event: Event<'_>) {
    #[cfg(feature = "tracing")]
    trace(account, event);
    #[cfg(feature = "metrics")]
    measured::measure(account, event);
    let _ = (account, event);
}

#[cfg(feature = "tracing")]
fn trace(account: &AccountKey, event: Event<'_>) {
    use tracing::{debug, info, trace, warn};
    let app = Shown(account.app());
    match event {
        Event::Minted { cause, generation, life, took } => {
            let (cause, life_s, took_ms) = (cause.as_str(), life.as_secs(), millis(took));
            info!(target: TARGET, %app, %account, cause, generation, life_s, took_ms, "minted a token");
        }
        Event::MintFailed { cause, error, pause } => {
            let (cause, errcode, pause_ms) = (cause.as_str(), error.errcode(), millis(pause));
            let (rid, hint) = (error.rid(), error.hint());
            warn!(
                target: TARGET,
                %app, %account, cause, %error, errcode, rid, hint, pause_ms,
                "could not mint a token"
            );
        }
        Event::Shared { generation } => {
            debug!(target: TARGET, %app, %account, generation, "took a token from the store");
        }
        Event::Waited => trace!(target: TARGET, %app, %account, "waited for a token"),
        Event::Coalesced => trace!(target: TARGET, %app, %account, "joined a fetch under way"),
        Event::Rejected { errcode, rid, age, first: true } => {
            let age_s = age.as_secs();
            info!(target: TARGET, %app, %account, errcode, rid, age_s, "WeChat rejected the token");
        }
        // The same news from the other requests that carried the same token.
        Event::Rejected { errcode, rid, first: false, .. } => {
            debug!(target: TARGET, %app, %account, errcode, rid, "WeChat rejected the token once more");
        }
        Event::Replayed => {
            debug!(target: TARGET, %app, %account, "sent the request again with another token");
        }
        Event::NotReplayed { why } => {
            debug!(target: TARGET, %app, %account, why, "handed WeChat's rejection on");
        }
        Event::BudgetSpent { wait } => {
            let wait_ms = millis(wait);
            warn!(
                target: TARGET,
                %app, %account, wait_ms,
                "too many rejections: the budget of refreshes is spent"
            );
        }
        Event::ForeignMinter { independent, shared } => {
            let advice = foreign_minter_advice(independent, shared);
            warn!(target: TARGET, %app, %account, advice, "another program mints for this app");
        }
        // A number that changes all the time.
        Event::Life { .. } => {}
        Event::StoreFailed { error } => {
            warn!(target: TARGET, %app, %account, %error, "the token store failed");
        }
        Event::Fenced { generation } => {
            warn!(
                target: TARGET,
                %app, %account, generation,
                "minted too late: another process has taken over, its token stays"
            );
        }
    }
}

/// What to do about another program that mints for the same app.
#[cfg(feature = "tracing")]
fn foreign_minter_advice(independent: bool, shared: bool) -> &'static str {
    match (independent, shared) {
        (true, _) => {
            "it forces refreshes of the stable token (`force_refresh`), which ends the one there is: force in one place only, \
             and for leaked tokens only"
        }
        (false, true) => {
            "it does not share this store: let it, or let all of them use the stable_token endpoint, where mints do each \
             other no harm"
        }
        (false, false) => {
            "let all of them share one store, or use the stable_token endpoint, where mints do each other no harm"
        }
    }
}

/// Puts what happens in a fetch into a span of its own, with why it is made. It has no parent: it belongs to no single one of
/// those who wait for it.
#[cfg(feature = "tracing")]
pub(crate) fn in_fetch_span<F: Future>(
    account: &AccountKey,
    cause: Cause,
    fetching: F,
) -> impl Future<Output = F::Output> + use<F> {
    use tracing::Instrument;
    let app = Shown(account.app());
    let span =
        tracing::info_span!(target: TARGET, parent: None, "fetch", %app, %account, cause = cause.as_str());
    span.follows_from(tracing::Span::current());
    fetching.instrument(span)
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn in_fetch_span<F: Future>(_: &AccountKey, _: Cause, fetching: F) -> F {
    fetching
}

/// An app's id, on one line whatever it is.
#[cfg(feature = "tracing")]
struct Shown<'a>(&'a AppId);

#[cfg(feature = "tracing")]
impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.shown())
    }
}

#[cfg(feature = "tracing")]
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
