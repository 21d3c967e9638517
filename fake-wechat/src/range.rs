//! `Range`: which bytes of a download were asked for.

use std::ops::Range;

/// What a request's `Range` header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Everything: there is no header, or none that can be read, or one of several ranges, which a server need not serve.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Nothing that there is.
    Beyond,
}

/// What this header asks of so many bytes.
pub(crate) fn asked(header: Option<&str>, size: u64) -> Asked {
    match header.and_then(|header| bounds(header, size)) {
        None => Asked::Whole,
        Some(range) if range.is_empty() => Asked::Beyond,
        Some(range) => Asked::Part(range),
    }
}

/// Empty where no byte is asked for.
fn bounds(header: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.parse::<u64>().ok();
    if first.is_empty() {
        return Some(size.saturating_sub(number(last)?)..size);
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(first..size);
    }
    let last = number(last)?;
    (first <= last).then(|| first..last.saturating_add(1).min(size))
}

#[cfg(test)]
mod tests {
    use super::{Asked, asked};

    #[test]
    fn one_range_of_each_kind() {
        for (header, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-99", 0..100),
            ("bytes=10-19", 10..20),
            ("bytes=10-", 10..100),
            ("bytes=90-1000", 90..100),
            ("bytes=-10", 90..100),
            ("bytes=-1000", 0..100),
            ("bytes=0-18446744073709551615", 0..100),
        ] {
            assert_eq!(asked(Some(header), 100), Asked::Part(range), "{header}");
        }
    }

    #[test]
    fn beyond_the_end_there_is_nothing() {
        for header in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(asked(Some(header), 100), Asked::Beyond, "{header}");
        }
        assert_eq!(asked(Some("bytes=0-"), 0), Asked::Beyond);
    }

    #[test]
    fn what_cannot_be_read_is_not_there() {
        for header in
            ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,3-4", "pages=0-1"]
        {
            assert_eq!(asked(Some(header), 100), Asked::Whole, "{header}");
        }
        assert_eq!(asked(None, 100), Asked::Whole);
    }
}
