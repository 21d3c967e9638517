//! What the tests share: a client with the layer on it, and a cache on a fake WeChat.

#![allow(dead_code, unreachable_pub, clippy::missing_panics_doc)]

pub mod below;
pub mod events;
pub mod fixed;
#[cfg(unix)]
pub mod hub;
pub mod issuers;
pub mod managed;
pub mod mill;
pub mod pieces;
pub mod proxy;
pub mod raw;
pub mod redis;
pub mod scripted;
pub mod signal;
pub mod simulated;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{ServiceBuilder, ServiceExt};
use tower_wechat::{
    AuthOutcome, PeekedBody, ReplayBody, TokenCache, WeChatAuth, WeChatAuthLayer,
    issuer::{ClassicToken, StableToken, WeCom},
    testing::FakeWeChat,
};

pub type Http<B> = Client<HttpConnector, ReplayBody<B>>;

/// hyper-util's client with the layer on it.
pub fn client<B>(cache: &TokenCache) -> WeChatAuth<Http<B>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    layered(WeChatAuthLayer::new(cache))
}

/// The same with a layer that is set otherwise.
pub fn layered<B>(layer: WeChatAuthLayer) -> WeChatAuth<Http<B>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    ServiceBuilder::new().layer(layer).service(http())
}

pub fn http<B>() -> Client<HttpConnector, B>
where
    B: http_body::Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build_http()
}

pub fn stable(wechat: &FakeWeChat) -> StableToken {
    StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap()
}

pub fn classic(wechat: &FakeWeChat) -> ClassicToken {
    ClassicToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap()
}

pub fn wecom(wechat: &FakeWeChat) -> WeCom {
    WeCom::new(FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET).base_url(&wechat.url()).unwrap()
}

/// A call to an ordinary JSON API.
pub fn call(wechat: &FakeWeChat) -> Request<Full<Bytes>> {
    post(wechat, "/cgi-bin/message/custom/send?lang=zh_CN", Full::from(r#"{"touser":"OPENID"}"#))
}

pub fn post<B>(wechat: &FakeWeChat, path: &str, body: B) -> Request<B> {
    Request::post(format!("{}{path}", wechat.url())).body(body).unwrap()
}

/// What came: the answer and what the layer did for it.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    /// The same, read as UTF-8.
    pub text: String,
    pub outcome: Option<AuthOutcome>,
}

impl Answer {
    pub fn errcode(&self) -> Option<i64> {
        serde_json::from_str::<serde_json::Value>(&self.text).unwrap().get("errcode")?.as_i64()
    }

    /// What the layer did about the rejection, of which there must have been one.
    pub fn outcome(&self) -> &AuthOutcome {
        self.outcome.as_ref().unwrap()
    }

    pub fn rejected(&self) -> bool {
        self.outcome.is_some()
    }

    pub fn replayed(&self) -> bool {
        self.outcome.as_ref().is_some_and(AuthOutcome::replayed)
    }
}

pub async fn read<R>(response: Response<PeekedBody<R>>) -> Answer
where
    R: http_body::Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status,
        headers: head.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
        bytes,
        outcome: head.extensions.get().cloned(),
    }
}

/// Sends one ordinary call.
pub async fn send(
    client: &WeChatAuth<Http<Full<Bytes>>>,
    wechat: &FakeWeChat,
) -> Result<Answer, tower_wechat::Error> {
    Ok(read(client.clone().oneshot(call(wechat)).await?).await)
}
