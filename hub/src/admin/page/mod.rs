//! The status page: HTML made here, with all that it needs in it.
//!
//! `texts` has all of its texts, `language` picks whose. `apps` (with `chart` and `trouble`) and `clients` are its two parts.

mod apps;
mod chart;
mod clients;
mod language;
mod show;
mod texts;
mod trouble;

use axum::response::IntoResponse;
use http::{
    HeaderMap,
    header::{CONTENT_LANGUAGE, CONTENT_TYPE, VARY},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::texts::{Texts, fill};
use super::look::{Look, Mood};
use crate::clock::unix_seconds;

/// The page's style; the content security policy has its hash.
pub(super) const STYLE: &str = include_str!("style.css");
/// What shows the page anew every few seconds; the content security policy has its hash.
pub(super) const SCRIPT: &str = include_str!("script.js");

/// The page, in the language that the browser prefers.
pub(super) fn answer(look: &Look, headers: &HeaderMap) -> impl IntoResponse + use<> {
    let texts = language::of(headers);
    let head = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_LANGUAGE, texts.tag),
        (VARY, "accept-language"),
    ];
    (head, document(texts, look).into_string())
}

fn document(texts: &Texts, look: &Look) -> Markup {
    let (mood, state) = whole(texts, look);
    html! {
        (DOCTYPE)
        html lang=(texts.tag) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                noscript { meta http-equiv="refresh" content="10"; }
                title { (state) " · " (texts.title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                p #lost role="status" hidden { (texts.lost) }
                main {
                    header.top {
                        h1 { (texts.title) }
                        span.state.(mood.class()) { (state) }
                        span.time { (fill(texts.as_of, &[&show::time_of_day(unix_seconds())])) }
                    }
                    (facts(texts, look))
                    (apps::section(texts, &look.apps))
                    (clients::section(texts, &look.clients))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// How the hub is as a whole.
fn whole(texts: &Texts, look: &Look) -> (Mood, String) {
    let attention = look.apps.iter().filter(|app| app.mood() == Mood::Bad).count();
    if look.is_ending {
        (Mood::Warning, texts.ending.to_owned())
    } else if attention > 0 {
        let counts = [attention, look.apps.len()].map(|count| count.to_string());
        (Mood::Bad, fill(texts.attention, &[&counts[0], &counts[1]]))
    } else {
        (Mood::Good, texts.all_well.to_owned())
    }
}

fn facts(texts: &Texts, look: &Look) -> Markup {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let days = || look.apps.iter().map(|app| app.day.whole());
    let mints: u64 = days().map(|day| day.mints().iter().sum::<u64>()).sum();
    let failures: u64 = days().map(|day| day.failures).sum();
    html! {
        dl.facts.all {
            div {
                dt { (texts.connections) }
                dd {
                    (show::number(count(look.load.connections), "wechat_hub_connections"))
                    small { (show::number(count(look.load.idle_connections), "wechat_hub_idle_connections")) " " (texts.idle) }
                }
            }
            div {
                dt { (texts.long_polls) }
                dd { (show::number(count(look.load.long_polls), "sum(wechat_hub_long_polls)")) }
            }
            div {
                dt { (texts.mints_today) }
                dd { (show::number(mints, "sum(increase(tower_wechat_mints_total[1d]))")) }
            }
            div {
                dt { (texts.failures_today) }
                dd { (show::number(failures, "sum(increase(tower_wechat_mint_failures_total[1d]))")) }
            }
        }
    }
}
