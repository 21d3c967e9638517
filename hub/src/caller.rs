//! Who is asking: the client behind a request.

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};

use crate::{known::Known, peer::Peer, problem::Problem, table::Table};

/// What a client has shown of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Secret,
    /// It came over a Unix socket that has a client of its own.
    Nothing,
}

/// The client that a request's credential belongs to. A request without one, on a Unix socket that has a client of its
/// own, is that client's.
pub(crate) fn client(
    table: &Table,
    headers: &HeaderMap,
    peer: Option<&Peer>,
) -> Result<(Arc<Known>, Shown), Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (known, shown) = match (values.next(), values.next()) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad_request("there is more than one `Authorization` header"));
        }
        (Some(value), None) => {
            (value.to_str().ok().and_then(bearer).and_then(|secret| table.client(secret)), Shown::Secret)
        }
        (None, _) => (on_unix(table, peer), Shown::Nothing),
    };
    known.cloned().map(|known| (known, shown)).ok_or_else(Problem::unknown_client)
}

/// The client that a caller on a Unix socket is.
pub(crate) fn on_unix<'t>(table: &'t Table, peer: Option<&Peer>) -> Option<&'t Arc<Known>> {
    table.on_unix().filter(|_| matches!(peer, Some(Peer::Unix(_))))
}

/// The credential of `Bearer <credential>`; the scheme in whatever case (RFC 9110, 11.1).
pub(crate) fn bearer(value: &str) -> Option<&str> {
    let (scheme, credential) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_read_as_the_standard_has_it() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bEARER  abc "), Some("abc"));
        for other in ["abc", "Basic abc", "Bearerabc", "Bearer\tabc", ""] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }
}
