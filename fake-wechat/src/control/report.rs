//! What the platform counted and saw. No token and no secret is in it.

use serde_json::{Value, json};

use super::{Refusal, orders, parameters::Parameters};
use crate::{log::Seen, state::State};

pub(super) fn counters(state: &State) -> Value {
    let (mints, forced, by_app) = state.tokens(|tokens, _| {
        let by_app: serde_json::Map<_, _> =
            tokens.ids().map(|id| (id.to_owned(), tokens.mints(Some(id)).into())).collect();
        (tokens.mints(None), tokens.forced_requests(), by_app)
    });
    json!({
        "token_requests": state.token_gate.arrived(),
        "token_errors": state.token_gate.errors(),
        "mints": mints,
        "mints_by_app": by_app,
        "forced_requests": forced,
        "api_requests": state.api_gate.arrived(),
        "api_errors": state.api_gate.errors(),
    })
}

pub(super) fn seen(state: &State, parameters: &Parameters<'_>) -> Result<Value, Refusal> {
    let last: usize = parameters.number("last")?.unwrap_or(100);
    let all = state.lock().log.all();
    let latest = &all[all.len().saturating_sub(last)..];
    Ok(json!({ "requests": latest.iter().map(show).collect::<Vec<_>>() }))
}

/// Answers when that many requests, in all, have come there.
pub(super) async fn wait(state: &State, parameters: &Parameters<'_>) -> Result<Value, Refusal> {
    let gate = orders::gate(state, parameters)?;
    let requests = Parameters::needed("requests", parameters.number("requests")?)?;
    gate.wait_for(requests).await;
    Ok(json!({ "requests": gate.arrived() }))
}

fn show(seen: &Seen) -> Value {
    json!({
        "method": seen.method.as_str(),
        "path": seen.path,
        "query": seen.query,
        "body_len": seen.body_len,
        "token": seen.token.map(|token| token.to_string()),
        "mint": seen.generation,
        "app": seen.account,
        "status": seen.status.map(|status| status.as_u16()),
        "errcode": seen.errcode,
    })
}
