//! The metrics: their names, what they mean, and how events count in them.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::Event;
use crate::issuer::AccountKey;

/// Counts the event.
pub(super) fn measure(account: &AccountKey, event: Event<'_>) {
    if matches!(event, Event::Minted { .. } | Event::MintFailed { .. }) {
        // Again and again, since nobody knows when a recorder is installed; hours lie between two of these.
        describe();
    }
    let app = account.to_string();
    match event {
        Event::Minted { cause, took, life, .. } => {
            counter!("tower_wechat_mints_total", "account" => app.clone(), "cause" => cause.as_str())
                .increment(1);
            histogram!("tower_wechat_mint_duration_seconds", "account" => app.clone())
                .record(took.as_secs_f64());
            gauge!("tower_wechat_token_expiry_seconds", "account" => app).set(life.as_secs_f64());
        }
        Event::MintFailed { cause, .. } => {
            counter!("tower_wechat_mint_failures_total", "account" => app, "cause" => cause.as_str())
                .increment(1);
        }
        Event::Life { left } => {
            gauge!("tower_wechat_token_expiry_seconds", "account" => app).set(left.as_secs_f64());
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
        Event::ForeignMinter { .. } => {
            counter!("tower_wechat_foreign_minter_total", "account" => app).increment(1);
        }
        Event::StoreFailed { .. } => {
            counter!("tower_wechat_store_failures_total", "account" => app).increment(1);
        }
        Event::Fenced { .. } => counter!("tower_wechat_fenced_total", "account" => app).increment(1),
    }
}

/// Says what each metric means.
fn describe() {
    for (name, meaning) in [
        ("tower_wechat_mints_total", "Tokens minted, by cause: cold, ahead, rejected, forced"),
        (
            "tower_wechat_mint_failures_total",
            "Mints that failed, by cause; a second try belongs to the first",
        ),
        ("tower_wechat_shared_total", "Tokens taken from the store instead of minted"),
        ("tower_wechat_waits_total", "Callers that had to wait for a token"),
        ("tower_wechat_coalesced_total", "Callers that joined a fetch under way"),
        ("tower_wechat_rejections_total", "Answers in which WeChat rejected the token, by errcode"),
        ("tower_wechat_replays_total", "Requests sent a second time"),
        ("tower_wechat_not_replayed_total", "Rejected requests without a second answer, by reason"),
        ("tower_wechat_budget_refusals_total", "Refreshes refused because a budget was spent"),
        ("tower_wechat_foreign_minter_total", "Times it looked as if another program minted for the app"),
        ("tower_wechat_store_failures_total", "Outages of the store"),
        ("tower_wechat_fenced_total", "Tokens minted too late, and thrown away"),
    ] {
        describe_counter!(name, meaning);
    }
    for (name, meaning) in [
        (
            "tower_wechat_mint_duration_seconds",
            "How long a mint took that went well, second and forced tries included",
        ),
        ("tower_wechat_rejected_age_seconds", "How long ago a token was minted that WeChat rejected"),
    ] {
        describe_histogram!(name, Unit::Seconds, meaning);
    }
    describe_gauge!(
        "tower_wechat_token_expiry_seconds",
        Unit::Seconds,
        "What is left of the present token's life, as of the last second in which somebody asked for it"
    );
}
