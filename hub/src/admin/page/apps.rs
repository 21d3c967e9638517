//! The apps: how each is, what its token has left, and what the day has brought.

use maud::{Markup, html};

use super::{chart, show, texts::Texts, trouble};
use crate::admin::look::{AppLook, State};

pub(super) fn section(texts: &Texts, apps: &[AppLook]) -> Markup {
    html! {
        section {
            h2 { (texts.apps) " " span.count { (apps.len()) } }
            @if apps.is_empty() { p.empty { (texts.no_apps) } }
            div.apps { @for app in apps { (article(texts, app)) } }
        }
    }
}

/// Whether somebody should look at it.
pub(super) fn needs_attention(app: &AppLook) -> bool {
    let lacks = app.is_warm && app.token.is_none();
    lacks || app.state() == State::HeldBack || app.health.is_store_down
}

fn article(texts: &Texts, app: &AppLook) -> Markup {
    html! {
        article {
            header {
                h3 { (app.id.as_str()) }
                (state(texts, app))
            }
            p.about {
                span { (app.platform) }
                span { (if app.is_warm { texts.warm } else { texts.on_demand }) }
                @if let Some(token) = app.token { span { (texts.token) " " code { (token.fingerprint) } } }
                span title=(app.account) { (texts.account) " " code { (short(&app.account)) } }
            }
            @match app.token {
                Some(token) => (chart::life(texts, app, token)),
                None => p.empty { (if app.is_warm { texts.no_token_warm } else { texts.no_token_on_demand }) },
            }
            (chart::mints(texts, app))
            (facts(texts, app))
            (trouble::of(texts, app))
        }
    }
}

fn state(texts: &Texts, app: &AppLook) -> Markup {
    let (class, text) = match app.state() {
        State::Good => ("good", texts.good),
        State::NearEnd => ("near", texts.near_end),
        State::None if app.is_warm => ("bad", texts.none),
        State::None => ("idle", texts.none),
        State::HeldBack if app.token.is_some() => ("near", texts.held_back),
        State::HeldBack => ("bad", texts.held_back),
    };
    html! { span.state.(class) { (text) } }
}

fn facts(texts: &Texts, app: &AppLook) -> Markup {
    let of_account = |name: &str| show::series(name, &[("account", &app.account)]);
    let day = app.day.whole();
    let failures = format!("sum(increase({}[1d]))", of_account("tower_wechat_mint_failures_total"));
    let outages = format!("increase({}[1d])", of_account("tower_wechat_store_failures_total"));
    html! {
        dl.facts {
            div {
                dt { (texts.budget) }
                dd {
                    (show::number(app.health.refreshes_left.into(), &of_account("wechat_hub_refreshes_left")))
                    small {
                        (texts.budget_futile) " "
                        (show::number(
                            app.health.futile_refreshes_left.into(),
                            &of_account("wechat_hub_futile_refreshes_left"),
                        ))
                    }
                }
            }
            div { dt { (texts.failures) } dd { (show::number(day.failures, &failures)) } }
            div {
                dt { (texts.outages) }
                dd {
                    (show::number(day.store_failures, &outages))
                    @if app.health.is_store_down { small.bad { (texts.store_down) } }
                }
            }
        }
    }
}

/// The beginning of a hash.
fn short(account: &str) -> &str {
    account.get(..8).unwrap_or(account)
}
