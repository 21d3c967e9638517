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

fn article(texts: &Texts, app: &AppLook) -> Markup {
    html! {
        article {
            header {
                h3 title=(show::series("wechat_hub_app_info", &[("account", &app.account)])) { (app.id.as_str()) }
                (state(texts, app))
            }
            p.about {
                span { (app.platform) }
                span { (if app.is_warm { texts.warm } else { texts.on_demand }) }
                @if let Some(token) = app.token { span { (texts.token) " " code { (token.fingerprint) } } }
            }
            @match app.token {
                Some(token) => (chart::life(texts, app, token)),
                None if app.is_warm => p.empty { (texts.no_token_warm) },
                None => p.empty { (texts.no_token_on_demand) },
            }
            (chart::mints(texts, app))
            (facts(texts, app))
            (trouble::of(texts, app))
        }
    }
}

fn state(texts: &Texts, app: &AppLook) -> Markup {
    let text = match app.state() {
        State::Good => texts.good,
        State::NearEnd => texts.near_end,
        State::None => texts.none,
        State::HeldBack => texts.held_back,
    };
    html! { span.state.(app.mood().class()) { (text) } }
}

fn facts(texts: &Texts, app: &AppLook) -> Markup {
    let of_account = |name: &str| show::series(name, &[("account", &app.account)]);
    let day = app.day.whole();
    let failures = format!("sum(increase({}[1d]))", of_account("tower_wechat_mint_failures_total"));
    let outages = format!("increase({}[1d])", of_account("tower_wechat_store_failures_total"));
    let futile = of_account("wechat_hub_futile_refreshes_left");
    let (before, after) = texts.budget_futile.split_once("{}").unwrap_or_default();
    html! {
        dl.facts {
            div {
                dt {
                    (texts.budget)
                    small { (before) (show::number(app.health.futile_refreshes_left.into(), &futile)) (after) }
                }
                dd { (show::number(app.health.refreshes_left.into(), &of_account("wechat_hub_refreshes_left"))) }
            }
            div { dt { (texts.failures) } dd { (show::number(day.failures, &failures)) } }
            div {
                dt { (texts.outages) @if app.health.is_store_down { small.bad { (texts.store_down) } } }
                dd { (show::number(day.store_failures, &outages)) }
            }
        }
    }
}
