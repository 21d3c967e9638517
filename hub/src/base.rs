//! [`Base`]: where the calls of an app go.

use http::{
    Uri,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};

/// A base URL, taken apart once.
#[derive(Default)]
pub(crate) struct Base {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    /// Without a slash at its end.
    prefix: String,
}

impl Base {
    /// Of a platform's own URL, which is one.
    pub(crate) fn parse(url: &str) -> Self {
        let Parts { scheme, authority, path_and_query, .. } =
            url.parse::<Uri>().unwrap_or_default().into_parts();
        let prefix = path_and_query.as_ref().map_or("", PathAndQuery::path).trim_end_matches('/').to_owned();
        Self { scheme, authority, prefix }
    }

    /// The URL of this path and query. None if that is too long.
    pub(crate) fn with(&self, path: &str, query: &str) -> Option<Uri> {
        let mark = if query.is_empty() { "" } else { "?" };
        let mut parts = Parts::default();
        parts.path_and_query =
            Some(PathAndQuery::from_maybe_shared([&self.prefix, path, mark, query].concat()).ok()?);
        parts.scheme.clone_from(&self.scheme);
        parts.authority.clone_from(&self.authority);
        Uri::from_parts(parts).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_the_prefix() {
        for (base, path, query, expected) in [
            ("https://api.weixin.qq.com", "/cgi-bin/x", "", "https://api.weixin.qq.com/cgi-bin/x"),
            ("https://gw.example:8443/wx", "/a", "b=%20", "https://gw.example:8443/wx/a?b=%20"),
            ("http://127.0.0.1:1/wx/", "/a/", "b", "http://127.0.0.1:1/wx/a/?b"),
        ] {
            assert_eq!(Base::parse(base).with(path, query).unwrap(), expected);
        }
        assert_eq!(Base::parse("https://h").with("/a", &"x".repeat(70_000)), None);
    }
}
