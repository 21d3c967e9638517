//! Paths in normal form, so that another spelling of a path is still that path.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The path as a server may understand it: percent-encoding undone, `\` as `/`, without empty segments, `.` and `..`.
/// Letters keep their case. Borrowed where the path is in normal form already, as nearly every path is.
pub(super) fn normal(path: &str) -> Cow<'_, str> {
    let mut before = 0;
    let odd = path.bytes().any(|byte| {
        let odd = matches!(byte, b'%' | b'\\') || (before == b'/' && matches!(byte, b'/' | b'.'));
        before = byte;
        odd
    });
    if odd { Cow::Owned(rewritten(path)) } else { Cow::Borrowed(path) }
}

fn rewritten(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut segments = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let mut normal: String = segments.iter().flat_map(|segment| ["/", segment]).collect();
    if normal.is_empty() || decoded.ends_with(['/', '\\']) {
        normal.push('/');
    }
    normal
}

/// Whether the path is `pattern`, or below it where the pattern ends in `/`. The case of letters does not count.
pub(super) fn matches(path: &str, pattern: &str) -> bool {
    if let Some(folder) = pattern.strip_suffix('/') {
        return starts_with(path, folder) && path.as_bytes().get(folder.len()) == Some(&b'/');
    }
    path.trim_end_matches('/').eq_ignore_ascii_case(pattern)
}

fn starts_with(path: &str, start: &str) -> bool {
    path.as_bytes().get(..start.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(start.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
