//! Which requests get a token, whose token that is, and in which parameter it goes.

use crate::support;

mod arriving;
mod credentials;
mod exempt;
mod families;
mod plain_http;
mod pool;
mod prefix;

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use support::raw::Raw;
use tower::{Layer, ServiceExt};
use tower_wechat::WeChatAuthLayer;

/// Far more than any of this takes: what does not end by then hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("no hang")
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

/// What a server that answers like this saw of a request: the path and query, and what came back.
async fn exchange(
    server: &Raw,
    layer: &WeChatAuthLayer,
    target: &str,
    json: &str,
) -> (String, support::Answer) {
    let request = get(&format!("{}{target}", server.url()));
    let client = layer.layer(support::http());
    let (line, answer) = soon(async { tokio::join!(server.serve(json), client.oneshot(request)) }).await;
    let seen = line.strip_prefix("GET ").expect("no mint").to_owned();
    (seen, support::read(answer.unwrap()).await)
}

const REJECTION: &str = r#"{"errcode":42001,"errmsg":"access_token expired"}"#;

/// The request arrives as it was sent, and its answer, a rejection, is nobody's business.
async fn is_left_alone(server: &Raw, layer: &WeChatAuthLayer, target: &str, what: &str) {
    let (seen, answer) = exchange(server, layer, target, REJECTION).await;
    assert_eq!(seen, target, "{what}");
    assert_eq!(answer.text, REJECTION);
    assert!(answer.outcome.is_none(), "{what}: nobody judged the answer to {target}");
}
