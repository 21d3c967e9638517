//! The way to the platform: a pooled HTTP client with the layer on it, which all apps of a hub share.

use std::time::Duration;

use http::Uri;
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tower::Service;
use tower_wechat::{
    AppId, AuthOutcome, PeekedBody, ReplayBody, TokenError, TokenPool, WeChatAuth, issuer::Connector,
};

use crate::proxy::Upload;

/// What a call to the platform has for a body.
type HttpClient = Client<Connector, ReplayBody<Upload>>;

/// An answer of the platform's.
pub(crate) type Answer = http::Response<PeekedBody<hyper::body::Incoming>>;

/// Connections that are idle for longer are closed before the platform closes them.
const IDLE: Duration = Duration::from_secs(50);
/// The longest answer that the hub itself reads.
const LONGEST: usize = 65_536;

/// Sends calls to the platform, each with the token of its app.
#[derive(Clone)]
pub(crate) struct Upstream(WeChatAuth<HttpClient>);

impl Upstream {
    /// For the accounts of this pool, over the connections of another one if there is one.
    pub(crate) fn new(pool: TokenPool, before: Option<&Self>) -> Self {
        let client = before.map_or_else(http_client, |before| before.0.get_ref().clone());
        Self(WeChatAuth::new(client, pool))
    }

    /// Sends a call with a token of this app's, if it goes where its tokens may go.
    pub(crate) async fn send(
        &self,
        app: &AppId,
        mut request: http::Request<Upload>,
    ) -> Result<Answer, tower_wechat::Error> {
        request.extensions_mut().insert(app.clone());
        // hyper's client is always ready.
        self.0.clone().call(request).await
    }

    /// Sends a call as it is.
    pub(crate) async fn send_bare(
        &self,
        request: http::Request<Upload>,
    ) -> Result<Answer, tower_wechat::Error> {
        self.0.without_auth().send(request).await
    }

    /// Makes a small call of the hub's own with a token of this app's. Tells why there is no better token, if the platform has
    /// rejected the present one.
    pub(crate) async fn ask(&self, app: &AppId, url: Uri) -> Option<TokenError> {
        let mut request = http::Request::new(Upload::nothing());
        *request.uri_mut() = url;
        let answer = self.send(app, request).await.ok()?;
        let outcome = answer.extensions().get::<AuthOutcome>();
        let error = outcome.and_then(AuthOutcome::refresh_error).cloned();
        // Read to its end, so that the connection can be used again.
        let _ = http_body_util::Limited::new(answer.into_body(), LONGEST).collect().await;
        error
    }
}

fn http_client() -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(Connector::shared())
}
