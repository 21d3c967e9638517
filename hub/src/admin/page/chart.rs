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
                rect.(app.mood().class()) width=(format!("{percent:.1}%")) height="6" rx="3" {}
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
const HEIGHT: f64 = 36.0;
/// Mints in an hour that fill the height, at least: one is not much.
const LEAST: u64 = 4;
const WIDTH: usize = HOURS * (COLUMN + GAP) - GAP;

/// A day's mints, hour by hour, and how many there were by cause.
pub(super) fn mints(texts: &Texts, app: &AppLook) -> Markup {
    let names = [texts.cold, texts.ahead, texts.rejected, texts.forced];
    let whole = app.day.whole().mints();
    let total: u64 = whole.iter().sum();
    if total == 0 {
        return html! { p.empty { (texts.no_mints) } };
    }
    html! {
        div.mints {
            h4 { (texts.mints) }
            svg viewBox=(format!("0 0 {WIDTH} {}", HEIGHT + 1.0)) preserveAspectRatio="none" role="img"
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

/// The columns, the present hour last. The highest fills the height.
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn columns(day: &Day) -> Markup {
    let sum = |mints: &[u64]| mints.iter().sum::<u64>();
    let most = day.hours().iter().map(|hour| sum(&hour.mints())).max().unwrap_or(0).max(LEAST);
    let height = |count: u64| format!("{:.2}", count as f64 * HEIGHT / most as f64);
    html! {
        rect.track width=(WIDTH) height="1" y=(HEIGHT) {}
        @for (at, hour) in day.hours().iter().rev().enumerate() {
            @let mints = hour.mints();
            @for (cause, count) in mints.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                // Those before it stand below it.
                rect.(CAUSES[cause]) x=(at * (COLUMN + GAP)) width=(COLUMN)
                    y=(height(most - sum(&mints[..=cause]))) height=(height(count)) {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tower_wechat::Stats;

    use super::*;

    #[test]
    fn a_column_stands_for_an_hour_and_its_parts_stand_on_one_another() {
        let mut stats = Stats::default();
        let mut day = Day::new(&stats, 0);
        (stats.mints_cold, stats.mints_rejected) = (1, 7);
        day.sample(&stats, 3600);
        stats.mints_ahead = 1;
        day.sample(&stats, 3 * 3600);
        let svg = columns(&day).into_string();
        let columns: Vec<_> = svg.split("</rect>").skip(1).collect();
        assert_eq!(
            columns,
            [
                r#"<rect class="cold" x="252" width="10" y="31.50" height="4.50">"#,
                r#"<rect class="rejected" x="252" width="10" y="0.00" height="31.50">"#,
                r#"<rect class="ahead" x="276" width="10" y="31.50" height="4.50">"#,
                "",
            ]
        );
    }
}
