//! [`ExchangeError`]: why there is no answer, and what people read of that.

use std::error::Error as StdError;

#[cfg(feature = "https")]
use super::causes::is_unknown_issuer;
use super::causes::{is_connect, is_of_this_host, is_timeout};
use crate::error::{BoxError, ErrorKind, TokenError, causes};

/// Why there is no answer to read.
pub(crate) enum ExchangeError {
    /// The built-in client was built without TLS.
    NoTls,
    /// The environment's proxy speaks what the built-in client does not.
    Socks,
    /// None came.
    NoAnswer(BoxError),
    /// It came from elsewhere: the client followed a redirect.
    #[cfg(feature = "reqwest")]
    Redirected,
    /// Its body broke off.
    BrokenOff(BoxError),
    /// Its body went on and on.
    TooLong,
    /// The first call had no answer in its time, and this became of the second.
    Again(Box<ExchangeError>),
}

impl ExchangeError {
    /// Whether the built-in client, or one of its kind, had no connection in its time.
    pub(super) fn is_connect_timeout(&self) -> bool {
        matches!(self, Self::NoAnswer(error) if is_connect(&**error) && is_timeout(&**error))
    }

    /// Whether the server, or the network before it, took longer than somebody below was ready to wait.
    #[cfg(feature = "hub")]
    pub(in crate::issuer) fn is_timeout(&self) -> bool {
        matches!(self, Self::NoAnswer(error) | Self::BrokenOff(error) if is_timeout(&**error))
    }

    /// Whether nothing was wrong but the way to the server and back.
    #[cfg(feature = "hub")]
    pub(in crate::issuer) fn is_of_transport(&self) -> bool {
        matches!(self, Self::NoAnswer(_) | Self::BrokenOff(_))
    }

    /// The same for people to read, who know the server by this name, without a URL of the request's or one of the secrets.
    pub(crate) fn into_error(self, server: &str, secrets: &[&str]) -> TokenError {
        let told = |error: &BoxError| told(&**error, secrets);
        match self {
            Self::NoTls => TokenError::new(
                ErrorKind::Config,
                "there is no HTTPS client: enable feature `https`, or give the issuer an `http_client`",
            )
            .of_this_host(),
            Self::Socks => TokenError::new(
                ErrorKind::Config,
                "the environment's proxy speaks SOCKS, which the built-in client does not: give the issuer an `http_client` \
                 that does, or list the endpoint's host in `NO_PROXY`",
            )
            .of_this_host(),
            // Permanent: it stays until somebody brings the certificate, and asking more often is no help.
            #[cfg(feature = "https")]
            Self::NoAnswer(error) if is_unknown_issuer(&*error) => TokenError::permanent(format!(
                "{server}, or the proxy before it, has a certificate of an unknown issuer: if that is your own authority, \
                 give its certificate to the issuer's `root_certificates_pem`, or an `http_client` that trusts it; if it \
                 is not, somebody may be reading along"
            ))
            .of_this_host(),
            Self::NoAnswer(error) => {
                let message = format!("{server} did not answer: {}", told(&error));
                let failure = TokenError::transient(message);
                if is_of_this_host(&*error) { failure.of_this_host() } else { failure }
            }
            #[cfg(feature = "reqwest")]
            Self::Redirected => TokenError::permanent(format!(
                "{server} answered with a redirect, and the HTTP client followed it, which may have shown the secret to \
                 somebody else: build it with `redirect(Policy::none())`, and correct the base URL"
            )),
            Self::BrokenOff(error) => {
                TokenError::transient(format!("the answer of {server} broke off: {}", told(&error)))
            }
            Self::TooLong => TokenError::transient(format!(
                "the answer of {server} is longer than 64 KiB: something else must answer there"
            )),
            Self::Again(error) => {
                let failure = error.into_error(server, secrets);
                let message =
                    format!("there was no answer within 3 s, and asked once more {}", failure.message());
                failure.with_message(message)
            }
        }
    }
}

/// What an error and those underneath it say. Many clients quote the URL, and a secret may be in that: any text that
/// might is left out, and no error is kept as a source.
fn told(error: &(dyn StdError + 'static), secrets: &[&str]) -> String {
    let mut told = String::new();
    for error in causes(error) {
        let text = error.to_string();
        let quotes = text.contains("://")
            || text.to_ascii_lowercase().contains("secret")
            || secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret));
        let text = if quotes {
            "(left out: it quotes the request)".to_owned()
        } else {
            text.chars().filter(|c| !c.is_control()).take(200).collect()
        };
        if !told.contains(&text) {
            if !told.is_empty() {
                told.push_str(": ");
            }
            told.push_str(&text);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_text_that_quotes_the_request_is_left_out() {
        #[derive(Debug)]
        struct Outer(&'static str, io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.1)
            }
        }
        let told = |text| told(&Outer(text, io::Error::other("os says\nno")), &["S E+N", "S%20E%2BN"]);
        assert_eq!(told("connect"), "connect: os saysno");
        for quoting in [
            "error for url (https://api.weixin.qq.com/)",
            "GET /cgi-bin/token?Secret=x",
            "body {..S E+N..}",
            "query S%20E%2BN",
        ] {
            assert_eq!(told(quoting), "(left out: it quotes the request): os saysno");
        }
        assert_eq!(told("os says\nno"), "os saysno", "said once");
        assert_eq!(
            super::told(&io::Error::other("no such socket"), &[""]),
            "no such socket",
            "no secret, no quote"
        );
    }
}
