//! Where the token goes.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::LOCATION};
use http_body_util::Full;
use tower::{Layer, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_wechat::{
    ReplayBody, SkipAuth, TokenCache, WeChatAuthLayer,
    testing::{Answer, FakeWeChat, Seen},
};

use crate::support::{call, client, issuers::instant, post, read, stable};

/// The one request that a server saw.
fn only(server: &FakeWeChat) -> Seen {
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen[0].clone()
}

#[tokio::test]
async fn a_server_out_of_scope_sees_no_token() {
    let (wechat, other) = (FakeWeChat::start().await, FakeWeChat::start().await);
    let cache = TokenCache::new(stable(&wechat));
    let client = client(&cache);
    client.clone().oneshot(call(&wechat)).await.unwrap();
    let answer = read(client.oneshot(call(&other)).await.unwrap()).await;
    assert_eq!(answer.errcode(), Some(41001));
    assert!(answer.outcome.is_none(), "and nobody looked for a rejection");
    assert_eq!((only(&other).token, only(&other).query), (None, "lang=zh_CN".into()));
    // The control: the one in scope did see it.
    assert_eq!(only(&wechat).token, Some(cache.current().unwrap().fingerprint()));
}

#[tokio::test]
async fn a_redirect_to_another_origin_takes_no_token_along() {
    let (wechat, other) = (FakeWeChat::start().await, FakeWeChat::start().await);
    let target = format!("{}/cgi-bin/stolen?a=1", other.url());
    let away = Answer::default().status(StatusCode::FOUND).header(LOCATION, target.parse().unwrap());
    wechat.set_answer("/cgi-bin/away", away);
    let cache = TokenCache::new(stable(&wechat));
    let following = FollowRedirectLayer::new().layer(client(&cache));
    let request = post(&wechat, "/cgi-bin/away", Full::from("{}"));
    let answer = read(following.oneshot(request).await.unwrap()).await;
    assert_eq!(answer.errcode(), Some(41001));
    let seen = only(&other);
    assert_eq!((seen.path.as_str(), seen.token), ("/cgi-bin/stolen", None));
    assert_eq!(seen.query, "a=1");
    let token = cache.current().unwrap();
    assert!(!format!("{:?}", seen.headers).contains(token.as_str()), "no referer either");
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_authorised_once_more() {
    let wechat = FakeWeChat::start().await;
    let on =
        Answer::default().status(StatusCode::FOUND).header(LOCATION, "/cgi-bin/there?a=1".parse().unwrap());
    wechat.set_answer("/cgi-bin/here", on);
    let cache = TokenCache::new(stable(&wechat));
    let following = FollowRedirectLayer::new().layer(client(&cache));
    let request = post(&wechat, "/cgi-bin/here", Full::from("{}"));
    let answer = read(following.oneshot(request).await.unwrap()).await;
    assert_eq!(answer.errcode(), Some(0));
    let queries: Vec<_> = wechat.seen().into_iter().map(|seen| seen.query).collect();
    assert_eq!(queries, ["access_token=***", "a=1&access_token=***"]);
}

/// The URI that arrives below the layer, with a token in the cache.
async fn below(request: Request<Full<Bytes>>) -> String {
    let (issuer, _) = instant();
    let cache = TokenCache::new(issuer);
    cache.token().await.unwrap();
    let uri = Arc::new(Mutex::new(String::new()));
    let seen = uri.clone();
    let inner = tower::service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
        *seen.lock().unwrap() = request.uri().to_string();
        async { Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from(r#"{"errcode":40001}"#))) }
    });
    let auth = WeChatAuthLayer::new(&cache).layer(inner);
    read(auth.oneshot(request).await.unwrap()).await;
    std::mem::take(&mut *uri.lock().unwrap())
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

#[tokio::test]
async fn hosts_that_look_alike_get_none() {
    for uri in [
        "http://api.weixin.qq.com/cgi-bin/x",
        "https://api.weixin.qq.com.evil.example/cgi-bin/x",
        "https://evil.example/api.weixin.qq.com",
        "https://api.weixin.qq.com@evil.example/cgi-bin/x",
        "https://xapi.weixin.qq.com/cgi-bin/x",
        "https://api.weixin.qq.com:8443/cgi-bin/x",
        "https://qyapi.weixin.qq.com/cgi-bin/x",
        "https://api.weixin.qq.com/cgi-bin/stable_token",
        "https://api.weixin.qq.com/sns/userinfo",
        "/cgi-bin/x",
    ] {
        assert_eq!(below(get(uri)).await, uri);
    }
    assert_eq!(
        below(get("https://api.weixin.qq.com/cgi-bin/x")).await,
        "https://api.weixin.qq.com/cgi-bin/x?access_token=TOKEN-2",
        "the control, replayed once"
    );
}

#[tokio::test]
async fn a_token_of_the_callers_own_stays() {
    for uri in [
        "https://api.weixin.qq.com/cgi-bin/x?access_token=MINE",
        "https://api.weixin.qq.com/cgi-bin/x?a=1&access_token=MINE&b=2",
        "https://api.weixin.qq.com/cgi-bin/x?access%5Ftoken=MINE",
        "https://api.weixin.qq.com/cgi-bin/x?access_token=",
        "https://api.weixin.qq.com/cgi-bin/x?appid=x&secret=MINE",
    ] {
        assert_eq!(below(get(uri)).await, uri);
    }
    let mut skipped = get("https://api.weixin.qq.com/cgi-bin/x");
    skipped.extensions_mut().insert(SkipAuth);
    assert_eq!(below(skipped).await, "https://api.weixin.qq.com/cgi-bin/x");
}
