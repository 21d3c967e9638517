//! How numbers and times are shown.

use std::time::Duration;

use maud::{Markup, html};

use super::texts::{Texts, fill};

/// A number, with the series of `/metrics` that it is in as its tool tip.
pub(super) fn number(value: u64, series: &str) -> Markup {
    html! { data value=(value) title=(series) { (value) } }
}

/// A span of time with its two largest units, such as `1 h 59 min`.
pub(super) fn span(texts: &Texts, span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [
        (seconds / 86_400, texts.days),
        (seconds / 3600 % 24, texts.hours),
        (seconds / 60 % 60, texts.minutes),
        (seconds % 60, texts.seconds),
    ];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
    let shown = units[first..].iter().take(2).enumerate().filter(|(at, (count, _))| *at == 0 || *count > 0);
    let shown: Vec<_> = shown.map(|(_, (count, unit))| fill(unit, &[&count.to_string()])).collect();
    shown.join(" ")
}

/// A time of day, `HH:MM:SS`, in UTC.
pub(super) fn time_of_day(unix_seconds: u64) -> String {
    let second = unix_seconds % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// A series of `/metrics`: its name and labels.
pub(super) fn series(name: &str, labels: &[(&str, &str)]) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::{
        super::texts::{CHINESE, ENGLISH},
        *,
    };

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (seconds, shown) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (61, "1 min 1 s"),
            (7140, "1 h 59 min"),
            (7205, "2 h"),
            (86_400 * 3 + 60, "3 d"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(&ENGLISH, Duration::from_secs(seconds)), shown);
        }
        assert_eq!(span(&CHINESE, Duration::from_secs(7140)), "1 小时 59 分钟");
        assert_eq!(time_of_day(1_790_000_000), "14:13:20");
    }
}
