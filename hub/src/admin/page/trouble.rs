//! What went wrong with an app last, what is forbidden because of it, and what to do.

use std::error::Error;

use maud::{Markup, html};
use tower_wechat::{ErrorKind, TokenError, store::StoreError};

use super::{
    show,
    texts::{Texts, fill},
};
use crate::admin::look::AppLook;

/// What holds back, or else the last failure; nothing where all is well and always was.
pub(super) fn of(texts: &Texts, app: &AppLook) -> Markup {
    let (held_back, last) = (app.health.held_back.as_ref(), app.health.last_failure.as_ref());
    // Where it is the last failure that holds back, it is known how long ago that was.
    let last = last.filter(|last| held_back.is_none_or(|held_back| gist(held_back) == gist(&last.error)));
    let Some(error) = last.map(|last| &last.error).or(held_back) else { return html! {} };
    let of_rejections = last.is_none() && app.health.is_held_back_by_rejections;
    let is_over =
        held_back.is_none() && last.zip(app.health.token_age).is_some_and(|(last, age)| age < last.ago);
    let wait = held_back.and_then(TokenError::retry_after).filter(|wait| wait.as_secs() > 0);
    html! {
        div.trouble.over[is_over] {
            p.what {
                strong { (if last.is_some() { texts.last_error } else { texts.held_back }) }
                @if let Some(last) = last { span { (fill(texts.ago, &[&show::span(texts, last.ago)])) } }
                @if let Some(code) = error.errcode() { span { (texts.code) " " code { (code) } } }
                @if let Some(rid) = error.rid() { span title=(texts.for_support) { "rid " code { (rid) } } }
                @if let Some(hint) = error.hint() { span { "hint " code { (hint) } } }
                @if is_over { span { (texts.over) } }
            }
            p.advice { (if of_rejections { texts.fix_rejections } else { advice(texts, error) }) }
            p.text { (gist(error)) }
            @if let Some(wait) = wait { p.wait { (fill(texts.no_mint_for, &[&show::span(texts, wait)])) } }
        }
    }
}

/// An error's text without how long it holds back, which changes all the time.
fn gist(error: &TokenError) -> String {
    let text = error.to_string();
    text.split_once("; the token endpoint is left alone for ")
        .map_or(text.clone(), |(gist, _)| gist.to_owned())
}

/// Whether the store is what failed.
fn is_of_store(error: &TokenError) -> bool {
    error.kind() == ErrorKind::Store || error.source().is_some_and(<dyn Error>::is::<StoreError>)
}

/// What to do about an error. One that holds back has the kind [`BackedOff`](ErrorKind::BackedOff), whatever it was.
fn advice(texts: &Texts, error: &TokenError) -> &'static str {
    match error.errcode() {
        Some(-1 | 45011 | 45033) => texts.fix_nothing,
        Some(40001 | 40125 | 40091) => texts.fix_secret,
        Some(40013 | 61024) => texts.fix_app,
        Some(40164 | 60020 | 61004) => texts.fix_address,
        Some(45009) => texts.fix_quota,
        Some(40243 | 50004 | 50007 | 89506 | 89507) => texts.fix_frozen,
        Some(89500..=89599) => texts.fix_confirm,
        Some(_) => texts.fix_unknown,
        None if is_of_store(error) => texts.fix_store,
        None if error.is_of_this_host() || error.kind() == ErrorKind::Timeout => texts.fix_network,
        None if error.is_transient() => texts.fix_nothing,
        None => texts.fix_said,
    }
}
