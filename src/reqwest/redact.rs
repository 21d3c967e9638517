//! [`Redactor`]: shows URLs and errors of a client without the token.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::original::Original;
use crate::error::{BoxError, Error, ErrorKind, causes};

/// The host of a response that was not made by reqwest's client, and so has no URL.
const NO_URL: &str = "no.url.provided.local";

/// A token of fewer characters can be part of any text by chance. WeChat's have more than a hundred.
const LONG: usize = 16;

pub(super) fn withheld() -> Error {
    Error::new(ErrorKind::Inner, "the error of the HTTP client shows the access_token, and is withheld")
}

/// Whether a service's reason for not being ready may show a token. If it is the failure of an earlier request (a buffer
/// keeps one), it may name that request's URL, and which token is in it is not known any more.
pub(super) fn names_url(error: &(dyn std::error::Error + 'static)) -> bool {
    let has_url = |error: &reqwest::Error| error.url().is_some();
    causes(error).any(|cause| cause.downcast_ref().is_some_and(has_url))
}

#[cfg(feature = "reqwest-middleware")]
fn is_of_middleware(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<reqwest_middleware::Error>()
}

#[cfg(not(feature = "reqwest-middleware"))]
fn is_of_middleware(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

/// Stands between the URL that a client was given and everybody who gets to see its answers and errors.
pub(crate) struct Redactor {
    /// As the caller made it.
    request: Arc<Original>,
    sent: Url,
}

impl Redactor {
    pub(super) fn new(request: Arc<Original>, sent: Url) -> Self {
        Self { request, sent }
    }

    /// The token's name and value, as they were sent. It goes last.
    fn parameter(&self) -> Option<&str> {
        self.sent.query()?.rsplit('&').next()
    }

    /// Whether this is the URL that was sent, and not one that a redirect led to.
    fn is_sent(&self, url: &Url) -> bool {
        *url == self.sent || url.host_str() == Some(NO_URL)
    }

    /// Whether this URL is where the token was sent to.
    pub(super) fn is_same_origin(&self, url: &Url) -> bool {
        self.is_sent(url) || url.origin() == self.sent.origin()
    }

    /// Whether a text shows the token.
    fn is_shown_in(&self, text: &str) -> bool {
        self.parameter().is_some_and(|parameter| {
            let token = parameter.split_once('=').map_or("", |(_, token)| token);
            // A text may show it as it was minted, too.
            let decoded = percent_decode_str(token).decode_utf8_lossy();
            let shows = |token: &str| token.len() >= LONG && text.contains(token);
            text.contains(parameter) || shows(token) || shows(&decoded)
        })
    }

    /// Whether an error shows the token, or a cause of it that whoever reports it may come to.
    fn is_shown_by(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        causes(error).any(|cause| self.is_shown_in(&format!("{cause:?} {cause}")))
    }

    /// What to show in place of this URL.
    pub(super) fn url(&self, url: &Url) -> Url {
        if self.is_sent(url) { self.request.url.clone() } else { self.elsewhere(url) }
    }

    fn replace(&self, url: Option<&mut Url>) {
        if let Some(url) = url {
            *url = self.url(url);
        }
    }

    /// What to show in place of a URL that a redirect led to, which may have taken the token along.
    fn elsewhere(&self, url: &Url) -> Url {
        let name =
            self.parameter().and_then(|parameter| parameter.split_once('=')).map_or("", |(name, _)| name);
        let mut shown = url.clone();
        let other = |pair: &&str| {
            let key = pair.split_once('=').map_or(*pair, |(key, _)| key);
            percent_decode_str(key).ne(name.bytes())
        };
        if let Some(query) = url.query()
            && !query.split('&').all(|pair| other(&pair))
        {
            let kept = query.split('&').filter(other).collect::<Vec<_>>().join("&");
            shown.set_query((!kept.is_empty()).then_some(&kept));
        }
        if self.is_shown_in(shown.as_str()) { self.request.url.clone() } else { shown }
    }

    /// Whether an error is that of the one request that was sent: not of one that a redirect led to, nor of a middleware,
    /// which may have tried more than once.
    pub(super) fn is_of_one_send(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        let is_sent = |error: &reqwest::Error| error.url().is_none_or(|url| self.is_sent(url));
        causes(error).all(|cause| cause.downcast_ref().is_none_or(is_sent) && !is_of_middleware(cause))
    }

    /// What to show in place of this error.
    pub(super) fn error(&self, error: BoxError) -> BoxError {
        let error = self.without_token(error);
        // What a redirect policy says lies deeper, and so do a URL that it refused and an error that was wrapped.
        if self.is_shown_by(&*error) { withheld().into() } else { error }
    }

    fn without_token(&self, mut error: BoxError) -> BoxError {
        if let Some(error) = error.downcast_mut::<reqwest::Error>() {
            self.replace(error.url_mut());
        }
        #[cfg(feature = "reqwest-middleware")]
        if let Some(error) = error.downcast_mut::<reqwest_middleware::Error>() {
            self.replace(error.url_mut());
        }
        error
    }
}
