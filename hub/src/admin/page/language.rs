//! The language that a browser prefers, of those that there are.

use http::{HeaderMap, header::ACCEPT_LANGUAGE};

use super::texts::{CHINESE, ENGLISH, Texts};

/// Chinese where the browser prefers it, English otherwise.
pub(super) fn of(headers: &HeaderMap) -> &'static Texts {
    let values = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(range).collect();
    // A language that is not named is as good as any other (RFC 9110, 12.5.4).
    let quality = |language: &str| {
        let named = ranges.iter().enumerate().filter(|(_, (name, _))| is_of(name, language));
        let named = named.map(|(at, (_, quality))| (*quality, usize::MAX - at)).max();
        let any = || ranges.iter().filter(|(name, _)| *name == "*").map(|(_, quality)| (*quality, 0)).max();
        named.or_else(any).filter(|(quality, _)| *quality > 0).unwrap_or((0, 0))
    };
    if quality("zh") > quality("en") { &CHINESE } else { &ENGLISH }
}

/// Whether a range such as `zh-Hant-TW` is of the language.
fn is_of(range: &str, language: &str) -> bool {
    range.split('-').next().is_some_and(|primary| primary.eq_ignore_ascii_case(language))
}

/// A language and its quality in thousandths, of `zh-CN;q=0.8`. None for what is no such thing.
fn range(text: &str) -> Option<(&str, u16)> {
    let (name, parameters) = text.split_once(';').unwrap_or((text, "q=1"));
    let (q, value) = parameters.split_once('=')?;
    let quality = thousandths(value.trim()).filter(|_| q.trim().eq_ignore_ascii_case("q"))?;
    Some((name.trim(), quality)).filter(|(name, _)| !name.is_empty())
}

/// A quality: `0` or `1`, and up to three digits behind a point; no more than 1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || rest.len() > 3 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{rest:0<3}").parse().ok().filter(|quality| *quality <= 1000)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn preferred(values: &[&str]) -> &'static str {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT_LANGUAGE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        of(&headers).tag
    }

    #[test]
    fn qualities_decide_and_the_order_where_they_are_equal() {
        for (value, tag) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
            ("en-GB,en;q=0.9,zh;q=0.8", "en"),
            ("en;q=0.5, zh;q=0.501", "zh-CN"),
            ("en;q=0.7,zh-TW;q=0.9", "zh-CN"),
            ("fr-CH, fr;q=0.9, zh;q=0.1", "zh-CN"),
            ("ZH", "zh-CN"),
            ("zh, en", "zh-CN"),
            ("en, zh", "en"),
            ("zh;q=0, en;q=0.1", "en"),
            ("en;q=0, *", "zh-CN"),
            ("*", "en"),
            ("fr", "en"),
            ("zh;q=0", "en"),
            ("zha", "en"),
            ("zh ; q = 1.000", "zh-CN"),
        ] {
            assert_eq!(preferred(&[value]), tag, "{value}");
        }
        assert_eq!(preferred(&[]), "en");
        assert_eq!(preferred(&["en;q=0.5", "zh"]), "zh-CN", "two headers are one list");
    }

    #[test]
    fn nonsense_counts_for_nothing() {
        for value in ["", ",,;", "zh;q=2", "zh;q=1.001", "zh;q=-1", "zh;q=abc", "zh;x=1", "zh;q", "\u{ff}"] {
            assert_eq!(preferred(&[value]), "en", "{value}");
        }
        assert_eq!(preferred(&["en;q=nan, zh;q=0.1"]), "zh-CN");
    }
}
