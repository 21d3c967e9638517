//! Whether a call shows a token that is good where it goes.

use http::request::Parts;

use super::quota;
use crate::{
    paths::{self, Authorised},
    query,
    state::State,
    tokens::Verdict,
};

pub(super) fn judge(state: &State, parts: &Parts) -> Verdict {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let (parameter, token) = query::token(query).unwrap_or_default();
    let mut verdict = state.tokens(|tokens, now| tokens.judge(&token, now));
    if verdict.generation.is_none() && paths::is_of_wecom(path) {
        (verdict.errcode, verdict.is_corp) = (40014, true);
    }
    if let Some(family) = paths::other_family(&parameter) {
        (verdict.errcode, verdict.is_corp) = (family.refusal, family.is_wecom);
    }
    let inner = state.lock();
    let is_open = inner.answers.get(path).is_some_and(|scripted| scripted.open);
    let is_secret = path == quota::CLEAR && query::get(query, "appsecret").is_some();
    verdict.errcode = match paths::authorised_by(path) {
        _ if is_open || is_secret => 0,
        Authorised::Otherwise => 0,
        _ if token.is_empty() => 41001,
        Authorised::ByUser => match inner.users.judge(&token, state.clock.now()) {
            // The two APIs disagree about what to call it.
            40001 if path == paths::SNS_AUTH => 40014,
            errcode => errcode,
        },
        Authorised::ByToken => verdict.errcode,
    };
    verdict
}
