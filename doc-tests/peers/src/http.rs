//! The client that the SDKs' calls are sent by.

use bytes::Bytes;
use http_body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower_wechat::{ReplayBody, TokenCache, WeChatAuth};

pub type Http<B> = Client<HttpsConnector<HttpConnector>, ReplayBody<B>>;

/// A client whose requests have a token of the cache's.
pub fn wechat<B: Body<Data = Bytes> + Send>(
    cache: TokenCache,
) -> WeChatAuth<Http<B>>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let https = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .build();
    let http = Client::builder(TokioExecutor::new()).build(https);
    WeChatAuth::new(http, cache)
}
