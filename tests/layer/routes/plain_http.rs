//! Plain http beyond loopback. Nothing here leaves this machine: the services below note where they were to go.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_wechat::{
    Error, ErrorKind, Platform, TokenCache, WeChatAuthLayer,
    issuer::{ClassicToken, HttpClient, StableToken, WeCom},
};

use super::{get, soon};
use crate::routes::support::{below::Below, issuers::instant};

const INTRANET: &str = "http://wecom.intranet:8080/qy";

#[test]
fn it_is_refused_unless_it_is_asked_for_by_name() {
    for url in [INTRANET, "http://10.0.0.1", "http://api.weixin.qq.com", "HTTP://0.0.0.0", "http://[fe80::1]"]
    {
        let errors: [Option<Error>; 5] = [
            StableToken::new("wx", "secret").base_url(url).err(),
            ClassicToken::new("wx", "secret").base_url(url).err(),
            WeCom::new("ww", "secret").base_url(url).err(),
            WeChatAuthLayer::new(TokenCache::new(instant().0)).allow_origin(url).err(),
            Platform::wechat().with_origin(url).err(),
        ];
        for error in errors {
            let error = error.expect(url);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains("in the clear"), "{error}");
            assert!(error.to_string().contains("loopback"), "{error}");
        }
    }
}

/// Notes the URIs of mints, and answers with a token.
fn endpoint(asked: &Arc<Mutex<Vec<String>>>) -> impl HttpClient<Response<Full<Bytes>>> {
    let asked = asked.clone();
    service_fn(move |request: Request<Full<Bytes>>| {
        asked.lock().unwrap().push(request.uri().to_string());
        let answer = r#"{"errcode":0,"access_token":"TOKEN-1","expires_in":7200}"#;
        async move { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(answer))) }
    })
}

/// What is neither that origin nor below its prefix.
const OTHERS: [&str; 9] = [
    "http://wecom.intranet:8081/qy/cgi-bin/x",
    "http://wecom.intranet/qy/cgi-bin/x",
    "http://wecom.intranet:8080/hr/x",
    "http://wecom.intranet:8080/qy/../hr/x",
    "https://wecom.intranet:8080/qy/cgi-bin/x",
    "http://other.intranet:8080/qy/cgi-bin/x",
    "http://qyapi.weixin.qq.com/cgi-bin/x",
    "http://api.weixin.qq.com/cgi-bin/x",
    "http://wecom.intranet.evil.example:8080/qy/cgi-bin/x",
];

async fn allows_this_origin_and_no_other(layer: WeChatAuthLayer, what: &str) {
    let below = Below::new(r#"{"errcode":0}"#);
    let auth = layer.layer(below.clone());
    let inside = format!("{INTRANET}/cgi-bin/x");
    soon(auth.clone().oneshot(get(&inside))).await.unwrap();
    assert_eq!(below.take(), [format!("{inside}?access_token=TOKEN-1")], "{what}");
    for other in OTHERS {
        soon(auth.clone().oneshot(get(other))).await.unwrap();
        assert_eq!(below.take(), [other], "{what}");
    }
}

#[tokio::test]
async fn a_base_url_asked_for_by_name_is_allowed_and_no_other() {
    macro_rules! allows {
        ($issuer:ident, $mint:literal) => {
            let asked = Arc::default();
            let issuer = $issuer::new("id", "secret").http_client(endpoint(&asked));
            let issuer = issuer.dangerous_plain_http_base_url(INTRANET).unwrap();
            let layer = WeChatAuthLayer::new(TokenCache::new(issuer));
            allows_this_origin_and_no_other(layer, stringify!($issuer)).await;
            assert_eq!(*asked.lock().unwrap(), [format!("{INTRANET}{}", $mint)]);
        };
    }
    allows!(StableToken, "/cgi-bin/stable_token");
    allows!(ClassicToken, "/cgi-bin/token?grant_type=client_credential&appid=id&secret=secret");
    allows!(WeCom, "/cgi-bin/gettoken?corpid=id&corpsecret=secret");
}

#[tokio::test]
async fn an_origin_asked_for_by_name_is_allowed_and_no_other() {
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0));
    let layer = layer.dangerous_plain_http_origin(INTRANET).unwrap();
    allows_this_origin_and_no_other(layer, "origin").await;
}

#[tokio::test]
async fn by_the_dangerous_name_https_is_still_https() {
    let below = Below::new(r#"{"errcode":0}"#);
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0));
    let auth = layer.dangerous_plain_http_origin("https://gw.example").unwrap().layer(below.clone());
    for (uri, token) in [("https://gw.example/cgi-bin/x", true), ("http://gw.example/cgi-bin/x", false)] {
        soon(auth.clone().oneshot(get(uri))).await.unwrap();
        let expected = if token { format!("{uri}?access_token=TOKEN-1") } else { uri.to_owned() };
        assert_eq!(below.take(), [expected]);
    }
}
