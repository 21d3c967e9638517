//! One request on its way: what it takes to send it, and to send it again.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, request::Parts};
use http_body::Body;
use tower_service::Service;

use super::{future::ResponseFuture, layer::Settings, outcome::NotReplayed};
use crate::{
    cache::TokenCache,
    error::{BoxError, Error},
    request::{Replay, ReplayBody, inject},
    token::AccessToken,
};

/// A request that has not been sent.
pub(super) struct Call<S, B> {
    inner: S,
    /// With the URI as the caller gave it.
    head: Parts,
    body: B,
    account: Account,
}

/// A request that has been sent once, and what it takes to send it again.
pub(super) struct Sent<S, B> {
    pub(super) inner: S,
    head: Parts,
    replay: Replay<B>,
    pub(super) account: Account,
    /// The token that it carried.
    pub(super) token: AccessToken,
}

/// Whose token, and how the layer is set.
pub(super) struct Account {
    pub(super) cache: TokenCache,
    pub(super) settings: Arc<Settings>,
}

impl<S, B> Call<S, B> {
    pub(super) fn new(inner: S, request: Request<B>, cache: TokenCache, settings: Arc<Settings>) -> Self {
        let (head, body) = request.into_parts();
        Self { inner, head, body, account: Account { cache, settings } }
    }

    pub(super) fn inner(&mut self) -> &mut S {
        &mut self.inner
    }

    pub(super) fn cache(&self) -> &TokenCache {
        &self.account.cache
    }
}

impl<S, B> Call<S, B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Sends it with this token. The inner service must be ready.
    pub(super) fn send<R>(mut self, token: AccessToken) -> ResponseFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        R: Body,
    {
        let head = match with_token(&self.head, &self.account.cache, &token) {
            Ok(head) => head,
            Err(error) => return ResponseFuture::failed(error),
        };
        let (body, replay) = ReplayBody::recorded(self.body, self.account.settings.replay_limit);
        let future = self.inner.call(Request::from_parts(head, body));
        let Self { inner, head, account, .. } = self;
        ResponseFuture::sent(future, Sent { inner, head, replay, account, token })
    }
}

impl<S, B: Body<Data = Bytes>> Sent<S, B> {
    pub(super) fn method(&self) -> &Method {
        &self.head.method
    }

    /// Whether the request could be sent again.
    pub(super) fn check(&self) -> Result<(), NotReplayed> {
        self.replay.check().map_err(NotReplayed::from)
    }

    /// The same request with another token, and the service to send it with.
    pub(super) fn again(self, token: &AccessToken) -> Result<(S, Request<ReplayBody<B>>), NotReplayed> {
        let head = with_token(&self.head, &self.account.cache, token).map_err(|_| NotReplayed::Uri)?;
        let body = self.replay.take()?;
        Ok((self.inner, Request::from_parts(head, body)))
    }
}

impl Account {
    /// The codes that mean "the token was rejected".
    pub(super) fn rejection_codes(&self) -> Arc<[i64]> {
        match &self.settings.rejection_codes {
            Some(codes) => codes.clone(),
            None => self.cache.platform().shared_codes(),
        }
    }
}

fn with_token(head: &Parts, cache: &TokenCache, token: &AccessToken) -> Result<Parts, Error> {
    let uri = inject(&head.uri, cache.platform().parameter(), token.encoded())?;
    let mut head = head.clone();
    head.uri = uri;
    Ok(head)
}
