//! Puts the token into the URI.
//!
//! Some calls sign their query, so every other parameter keeps its place and its spelling; the token goes last.

use http::{
    Uri,
    uri::{Parts, PathAndQuery},
};

use crate::error::{Error, ErrorKind};

/// The longest URI that `http` takes, in bytes and as a whole.
const MAX_LEN: usize = u16::MAX as usize - 1;

/// The same URI with `parameter=encoded` as its last query pair; both must be percent-encoded.
///
/// # Errors
///
/// [`ErrorKind::Uri`] where there is no scheme, host or path to speak of (`*`, `host:443`), and where the result would be
/// too long. The message holds nothing of either.
pub(crate) fn inject(uri: &Uri, parameter: &str, encoded: &str) -> Result<Uri, Error> {
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(Error::new(ErrorKind::Uri, "the token needs a whole URI: scheme, host and path"));
    };
    let path = uri.path();
    if !path.starts_with('/') {
        return Err(Error::new(ErrorKind::Uri, "the token needs a URI with a path"));
    }
    let separator = match uri.query() {
        None => "?",
        Some(query) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let before = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    // `https://h?x=1` has a path, but not in its text.
    let slash = if before.starts_with('/') { "" } else { "/" };
    let length = slash.len() + before.len() + separator.len() + parameter.len() + 1 + encoded.len();
    if scheme.len() + "://".len() + authority.as_str().len() + length > MAX_LEN {
        return Err(Error::new(ErrorKind::Uri, "with the token the URI is longer than 65534 bytes"));
    }
    let mut text = String::with_capacity(length);
    for piece in [slash, before, separator, parameter, "=", encoded] {
        text.push_str(piece);
    }
    let mut parts = Parts::default();
    parts.scheme = uri.scheme().cloned();
    parts.authority = Some(authority.clone());
    parts.path_and_query = Some(validate(text)?);
    Uri::from_parts(parts).map_err(|_| Error::new(ErrorKind::Uri, "the URI does not fit together"))
}

fn validate(text: String) -> Result<PathAndQuery, Error> {
    let length = text.len();
    // A `#` would cut the token off without a word.
    match PathAndQuery::try_from(text) {
        Ok(whole) if whole.as_str().len() == length => Ok(whole),
        _ => {
            Err(Error::new(ErrorKind::Uri, "the token, or the name of its parameter, is not percent-encoded"))
        }
    }
}

#[cfg(test)]
mod tests;
