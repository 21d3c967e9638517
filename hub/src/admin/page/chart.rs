//! The bar of a token's life, and the chart of a day's mints. SVG, for a strict content security policy has no inline styles.

use maud::{Markup, html};

use super::{
    show,
    texts::{Texts, fill},
};
use crate::{
    admin::look::{AppLook, TokenLook},
    day::{Day, HOURS},
};

/// What the causes are called in the metrics, in the order of `Happened::mints`.
pub(super) const CAUSES: [&str; 4] = ["cold", "ahead", "rejected", "forced"];

/// What is left of a token's life.
pub(super) fn life(texts: &Texts, app: &AppLook, token: TokenLook) -> Markup {
    let TokenLook { age, left, .. } = token;
    let whole = (age + left).as_secs_f64().max(1.0);
    let percent = (left.as_secs_f64() / whole * 100.0).clamp(0.0, 100.0);
    let series = show::series("tower_wechat_token_expiry_seconds", &[("account", &app.account)]);
    html! {
        div.life {
            svg width="100%" height="6" aria-hidden="true" {
                rect.track width="100%" height="6" rx="3" {}
                rect.left width=(format!("{percent:.1}%")) height="6" rx="3" {}
            }
            div.ends {
                data value=(app.left()) title=(series) { (fill(texts.left, &[&show::span(texts, left)])) }
                span { (fill(texts.age, &[&show::span(texts, age)])) }
            }
        }
    }
}

/// The size of a column and of the gap beside it.
const COLUMN: usize = 10;
const GAP: usize = 2;
const HEIGHT: u64 = 36;
const WIDTH: usize = HOURS * (COLUMN + GAP) - GAP;

/// A day's mints, hour by hour, and how many there were by cause.
pub(super) fn mints(texts: &Texts, app: &AppLook) -> Markup {
    let names = [texts.cold, texts.ahead, texts.rejected, texts.forced];
    let whole = app.day.whole().mints();
    let total: u64 = whole.iter().sum();
    html! {
        div.mints {
            h4 { (texts.mints) }
            svg viewBox=(format!("0 0 {WIDTH} {}", HEIGHT + 1)) preserveAspectRatio="none" role="img"
                aria-label=(fill(texts.mints_shown, &[&total.to_string()])) { (columns(&app.day)) }
            div.ends { span { (texts.hours_ago) } span { (texts.now) } }
            ul.legend {
                @for ((name, cause), count) in names.iter().zip(CAUSES).zip(whole) {
                    @let labels = [("account", app.account.as_str()), ("cause", cause)];
                    @let series = format!("increase({}[1d])", show::series("tower_wechat_mints_total", &labels));
                    li class=(if count == 0 { "zero" } else { "" }) {
                        svg width="8" height="8" aria-hidden="true" { rect class=(cause) width="8" height="8" rx="2" {} }
                        (name) " " (show::number(count, &series))
                    }
                }
            }
        }
    }
}

/// The columns, the present hour last. The highest fills the height, and any mint shows.
fn columns(day: &Day) -> Markup {
    let sum = |mints: [u64; 4]| mints.iter().sum::<u64>();
    let most = day.hours().iter().map(|hour| sum(hour.mints())).max().unwrap_or(0).max(4);
    html! {
        rect.track width=(WIDTH) height="1" y=(HEIGHT) {}
        @for (at, hour) in day.hours().iter().rev().enumerate() {
            @let mints = hour.mints();
            @for (cause, count) in CAUSES.iter().enumerate().filter(|(cause, _)| mints[*cause] > 0)
                .map(|(cause, name)| (name, (mints[cause], sum(mints) - mints[..cause].iter().sum::<u64>()))) {
                @let (count, top) = count;
                rect class=(cause) x=(at * (COLUMN + GAP)) width=(COLUMN) y=(HEIGHT - top * HEIGHT / most)
                    height=((count * HEIGHT / most).max(1)) {}
            }
        }
    }
}
