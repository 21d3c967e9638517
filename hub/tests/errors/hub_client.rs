//! What a worker says of its hub.

use std::{os::unix::net::UnixListener, time::Duration};

use tower_wechat::{
    TokenCache, TokenError,
    issuer::{HubToken, StableToken},
};

use crate::{
    catalogue::Catalogue,
    support::{APP, Folder},
    upstream::{Upstream, ok},
};

async fn failure(issuer: HubToken) -> TokenError {
    TokenCache::new(issuer).token().await.expect_err("no token")
}

async fn says(bytes: Vec<u8>) -> TokenError {
    let hub = Upstream::saying(bytes).await;
    failure(HubToken::tcp(&hub.url, APP, "client-secret").expect("a URL")).await
}

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    sockets(&mut seen).await;
    let detail = r#"{"detail":"no access_token for app wx0123456789abcdef: the platform is busy","errcode":-1,"retry_after":5}"#;
    for (status, body) in [
        (400, ""),
        (401, ""),
        (403, ""),
        (404, ""),
        (407, ""),
        (408, ""),
        (413, ""),
        (429, ""),
        (503, detail),
        (502, ""),
        (302, ""),
        (418, ""),
        (204, ""),
    ] {
        let bytes = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let entry = if matches!(status, 401 | 403 | 404) { "hub-refuses" } else { "hub-fails" };
        seen.add(entry, says(bytes.into_bytes()).await);
    }
    for body in [
        "<html>",
        "{}",
        r#"{"platform":"wecom"}"#,
        r#"{"platform":"new"}"#,
        r#"{"platform":"wechat","access_token":7}"#,
        r#"{"platform":"wechat","access_token":""}"#,
        r#"{"platform":"wechat","access_token":"t\u0000"}"#,
        r#"{"platform":"wechat","access_token":"t","expires_in":0}"#,
        r#"{"platform":"wechat","access_token":"t","expires_in":7200}"#,
    ] {
        let entry = if body.contains("\"wecom\"") || body.contains("\"new\"") {
            "hub-platform"
        } else {
            "hub-answer"
        };
        seen.add(entry, says(ok(body)).await);
    }
    for secret in ["", "two words"] {
        let hub = HubToken::tcp("http://127.0.0.1:1", APP, secret).expect("a URL");
        seen.add("hub-secret", failure(hub).await);
    }
    let long = format!("http://127.0.0.1:1/{}", "x".repeat(65_480));
    seen.add("hub-secret", failure(HubToken::tcp(&long, APP, "client-secret").expect("a URL")).await);
    seen.quote(
        "hub-away",
        "no access_token for app wx0123456789abcdef: ",
        "the hub at http://hub.intranet:9190 did not answer within 6 s: see whether it runs",
        "six seconds",
    );
    seen
}

async fn sockets(seen: &mut Catalogue) {
    let folder = Folder::new();
    let path = folder.path().join("hub.sock");
    let hub = || HubToken::unix(&path, APP, "");
    seen.add("hub-away", failure(hub()).await);
    let own = StableToken::new(APP, "secret").base_url("http://127.0.0.1:1").expect("a URL");
    seen.add("hub-away", failure(hub().fallback(own, Duration::ZERO)).await);
    drop(UnixListener::bind(&path).expect("a socket"));
    seen.add("hub-away", failure(hub()).await);
    seen.quote(
        "hub-away",
        "no access_token for app wx0123456789abcdef: the hub at unix:/run/wechat-hub/hub.sock did not answer: client error \
         (Connect): ",
        "this user may not open the socket: run as the user of the hub, or let this one into the socket and the folders above it",
        "another user",
    );
}
