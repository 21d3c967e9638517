//! Reading queries as a server does: form-encoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The first parameter of this name, decoded.
pub(crate) fn get<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    pairs(query).find(|(key, _)| decode(key) == name).map(|(_, value)| decode(value))
}

/// The token it carries: `access_token`, `component_access_token`, `suite_access_token` or whatever else ends like that.
/// Name and value.
pub(crate) fn token(query: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let decoded = pairs(query).map(|(key, value)| (decode(key), value));
    decoded.filter(|(key, _)| is_token(key)).map(|(key, value)| (key, decode(value))).next()
}

/// The names of all parameters, decoded.
pub(crate) fn names(query: &str) -> impl Iterator<Item = Cow<'_, str>> {
    pairs(query).map(|(key, _)| decode(key)).filter(|key| !key.is_empty())
}

/// The query without the values that nobody should print.
pub(crate) fn redacted(query: &str) -> String {
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((key, _)) if is_private(&decode(key)) => Cow::Owned(format!("{key}=***")),
        _ => Cow::Borrowed(parameter),
    });
    parameters.collect::<Vec<_>>().join("&")
}

fn is_token(key: &str) -> bool {
    key.ends_with("access_token")
}

fn is_private(key: &str) -> bool {
    is_token(key) || key == "refresh_token" || key.ends_with("secret")
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decode(value: &str) -> Cow<'_, str> {
    let value: Cow<'_, str> = if value.contains('+') { value.replace('+', " ").into() } else { value.into() };
    match percent_decode_str(&value).decode_utf8_lossy() {
        Cow::Owned(decoded) => decoded.into(),
        Cow::Borrowed(_) => value,
    }
}
