//! hyper-util's client for each kind of connection, and the layer on it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::pki_types::CertificateDer;
use tower::{Service, ServiceExt};
use tower_wechat::{
    AuthOutcome, Error, NotReplayed, PeekedBody, ReplayBody, TokenCache, WeChatAuth, WeChatAuthLayer,
};

use crate::wire::{
    BoxError,
    mints::Mints,
    server::{Server, Wire},
    soon,
};

pub type Http<B> = Client<HttpsConnector<HttpConnector>, B>;

/// A client for this server.
pub fn http<B>(server: &Server) -> Http<B>
where
    B: Body<Data: Send> + Send,
{
    http_over(server.wire(), server.root())
}

/// A client for servers that are spoken to like this.
pub fn http_over<B>(wire: Wire, root: Option<CertificateDer<'static>>) -> Http<B>
where
    B: Body<Data: Send> + Send,
{
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls =
        rustls::ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    let tls = match root {
        Some(root) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(root).unwrap();
            tls.with_root_certificates(roots).with_no_client_auth()
        }
        None => tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth(),
    };
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let connector = match wire {
        Wire::Http1 => connector.enable_http1().build(),
        Wire::Http2 | Wire::Http2Tls => connector.enable_http2().build(),
    };
    Client::builder(TokioExecutor::new()).http2_only(wire != Wire::Http1).build(connector)
}

/// Issuer and cache of a server, with the first token in place.
pub async fn warm(server: &Server) -> (Mints, TokenCache) {
    let mints = Mints::new(&server.url());
    let cache = TokenCache::new(mints.clone());
    cache.token().await.unwrap();
    (mints, cache)
}

pub fn layered<B>(server: &Server, layer: &WeChatAuthLayer) -> WeChatAuth<Http<ReplayBody<B>>>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    use tower::Layer;
    layer.layer(http(server))
}

pub fn client<B>(server: &Server, cache: &TokenCache) -> WeChatAuth<Http<ReplayBody<B>>>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    layered(server, &WeChatAuthLayer::new(cache))
}

pub fn post<B>(server: &Server, body: B) -> Request<B> {
    Request::post(format!("{}/cgi-bin/x", server.url())).body(body).unwrap()
}

pub fn small(server: &Server) -> Request<Full<Bytes>> {
    post(server, Full::from("{}"))
}

/// What came.
pub struct Came {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    pub trailers: Option<HeaderMap>,
    pub outcome: Option<AuthOutcome>,
}

impl Came {
    pub fn errcode(&self) -> i64 {
        let json: serde_json::Value = serde_json::from_slice(&self.bytes).unwrap();
        json["errcode"].as_i64().unwrap()
    }

    pub fn not_replayed(&self) -> Option<NotReplayed> {
        self.outcome.as_ref().expect("it was rejected").not_replayed()
    }

    pub fn replayed(&self) -> bool {
        self.outcome.as_ref().is_some_and(AuthOutcome::replayed)
    }
}

pub async fn read<R>(response: Response<PeekedBody<R>>) -> Came
where
    R: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    let bytes = body.to_bytes();
    let outcome = head.extensions.get().cloned();
    Came { status: head.status, headers: head.headers, bytes, trailers, outcome }
}

/// One call to its end.
pub async fn send<S, B, R>(service: S, request: Request<B>) -> Result<Came, Error>
where
    S: Service<Request<B>, Response = Response<PeekedBody<R>>, Error = Error>,
    R: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    soon(async { Ok(read(service.oneshot(request).await?).await) }).await
}

/// Long enough for a mint that is to be waited for.
pub const SLOW_MINT: Duration = Duration::from_millis(600);
