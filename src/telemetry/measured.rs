//! How events count in the metrics.

use super::{
    Event,
    metric::{
        BUDGET_REFUSALS, COALESCED, FENCED, FOREIGN_MINTER, MINT_DURATION, MINT_FAILURES, MINTS,
        NOT_REPLAYED, REJECTED_AGE, REJECTIONS, REPLAYS, SHARED, STORE_FAILURES, TOKEN_EXPIRY, WAITS,
        describe,
    },
};
use crate::issuer::AccountKey;

/// Counts the event.
pub(super) fn measure(account: &AccountKey, event: Event<'_>) {
    if matches!(event, Event::Minted { .. } | Event::MintFailed { .. }) {
        // Again and again, since nobody knows when a recorder is installed; hours lie between two of these.
        describe();
    }
    match event {
        Event::Minted { cause, took, life, .. } => {
            MINTS.count_by(account, cause.as_str());
            MINT_DURATION.record(account, took);
            TOKEN_EXPIRY.set(account, life);
        }
        Event::MintFailed { cause, .. } => MINT_FAILURES.count_by(account, cause.as_str()),
        Event::Life { left } => TOKEN_EXPIRY.set(account, left),
        Event::Shared { .. } => SHARED.count(account),
        Event::Waited => WAITS.count(account),
        Event::Coalesced => COALESCED.count(account),
        Event::Rejected { errcode, age, .. } => {
            REJECTIONS.count_by(account, errcode.to_string());
            REJECTED_AGE.record(account, age);
        }
        Event::Replayed => REPLAYS.count(account),
        Event::NotReplayed { why } => NOT_REPLAYED.count_by(account, why),
        Event::BudgetSpent { .. } => BUDGET_REFUSALS.count(account),
        Event::ForeignMinter { .. } => FOREIGN_MINTER.count(account),
        Event::StoreFailed { .. } => STORE_FAILURES.count(account),
        Event::Fenced { .. } => FENCED.count(account),
    }
}
