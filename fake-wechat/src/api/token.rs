//! Whether a call shows a token that is good where it goes.

use http::request::Parts;

use crate::{query, state::State, tokens::Verdict};

/// Paths where the app's token has no business: they are authorised by a secret, a ticket, a key, or a user's own token.
/// One that ends in `/` stands for everything below it.
const NO_TOKEN: [&str; 9] = [
    "/sns/",
    "/cgi-bin/webhook/",
    "/cgi-bin/clear_quota/v2",
    "/cgi-bin/component/api_component_token",
    "/cgi-bin/component/api_start_push_ticket",
    "/cgi-bin/component/clear_quota/v2",
    "/cgi-bin/service/get_suite_token",
    "/cgi-bin/service/get_provider_token",
    "/cgi-bin/openhw/get_model_token",
];

pub(crate) fn judge(state: &State, parts: &Parts) -> Verdict {
    let token = query::token(parts.uri.query().unwrap_or_default()).unwrap_or_default();
    let mut verdict = state.tokens(|tokens, now| tokens.judge(&token, now));
    let path = parts.uri.path();
    if asks_for_none(path) || state.lock().answers.get(path).is_some_and(|scripted| scripted.open) {
        verdict.errcode = 0;
    } else if token.is_empty() {
        verdict.errcode = 41001;
    }
    verdict
}

fn asks_for_none(path: &str) -> bool {
    NO_TOKEN.iter().any(|open| path == *open || open.ends_with('/') && path.starts_with(open))
}
