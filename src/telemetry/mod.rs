//! What there is to report, in one vocabulary: tracing events (feature `tracing`, target `tower_wechat`) and metrics
//! (feature `metrics`, names `tower_wechat_*`). Accounts appear by the hash of their key, in events also by their app's id; tokens not at
//! all.

// What only an event shows is written for nobody without them.
#![cfg_attr(not(feature = "tracing"), allow(dead_code))]

#[cfg(feature = "redis")]
mod eviction;
mod passed_through;

use std::time::Duration;

#[cfg(feature = "redis")]
pub(crate) use self::eviction::may_evict;
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
    /// A token was minted here.
    Minted { cause: Cause, generation: u64, life: Duration },
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
    /// The budget of passive refreshes is spent.
    BudgetSpent { pause: Duration },
    /// Tokens are rejected long before they expire: somebody else mints for this app.
    ForeignMinter,
    /// The store failed.
    StoreFailed { error: &'a StoreError },
    /// A token was minted here, but a later lease had been granted meanwhile: it was thrown away.
    Fenced { generation: u64 },
}

/// Reports the event.
pub(crate) fn emit(account: &AccountKey, event: Event<'_>) {
    #[cfg(feature = "tracing")]
    trace(account, event);
    #[cfg(feature = "metrics")]
    measure(account, event);
    let _ = (account, event);
}

#[cfg(feature = "tracing")]
fn trace(account: &AccountKey, event: Event<'_>) {
    use tracing::{debug, info, trace, warn};
    let app = Shown(account.app());
    match event {
        Event::Minted { cause, generation, life } => {
            let (cause, life_s) = (cause.as_str(), life.as_secs());
            info!(target: TARGET, %app, %account, cause, generation, life_s, "minted a token");
        }
        Event::MintFailed { cause, error, pause } => {
            let (cause, errcode, rid, pause_ms) =
                (cause.as_str(), error.errcode(), error.rid(), millis(pause));
            warn!(
                target: TARGET,
                %app, %account, cause, %error, errcode, rid, pause_ms,
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
        Event::BudgetSpent { pause } => {
            let pause_ms = millis(pause);
            warn!(
                target: TARGET,
                %app, %account, pause_ms,
                "too many rejections: the budget of refreshes is spent"
            );
        }
        Event::ForeignMinter => warn!(
            target: TARGET,
            %app,
            %account,
            "tokens are rejected long before they expire: another program mints for this app; let all of them use the \
             stable_token endpoint, or share one store"
        ),
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

/// An app's id, on one line whatever it is.
#[cfg(feature = "tracing")]
struct Shown<'a>(&'a AppId);

#[cfg(feature = "tracing")]
impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.shown())
    }
}

#[cfg(feature = "metrics")]
fn measure(account: &AccountKey, event: Event<'_>) {
    use metrics::{counter, histogram};
    let app = account.to_string();
    match event {
        Event::Minted { cause, .. } => {
            counter!("tower_wechat_mints_total", "account" => app, "cause" => cause.as_str()).increment(1);
        }
        Event::MintFailed { cause, .. } => {
            counter!("tower_wechat_mint_failures_total", "account" => app, "cause" => cause.as_str())
                .increment(1);
        }
        Event::Shared { .. } => counter!("tower_wechat_shared_total", "account" => app).increment(1),
        Event::Waited => counter!("tower_wechat_waits_total", "account" => app).increment(1),
        Event::Coalesced => counter!("tower_wechat_coalesced_total", "account" => app).increment(1),
        Event::Rejected { errcode, age, .. } => {
            let code = errcode.to_string();
            counter!("tower_wechat_rejections_total", "account" => app.clone(), "errcode" => code)
                .increment(1);
            histogram!("tower_wechat_rejected_age_seconds", "account" => app).record(age.as_secs_f64());
        }
        Event::Replayed => counter!("tower_wechat_replays_total", "account" => app).increment(1),
        Event::NotReplayed { why } => {
            counter!("tower_wechat_not_replayed_total", "account" => app, "why" => why).increment(1);
        }
        Event::BudgetSpent { .. } => {
            counter!("tower_wechat_budget_refusals_total", "account" => app).increment(1);
        }
        Event::ForeignMinter => counter!("tower_wechat_foreign_minter_total", "account" => app).increment(1),
        Event::StoreFailed { .. } => {
            counter!("tower_wechat_store_failures_total", "account" => app).increment(1);
        }
        Event::Fenced { .. } => counter!("tower_wechat_fenced_total", "account" => app).increment(1),
    }
}

#[cfg(feature = "tracing")]
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
