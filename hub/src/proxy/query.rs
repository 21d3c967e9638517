//! Queries: what in them authorises a call, and what is left without that.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::problem::Problem;

/// Every kind of token has a name that ends so.
const TOKEN: &str = "access_token";

/// What may stand in a value as it is (RFC 3986, 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A pair of a query, as it stands there.
#[derive(Clone, Copy)]
struct Pair<'q>(&'q str);

impl<'q> Pair<'q> {
    fn key(self) -> Cow<'q, str> {
        decoded(self.0.split_once('=').map_or(self.0, |(key, _)| key))
    }

    fn value(self) -> Cow<'q, str> {
        decoded(self.0.split_once('=').map_or("", |(_, value)| value))
    }
}

fn pairs(query: &str) -> impl Iterator<Item = Pair<'_>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(Pair)
}

fn decoded(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        return Cow::Owned(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

/// A token that a call shows in its query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The parameter's name.
    pub(super) parameter: String,
    pub(super) token: String,
}

/// The token in a query, if there is one, and the query without it.
pub(super) fn take_token(query: &str) -> Result<(Option<Shown>, String), Problem> {
    let mut shown = None;
    let mut rest = String::with_capacity(query.len());
    for pair in pairs(query) {
        let key = pair.key();
        if is_token(&key) {
            let token = pair.value().into_owned();
            if shown.replace(Shown { parameter: key.into_owned(), token }).is_some() {
                return Err(Problem::bad_request("there is more than one access token in the query"));
            }
        } else {
            if !rest.is_empty() {
                rest.push('&');
            }
            rest.push_str(pair.0);
        }
    }
    Ok((shown, rest))
}

/// Whether this names a token, for whoever does not look closely: `ACCESS_TOKEN`, `access_token[]`, `access_token `.
fn is_token(key: &str) -> bool {
    let key = key.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let end = key.len().checked_sub(TOKEN.len()).and_then(|at| key.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(TOKEN))
}

/// The value of the one parameter that has one of these names.
pub(super) fn one_of(query: &str, names: &[&str]) -> Result<Option<String>, Problem> {
    let mut found = pairs(query).filter(|pair| names.contains(&&*pair.key()));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Problem::bad_request("a parameter is there twice: each is given once at most")),
        (one, None) => Ok(one.map(|pair| pair.value().into_owned())),
    }
}

/// The query with this value for the parameters that have one of these names.
pub(super) fn with_value(query: &str, names: &[&str], value: &str) -> String {
    let replaced = pairs(query).map(|pair| {
        let key = pair.key();
        if names.contains(&&*key) {
            Cow::Owned(format!("{key}={}", encoded(value)))
        } else {
            Cow::Borrowed(pair.0)
        }
    });
    replaced.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_out_and_the_rest_stays_as_it_is() {
        for (query, token, rest) in [
            ("", None, ""),
            ("a=1&b=%20+x&&c", None, "a=1&b=%20+x&c"),
            ("access_token=T&a=1", Some(("access_token", "T")), "a=1"),
            ("a=1&access_token=%54&b=2", Some(("access_token", "T")), "a=1&b=2"),
            ("a=1&access%5Ftoken=T", Some(("access_token", "T")), "a=1"),
            ("component_access_token=T", Some(("component_access_token", "T")), ""),
            ("access_token", Some(("access_token", "")), ""),
            ("my_access_token_x=1", None, "my_access_token_x=1"),
        ] {
            let token = token.map(|(parameter, token): (&str, &str)| Shown {
                parameter: parameter.into(),
                token: token.into(),
            });
            assert_eq!(take_token(query).ok(), Some((token, rest.to_owned())), "{query}");
        }
        for query in [
            "access_token=a&access_token=a",
            "access_token=a&suite_access_token=b",
            "access_token=&access%5ftoken=b",
            "access_token=a&ACCESS_TOKEN=b",
            "access_token=a&access_token%5B%5D=b",
            "access_token=a&access_token+=b",
            "access_token=a&access_token%00=b",
        ] {
            assert!(take_token(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_value_is_found_and_replaced() {
        assert!(one_of("secret=a&secret=b", &["secret"]).is_err());
        assert!(one_of("secret=a&appsecret=b", &["secret", "appsecret"]).is_err());
        assert_eq!(one_of("x=1&s%65cret=%61", &["secret"]).ok().flatten().as_deref(), Some("a"));
        assert_eq!(
            with_value("appid=wx&secret=a&js_code=1%2F", &["secret"], "b&c"),
            "appid=wx&secret=b%26c&js_code=1%2F"
        );
    }
}
