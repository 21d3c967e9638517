//! [`Client`], and the way of every call through it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, header, request::Builder};
use http_body_util::Full;
use serde::{Serialize, de::DeserializeOwned};
use tower_wechat::{AppId, AuthOutcome, WeChatError};

use crate::{Error, HttpService};

/// The SDK: typed calls over an HTTP service that has the `WeChatAuthLayer` in it.
///
/// Clones share the service; they are cheap if its are.
#[derive(Clone, Debug)]
pub struct Client<S> {
    http: S,
    base_url: Arc<str>,
    account: Option<AppId>,
}

/// What a call yields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer<T> {
    /// WeChat's answer.
    pub value: T,
    /// What the layer did about a rejected token. `None` if the token was good, as nearly always.
    pub auth: Option<AuthOutcome>,
}

impl<S: HttpService> Client<S> {
    /// A client that calls APIs below `base_url` (`https://api.weixin.qq.com`; in tests a `FakeWeChat`'s).
    pub fn new(http: S, base_url: &str) -> Self {
        Self { http, base_url: base_url.trim_end_matches('/').into(), account: None }
    }

    /// The same client for one account of a `TokenPool`.
    #[must_use]
    pub fn for_account(&self, account: impl Into<AppId>) -> Self {
        Self { account: Some(account.into()), ..self.clone() }
    }

    /// A call without a body.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<Answer<T>, Error> {
        self.send(Request::get(self.url(path, query)?), Bytes::new()).await
    }

    /// A call with a JSON body.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, Error> {
        // serde_json leaves Chinese text as it is. WeChat shows `\u4f60` to the user as those six characters.
        let body = serde_json::to_vec(body).map_err(Error::request)?;
        let request = Request::post(self.url(path, &())?).header(header::CONTENT_TYPE, "application/json");
        self.send(request, body.into()).await
    }

    pub(crate) fn url(&self, path: &str, query: &impl Serialize) -> Result<String, Error> {
        let query = serde_urlencoded::to_string(query).map_err(Error::request)?;
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(format!("{}{path}{mark}{query}", self.base_url))
    }

    /// What all calls have in common.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        request: Builder,
        body: Bytes,
    ) -> Result<Answer<T>, Error> {
        let mut request = request.body(Full::new(body)).map_err(Error::request)?;
        if let Some(account) = &self.account {
            request.extensions_mut().insert(account.clone());
        }
        let response = self.http.exchange(request).await.map_err(Error::Http)?;

        let auth = response.extensions().get().cloned();
        let (status, body) = (response.status(), response.into_body());
        // WeChat's errors have status 200. Where the error is what counts, read it first.
        if let Some(error) = WeChatError::parse(&body) {
            return Err(Error::WeChat { error, auth });
        }
        match serde_json::from_slice(&body) {
            Ok(value) if status.is_success() => Ok(Answer { value, auth }),
            // serde_json's own error would quote the answer.
            _ => Err(Error::Unreadable(status)),
        }
    }
}
