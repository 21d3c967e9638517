//! Clearing the daily quotas of the token endpoints.

use serde_json::{Value, json};

use super::call::Call;
use crate::{query, reply::Reply};

/// Authorised by a token, or by a secret in its query.
pub(super) const CLEAR: &str = "/cgi-bin/clear_quota";
/// Authorised by a secret: in the query, a form or JSON.
pub(super) const CLEAR_V2: &str = "/cgi-bin/clear_quota/v2";

pub(super) fn clear(call: &Call<'_>) -> Reply {
    if !call.is_post() {
        return call.error(43002);
    }
    let (id, secret) = (said(call, "appid"), said(call, "appsecret"));
    let is_secret = call.path() == CLEAR_V2 || !secret.is_empty();
    let account = call.verdict.account.as_deref().filter(|_| !is_secret);
    let cleared = call.state.tokens(|tokens, now| {
        let account = match account {
            Some(account) if !id.is_empty() && id != account => Err(40013),
            Some(account) => tokens.official(account),
            None => tokens.authorised(&id, &secret),
        };
        tokens.clear_quota(account?, now)
    });
    match cleared {
        Ok(()) => call.success(json!({})),
        Err(errcode) => call.error(errcode),
    }
}

/// What the query says, or the body as JSON or as a form; empty if none does.
fn said(call: &Call<'_>, name: &str) -> String {
    let of_query = call.parameter(name);
    if !of_query.is_empty() {
        return of_query.into_owned();
    }
    if let Some(of_json) = call.body().get(name).and_then(Value::as_str) {
        return of_json.to_owned();
    }
    let form = String::from_utf8_lossy(&call.received.kept);
    query::get(&form, name).unwrap_or_default().into_owned()
}
