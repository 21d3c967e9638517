//! What lies underneath an error of an HTTP client.

use std::{error::Error as StdError, io};

use hyper_util::client::legacy;

/// Whether the request could not go out, for a reason that this host may have for itself: no address for the name, a
/// connection that was refused or has no way there, TLS, a proxy.
pub(super) fn is_of_this_host(error: &(dyn StdError + 'static)) -> bool {
    use std::io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable,
    };

    let is_unreachable = |kind| {
        matches!(
            kind,
            AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkDown | NetworkUnreachable
        )
    };
    !is_timeout(error)
        && (is_connect(error)
            || is_tls(error)
            || find::<io::Error>(error).any(|error| is_unreachable(error.kind())))
}

/// Whether a client of a kind that is known here had no connection yet.
pub(super) fn is_connect(error: &(dyn StdError + 'static)) -> bool {
    #[cfg(feature = "reqwest")]
    if find::<reqwest::Error>(error).any(reqwest::Error::is_connect) {
        return true;
    }
    find::<legacy::Error>(error).any(legacy::Error::is_connect)
}

pub(super) fn is_timeout(error: &(dyn StdError + 'static)) -> bool {
    #[cfg(feature = "reqwest")]
    if find::<reqwest::Error>(error).any(reqwest::Error::is_timeout) {
        return true;
    }
    find::<io::Error>(error).any(|error| error.kind() == io::ErrorKind::TimedOut)
}

#[cfg(feature = "https")]
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    find::<rustls::Error>(error).next().is_some()
}

#[cfg(not(feature = "https"))]
fn is_tls(_: &(dyn StdError + 'static)) -> bool {
    false
}

/// Whether rustls found the server's certificate to be signed by nobody it trusts, or by a namesake of somebody: an
/// authority that was made anew.
#[cfg(feature = "https")]
pub(super) fn is_unknown_issuer(error: &(dyn StdError + 'static)) -> bool {
    use rustls::{
        CertificateError::{BadSignature, UnknownIssuer},
        Error::InvalidCertificate,
    };

    find(error).any(|error| matches!(error, InvalidCertificate(UnknownIssuer | BadSignature)))
}

/// All errors of this type among an error and what lies underneath.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e T> {
    std::iter::successors(Some(error), |&error| {
        // The source of an I/O error is not what it holds, but the source of that.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match held {
            Some(held) => Some(held),
            None => error.source(),
        }
    })
    .filter_map(|error| error.downcast_ref())
}
