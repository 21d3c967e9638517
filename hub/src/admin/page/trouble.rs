//! What went wrong with an app last, what is forbidden because of it, and what to do.

use maud::{Markup, html};
use tower_wechat::{ErrorKind, TokenError};

use super::{
    show,
    texts::{Texts, fill},
};
use crate::admin::look::AppLook;

/// The last error and what holds back, if anything; nothing where all is well and always was.
pub(super) fn of(texts: &Texts, app: &AppLook) -> Markup {
    let (held_back, last) = (&app.health.held_back, &app.health.last_failure);
    let Some(error) = last.as_ref().map(|last| &last.error).or(held_back.as_ref()) else {
        return html! {};
    };
    // A failure is over once there is a token that is younger.
    let age = app.health.token_age;
    let is_over = held_back.is_none() && last.as_ref().zip(age).is_some_and(|(last, age)| age < last.ago);
    // What holds back now is of more interest than a failure before it.
    let error =
        held_back.as_ref().filter(|held_back| held_back.errcode() != error.errcode()).unwrap_or(error);
    html! {
        div.trouble.over[is_over] {
            p.what {
                strong { (texts.last_error) }
                @if let Some(last) = last { span { (fill(texts.ago, &[&show::span(texts, last.ago)])) } }
                @if let Some(code) = error.errcode() { span { (texts.code) " " code { (code) } } }
                @if let Some(rid) = error.rid() { span title=(texts.for_support) { "rid " code { (rid) } } }
                @if let Some(hint) = error.hint() { span { "hint " code { (hint) } } }
                @if is_over { span { (texts.over) } }
            }
            p.advice { (advice(texts, error)) }
            p.text { (error) }
            @if let Some(wait) = held_back.as_ref().and_then(TokenError::retry_after) {
                p.wait { (fill(texts.no_mint_for, &[&show::span(texts, wait)])) }
            }
        }
    }
}

/// What to do about an error.
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
        None if error.kind() == ErrorKind::Store => texts.fix_store,
        None if error.is_of_this_host() => texts.fix_network,
        // Nobody was asked, and nothing had failed.
        None if error.kind() == ErrorKind::BackedOff => texts.fix_budget,
        None => texts.fix_nothing,
    }
}
