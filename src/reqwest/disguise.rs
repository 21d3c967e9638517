//! [`Disguise`]: the URL that was sent, shown without the token.

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::client::ClientError;
use crate::error::{BoxError, Error, ErrorKind};

/// The host of a response that was not made by reqwest's client, and so has no URL.
const NO_URL: &str = "no.url.provided.local";

/// Stands between the URL that a client was given and everybody who gets to see its answers and errors.
pub(crate) struct Disguise {
    /// As the caller gave it.
    original: Url,
    sent: Url,
}

impl Disguise {
    pub(super) fn new(original: Url, sent: Url) -> Self {
        Self { original, sent }
    }

    /// The token's name and value, as they were sent. It goes last.
    fn parameter(&self) -> Option<(&str, &str)> {
        self.sent.query()?.rsplit('&').next()?.split_once('=')
    }

    /// Whether this is the URL that was sent, and not one that a redirect led to.
    fn is_sent(&self, url: &Url) -> bool {
        *url == self.sent || url.host_str() == Some(NO_URL)
    }

    /// Whether this URL is where the token was sent to.
    pub(super) fn is_same_origin(&self, url: &Url) -> bool {
        self.is_sent(url) || url.origin() == self.sent.origin()
    }

    /// What to show in place of this URL.
    pub(super) fn url(&self, url: &Url) -> Url {
        let Some((name, token)) = self.parameter().filter(|_| !self.is_sent(url)) else {
            return self.original.clone();
        };
        // A redirect led here, and may have taken the token along.
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
        if shown.as_str().contains(token) {
            return self.original.clone();
        }
        shown
    }

    /// What to show in place of this error.
    pub(super) fn error<E: ClientError>(&self, error: E) -> BoxError {
        let shown = error.url().map(|url| self.url(url));
        let error = match shown {
            Some(url) => error.with_url(url),
            None => error,
        };
        // What a redirect policy says lies deeper, and so does a URL that it refused.
        let says = format!("{error:?} {error}");
        if self.parameter().is_some_and(|(_, token)| says.contains(token)) {
            let text = "the error of the HTTP client shows the access_token, and is withheld";
            return Error::new(ErrorKind::Inner, text).into();
        }
        error.into()
    }
}
