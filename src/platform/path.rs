//! Paths in normal form, so that another spelling of a path is still that path.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The path as a server may understand it: percent-encoding undone, `\` as `/`, without empty segments, `.` and `..`, and
/// without the parameters of a segment (`;…`). Letters keep their case. Borrowed where the path is in normal form already, as nearly every path is.
pub(super) fn normal(path: &str) -> Cow<'_, str> {
    if is_normal(path.as_bytes()) { Cow::Borrowed(path) } else { Cow::Owned(rewritten(path)) }
}

/// Whether nothing in the path looks like another spelling. Every request is asked that, so it is done eight bytes at a
/// time. A path in normal form may be taken for one that is not, never the reverse.
fn is_normal(path: &[u8]) -> bool {
    let (words, rest) = path.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let (mut odd, mut slash_before) = (0, 0);
    for word in words.iter().chain([&last]) {
        let word = u64::from_le_bytes(*word);
        let slashes = marks(word, b'/');
        let after_slash = slashes << 8 | slash_before;
        odd |= marks(word, b'%')
            | marks(word, b'\\')
            | marks(word, b';')
            | (after_slash & (slashes | marks(word, b'.')));
        slash_before = slashes >> 56;
    }
    odd == 0
}

/// The highest bit of each byte of the word that is `byte`; and perhaps of one after such a byte.
fn marks(word: u64, byte: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let differences = word ^ (u64::from(byte) * ONES);
    differences.wrapping_sub(ONES) & !differences & (ONES << 7)
}

fn rewritten(path: &str) -> String {
    let decoded = decoded(path);
    let mut segments = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        match segment.split_once(';').map_or(segment, |(name, _parameters)| name) {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let mut normal: String = segments.iter().flat_map(|segment| ["/", segment]).collect();
    if normal.is_empty() || decoded.ends_with(['/', '\\']) {
        normal.push('/');
    }
    normal
}

/// With percent-encoding undone, three times at the most: some servers decode once more than others.
fn decoded(path: &str) -> String {
    let mut decoded = path.to_owned();
    for _ in 0..3 {
        let next = percent_decode_str(&decoded).decode_utf8_lossy();
        if next == decoded {
            break;
        }
        decoded = next.into_owned();
    }
    decoded
}

/// Whether the path is `pattern`, or below it where the pattern ends in `/`. The case of letters does not count, nor does a
/// slash at the end of the path.
pub(super) fn matches(path: &str, pattern: &str) -> bool {
    let (path, pattern) = (path.as_bytes(), pattern.as_bytes());
    // The length tells most of them apart.
    let length = path.len().wrapping_sub(pattern.len());
    let may = match (pattern, length) {
        ([.., b'/'], _) | (_, 0) => true,
        (_, 1) => path.ends_with(b"/"),
        _ => false,
    };
    may && path.get(..pattern.len()).is_some_and(|start| start.eq_ignore_ascii_case(pattern))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_left_as_it_is_has_no_other_normal_form(path in "/[a-b/.%\\\\%2e;$0]{0,30}") {
            if is_normal(path.as_bytes()) {
                prop_assert_eq!(rewritten(&path), path);
            }
        }
    }

    #[test]
    fn other_spellings_have_one_normal_form() {
        for (path, expected) in [
            ("/cgi-bin/token", "/cgi-bin/token"),
            ("//cgi-bin/token", "/cgi-bin/token"),
            ("/cgi-bin//token", "/cgi-bin/token"),
            ("/cgi-bin/./token", "/cgi-bin/token"),
            ("/./cgi-bin/token", "/cgi-bin/token"),
            ("/x/../cgi-bin/token", "/cgi-bin/token"),
            ("/../../cgi-bin/token", "/cgi-bin/token"),
            ("/x/%2e%2E/cgi-bin/token", "/cgi-bin/token"),
            ("/cgi-bin/%74oken", "/cgi-bin/token"),
            ("/cgi-bin/%2574oken", "/cgi-bin/token"),
            ("/x/%252e%25252e/cgi-bin/token", "/cgi-bin/token"),
            ("/x/..;a=1/cgi-bin;b/token;c", "/cgi-bin/token"),
            ("/cgi-bin%2Ftoken", "/cgi-bin/token"),
            ("/cgi-bin\\token", "/cgi-bin/token"),
            ("/sns/", "/sns/"),
            ("/sns//", "/sns/"),
            ("/%73ns/..", "/"),
            ("/", "/"),
            ("", ""),
            ("/a.b/c", "/a.b/c"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
        }
        assert!(matches!(normal("/cgi-bin/message/custom/send"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_pattern_is_a_whole_path_or_a_folder() {
        for path in ["/cgi-bin/token", "/cgi-bin/token/", "/CGI-bin/Token"] {
            assert!(matches(path, "/cgi-bin/token"), "{path}");
        }
        for path in ["/cgi-bin/token2", "/cgi-bin/token/x", "/cgi-bin", "/x/cgi-bin/token"] {
            assert!(!matches(path, "/cgi-bin/token"), "{path}");
        }
        for path in ["/sns/", "/sns/auth", "/SNS/a/b"] {
            assert!(matches(path, "/sns/"), "{path}");
        }
        for path in ["/sns", "/snsx/auth", "/x/sns/auth", "/s"] {
            assert!(!matches(path, "/sns/"), "{path}");
        }
    }
}
