//! One send of a request, and what the next one needs.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, request::Parts};
use http_body::Body;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{outcome::NotReplayed, settings::Settings, template::Template};
use crate::{
    cache::TokenCache,
    error::{Error, ErrorKind},
    platform::Platform,
    request::{Cloned, Replay, ReplayBody, inject, record},
    token::AccessToken,
};

/// What it takes to send a request: the inner service, the account's tokens and the layer's settings.
pub(super) struct Sender<S> {
    pub(super) service: Template<S>,
    pub(super) cache: TokenCache,
    pub(super) settings: Arc<Settings>,
    /// When the request's own time-out has passed, if it has one that the inner service does not see to.
    pub(super) deadline: Option<Instant>,
}

/// A request that has not been sent.
pub(super) struct Unsent<S, B> {
    pub(super) sender: Sender<S>,
    pub(super) request: Request<B>,
}

/// A request that has been sent with a token.
pub(super) struct Attempt<S, B> {
    pub(super) sender: Sender<S>,
    /// The token that it carried.
    pub(super) token: AccessToken,
    head: Head,
    replay: Replay<B>,
}

/// A rejected request that is to be sent again: its body has been taken over from the first send.
pub(super) struct Resend<S, B> {
    pub(super) sender: Sender<S>,
    /// The token that was rejected.
    pub(super) rejected: AccessToken,
    head: Head,
    body: ReplayBody<B>,
}

/// The head of a request as the caller gave it. Its headers are a list: most requests are never sent again, and a list
/// costs less than a map.
struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    headers: SmallVec<[(HeaderName, HeaderValue); 1]>,
    extensions: Extensions,
}

/// A request with a token in it, and what it takes to send it again.
pub(super) type Authorized<S, B> = (Request<ReplayBody<B>>, Attempt<S, B>);

impl<S, B> Unsent<S, B>
where
    B: Body<Data = Bytes> + 'static,
{
    /// The request with this token, and what it takes to send it again.
    #[inline]
    pub(super) fn authorize(self, token: AccessToken) -> Result<Authorized<S, B>, Error> {
        let Self { sender, request } = self;
        let (mut parts, body) = request.into_parts();
        let uri = with_token(&parts.uri, sender.cache.platform(), &token)?;
        let original = std::mem::replace(&mut parts.uri, uri);
        let head = Head::of(&parts, original);
        let settings = &sender.settings;
        let (body, replay) = record(body, settings.replay_limit, &settings.memory);
        Ok((Request::from_parts(parts, body), Attempt { sender, token, head, replay }))
    }
}

impl<S, B> Attempt<S, B> {
    pub(super) fn method(&self) -> &Method {
        &self.head.method
    }

    /// Lets the upload wait until it is clear whether it is to be sent again.
    pub(super) fn hold(&self) {
        self.replay.hold();
    }

    /// Ends the upload.
    pub(super) fn abandon(self) {
        self.replay.abandon();
    }
}

impl<S, B: Body<Data = Bytes>> Attempt<S, B> {
    /// Takes the body over for a second send.
    pub(super) fn take_over(self) -> Result<Resend<S, B>, NotReplayed> {
        let Self { sender, token, head, replay } = self;
        if sender.settings.replay_timeout.is_zero() {
            return Err(NotReplayed::TimedOut);
        }
        Ok(Resend { sender, rejected: token, head, body: replay.take()? })
    }
}

impl<S, B> Resend<S, B> {
    /// The same request with another token, and whether it is cloned on its way.
    pub(super) fn authorize(
        mut self,
        token: &AccessToken,
    ) -> Result<(Request<ReplayBody<B>>, Cloned), NotReplayed> {
        let uri =
            with_token(&self.head.uri, self.sender.cache.platform(), token).map_err(|_| NotReplayed::Uri)?;
        let cloned = self.body.watch();
        Ok((self.head.with(uri, self.body), cloned))
    }
}

impl Head {
    #[inline]
    fn of(parts: &Parts, uri: Uri) -> Self {
        let mut headers = SmallVec::new();
        for (name, value) in &parts.headers {
            headers.push((name.clone(), value.clone()));
        }
        Self {
            method: parts.method.clone(),
            uri,
            version: parts.version,
            headers,
            extensions: parts.extensions.clone(),
        }
    }

    fn with<B>(self, uri: Uri, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = uri;
        *request.version_mut() = self.version;
        // More values than a map has room for names: no reason to fail, if a few names share them.
        let mut headers = HeaderMap::try_with_capacity(self.headers.len()).unwrap_or_default();
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        *request.headers_mut() = headers;
        *request.extensions_mut() = self.extensions;
        request
    }
}

fn with_token(uri: &Uri, platform: &Platform, token: &AccessToken) -> Result<Uri, Error> {
    let Some(parameter) = platform.parameter_in_query() else {
        let text = "the name of the token's parameter is empty, or not percent-encoded";
        return Err(Error::new(ErrorKind::Uri, text));
    };
    inject(uri, parameter, token.encoded())
}
