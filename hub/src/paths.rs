//! [`Paths`]: which paths a client may call.

use crate::error::Error;

/// Which paths a client may call: all, or those that match one of the patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paths(Option<Vec<Pattern>>);

/// A path, of whose segments `*` is any one, and `**` at the end stands for everything below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    segments: Vec<String>,
    below: bool,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::new(format!(
                "the path {text:?} {why}: write it like \"/cgi-bin/user/get\" or \"/cgi-bin/message/**\""
            ))
        };
        let path = text.strip_prefix('/').ok_or_else(|| wrong("does not begin with a slash"))?;
        let mut segments: Vec<_> = path.split('/').map(str::to_owned).collect();
        let below = segments.last().is_some_and(|last| last == "**");
        if below {
            segments.pop();
        }
        for segment in &segments {
            if segment.contains('*') && segment != "*" {
                return Err(wrong("has a `*` that is no whole segment, or a `**` that is not its end"));
            }
            if !path.is_empty() && !segment.bytes().all(is_plain) {
                return Err(wrong("has something in it that no path of WeChat's has"));
            }
            if segment.is_empty() || segment == "." || segment == ".." {
                return Err(wrong("has a segment that is empty or made of dots"));
            }
        }
        Ok(Self { segments, below })
    }

    fn matches(&self, path: &str) -> bool {
        let mut segments = path.split('/').skip(1);
        let fits =
            self.segments.iter().all(|own| segments.next().is_some_and(|its| own == "*" || own == its));
        let rest = segments.next();
        fits && if self.below { rest.is_some_and(|rest| !rest.is_empty()) } else { rest.is_none() }
    }
}

impl Paths {
    /// Those that match one of the patterns, besides those that matched before.
    pub(crate) fn add(&mut self, patterns: impl IntoIterator<Item = Pattern>) {
        self.0.get_or_insert_default().extend(patterns);
    }

    /// Whether a path that [`is_normal`] is among them.
    pub(crate) fn have(&self, path: &str) -> bool {
        self.0.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(path)))
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'*' | b'~')
}

/// Whether a path can be read in one way only: plain letters, none of its segments empty or made of dots. Every path of
/// WeChat's is so. One that is not may be another one for the platform than for the hub.
pub(crate) fn is_normal(path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else { return false };
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_plain = |byte| is_plain(byte) && byte != b'*';
    path.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(patterns: &[&str]) -> Paths {
        let mut paths = Paths::default();
        paths.add(patterns.iter().map(|pattern| Pattern::parse(pattern).unwrap()));
        paths
    }

    #[test]
    fn a_client_has_the_paths_that_it_was_given() {
        assert!(Paths::default().have("/anything/at/all"));
        assert!(!paths(&[]).have("/cgi-bin/user/get"));
        let some = paths(&["/cgi-bin/message/**", "/wxa/*/get", "/sns/jscode2session"]);
        for path in
            ["/cgi-bin/message/custom/send", "/cgi-bin/message/send", "/wxa/a/get", "/sns/jscode2session"]
        {
            assert!(some.have(path), "{path}");
        }
        for path in [
            "/cgi-bin/message",
            "/cgi-bin/message/",
            "/cgi-bin/messages/send",
            "/CGI-BIN/message/send",
            "/wxa/a/b/get",
            "/wxa/get",
            "/wxa/a/get/",
            "/sns/jscode2session/",
            "/sns/jscode2session/x",
            "/",
        ] {
            assert!(!some.have(path), "{path}");
        }
        assert!(paths(&["/**"]).have("/cgi-bin/user/get"));
    }

    #[test]
    fn a_pattern_that_cannot_be_meant_is_refused() {
        for wrong in [
            "",
            "cgi-bin/x",
            "/",
            "/a//b",
            "/a/**/b",
            "/a/b*",
            "/a/../b",
            "/a%2fb",
            "/a?b",
            "/a b",
            "/ä",
            "/a/",
        ] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_can_be_read_in_one_way_is_normal() {
        for path in ["/cgi-bin/user/get", "/wxa/getwxacodeunlimit", "/a/", "/a.b/c-d_e"] {
            assert!(is_normal(path), "{path}");
        }
        for path in [
            "",
            "/",
            "*",
            "/a/*",
            "x",
            "//a",
            "/a//b",
            "/a//",
            "/./a",
            "/a/..",
            "/a/../b",
            "/a%2fb",
            "/%61",
            "/a\\b",
            "/a;b",
            "/a%2e%2e/b",
        ] {
            assert!(!is_normal(path), "{path}");
        }
    }
}
