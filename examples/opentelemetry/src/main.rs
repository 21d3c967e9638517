//! Traces and metrics of calls through the layer, with OpenTelemetry.
//!
//! `cargo run -p opentelemetry-example` prints what a collector would get. With `OTEL_EXPORTER_OTLP_ENDPOINT` set, such as to
//! `http://localhost:4318`, it sends that to the collector there (OTLP over HTTP) and prints nothing of it. It calls a fake WeChat
//! inside the program, or the real one with `WECHAT_APP_ID` and `WECHAT_APP_SECRET`.

mod shown;
mod telemetry;

use std::{error::Error, time::Duration};

use account::{Account, say};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use telemetry::Telemetry;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::trace::TraceLayer;
use tower_wechat::{AuthOutcome, TokenCache, WeChatAuthLayer, WeChatError, issuer::StableToken};
use tracing::{Span, field::Empty, info_span};

/// A harmless call, which every account may make.
const PATH: &str = "/cgi-bin/get_api_domain_ip";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // The exporters' client has none of its own. It fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let account = Account::wechat().await?;
    // Before the first call: what is told before that is lost.
    let telemetry = Telemetry::start()?;

    let cache = TokenCache::new(StableToken::new(&account.id, &account.secret).base_url(&account.base_url)?);
    let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client = ServiceBuilder::new()
        // The span of a call is made OUTSIDE of the layer that authorises it. Here the request has no token yet, and both sends
        // of a call that is replayed are in one span. Below the other layer the URI carries the token.
        .layer(TraceLayer::new_for_http().make_span_with(span_of).on_request(()).on_response(record))
        .layer(WeChatAuthLayer::new(&cache))
        .service(Client::builder(TokioExecutor::new()).build(https));

    let mut tokens = Vec::new();
    for what in ["There is no token yet.", "There is a token.", "WeChat has revoked the token."] {
        if what.contains("revoked") {
            // The real one is left alone.
            let Some(fake) = account.fake() else { break };
            fake.revoke();
        }
        let request = Request::get(format!("{}{PATH}", account.base_url)).body(Full::<Bytes>::default())?;
        let answer = client.clone().oneshot(request).await?.into_body().collect().await?.to_bytes();
        let errcode = WeChatError::parse(&answer).map_or(0, |error| error.errcode());
        say!("{what} A call is answered with errcode {errcode}.");
        tokens.extend(cache.current());
    }

    // A fetch that is under way ends, and its span with it.
    cache.shutdown().await;
    match telemetry.finish()? {
        Some(exported) => exported.print(&tokens),
        None => say!("Spans and metrics were sent to the collector."),
    }
    Ok(())
}

/// The span of a call. It shows the path and no query: the caller may have put something secret there.
fn span_of(request: &Request<Full<Bytes>>) -> Span {
    let (method, path) = (request.method(), request.uri().path());
    info_span!(
        "call",
        otel.name = format!("{method} {path}"),
        otel.kind = "client",
        http.request.method = %method,
        url.path = path,
        http.response.status_code = Empty,
        wechat.rejected = Empty,
        wechat.replayed = Empty,
    )
}

/// What came of it. Where WeChat rejected the token, the layer says what it did.
fn record<B>(response: &Response<B>, _: Duration, span: &Span) {
    span.record("http.response.status_code", response.status().as_u16());
    if let Some(outcome) = response.extensions().get::<AuthOutcome>() {
        span.record("wechat.rejected", outcome.errcode());
        span.record("wechat.replayed", outcome.replayed());
    }
}
