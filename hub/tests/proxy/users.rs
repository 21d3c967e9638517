//! Calls with a user's token, who shows nothing of the client's.

use axum::{Router, body::Body};
use fake_wechat::FakeWeChat;
use tower::ServiceExt;
use wechat_hub::{Hub, Peer};

use super::support::{APP, PROXY_SECRET, classic, for_sdks, get, post, serve};

#[tokio::test]
async fn they_go_through_as_they_are() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let answer = get(&server, "/sns/userinfo?access_token=of-the-user&openid=o1").await;
    // WeChat's own word on it.
    assert_eq!(answer.header("x-wechat-hub"), Some("forwarded"));
    assert_ne!(answer.json()["errcode"], 0);
    assert_eq!(wechat.seen()[0].query, "access_token=***&openid=o1");
    assert_eq!(
        (wechat.api_requests(), wechat.mints()),
        (1, 0),
        "a rejection of a user's token is none of the app's"
    );
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let request =
            format!("GET /sns/userinfo?access_token=x HTTP/1.1\r\nhost: hub\r\n{name}: 10.1.2.3\r\n\r\n");
        super::support::raw(&server, request).await.unwrap().is_refused(40164);
    }
    post(&server, "/sns/userinfo?access_token=x", "").await.is_refused(43002);
    let pass = classic(&server, PROXY_SECRET).await.token();
    get(&server, &format!("/sns/auth?access_token={pass}&openid=o1")).await.is_refused(40097);
    get(&server, "/sns/auth?access_token=a&access_token=b").await.is_refused(40097);
    assert_eq!(wechat.api_requests(), 1);
}

/// The status of a call that came through another server, whose addresses the hub does not know.
async fn from_elsewhere(hub: Router) -> String {
    let request = http::Request::get("/sns/userinfo?access_token=x&openid=o").body(Body::empty()).unwrap();
    let answer = hub.oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn beyond_loopback_they_are_taken_only_if_that_is_said() {
    let wechat = FakeWeChat::start().await;
    let closed = for_sdks(&wechat).build().unwrap();
    assert!(from_elsewhere(closed.service()).await.contains("40164"));
    let open = for_sdks(&wechat).open_user_paths(true).build().unwrap();
    assert!(!from_elsewhere(open.service()).await.contains("wechat-hub"));
    assert_eq!(wechat.api_requests(), 1);
}

#[tokio::test]
async fn one_address_does_not_make_too_many() {
    let wechat = FakeWeChat::start().await;
    let hub = for_sdks(&wechat).build().unwrap();
    let service = hub.service();
    // It counts before it is looked at any further, so that nothing needs to be sent.
    let call = async |address: [u8; 4]| {
        let mut request =
            http::Request::post("/sns/auth?access_token=x&openid=o").body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer::Tcp((address, 1).into()));
        let answer = service.clone().oneshot(request).await.unwrap();
        let retry_after = answer.headers().contains_key("retry-after");
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (String::from_utf8(body.to_vec()).unwrap(), retry_after)
    };
    let mut refused = None;
    for _ in 0..2000 {
        let (body, retry_after) = call([127, 0, 0, 1]).await;
        if body.contains("45009") {
            refused = Some(retry_after);
            break;
        }
    }
    assert_eq!(refused, Some(true));
    assert!(call([127, 0, 0, 2]).await.0.contains("43002"), "another address has its own");
}

#[tokio::test]
async fn they_need_an_app_of_wechats() {
    let server = serve(Hub::builder());
    get(&server, &format!("/sns/auth?access_token=x&appid={APP}")).await.is_refused(40013);
}
