//! Every kind of body, on both sends.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::Full;
use reqwest::{
    Body,
    multipart::{Form, Part},
};
use tower_wechat::{
    NotReplayed, Platform,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

use super::*;

const UPLOAD: &str = "/cgi-bin/media/upload?type=image";

/// A stream of a known length, in several pieces.
fn part(pieces: usize) -> Part {
    let chunks = stream::iter((0..pieces).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![7; 1000]))));
    Part::stream_with_length(Body::wrap_stream(chunks), 1000 * pieces as u64)
        .file_name("a.jpg")
        .mime_str("image/jpeg")
        .unwrap()
}

fn upload(wechat: &FakeWeChat, pieces: usize) -> Request {
    http()
        .post(format!("{}{UPLOAD}", wechat.url()))
        .multipart(Form::new().part("media", part(pieces)))
        .build()
        .unwrap()
}

/// A cache whose token WeChat no longer takes.
async fn with_a_dead_token(wechat: &FakeWeChat) -> TokenCache {
    let cache = TokenCache::new(stable(wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    cache
}

#[tokio::test]
async fn a_streamed_form_is_sent_again() {
    let wechat = FakeWeChat::start().await;
    let cache = with_a_dead_token(&wechat).await;
    let response = wechat_client(&cache).execute(upload(&wechat, 50)).await.unwrap();
    assert!(outcome(&response).replayed());
    assert!(response.text().await.unwrap().contains("media_id"));
    let seen = wechat.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].body_complete && seen[0].body_len > 50_000);
    assert_eq!(seen[0].body_sha256, seen[1].body_sha256);
    assert_eq!(seen[0].content_length(), Some(seen[0].body_len));
    assert_eq!(seen[1].content_length(), Some(seen[0].body_len));
    assert_eq!(seen[0].headers["content-type"], seen[1].headers["content-type"]);
}

#[tokio::test]
async fn a_form_of_three_mebibytes_in_memory_is_sent_again_by_default() {
    let wechat = FakeWeChat::start().await;
    let cache = with_a_dead_token(&wechat).await;
    let picture: Vec<u8> = (0..3 << 20).map(tower_wechat::testing::media_byte).collect();
    let media = Part::bytes(picture).file_name("a.jpg").mime_str("image/jpeg").unwrap();
    let form = Form::new().text("description", "a picture").part("media", media);
    let request = http().post(format!("{}{UPLOAD}", wechat.url())).multipart(form).build().unwrap();
    let response = wechat_client(&cache).execute(request).await.unwrap();
    assert!(outcome(&response).replayed(), "{:?}", outcome(&response));
    assert!(response.text().await.unwrap().contains("media_id"));
    let seen = wechat.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].body_complete && seen[1].body_len > 3 << 20);
    assert_eq!(seen[0].body_sha256, seen[1].body_sha256);
    assert_eq!(seen[1].content_length(), Some(seen[1].body_len));
}

#[tokio::test]
async fn a_stream_too_long_to_record_is_sent_once() {
    let wechat = FakeWeChat::start().await;
    let cache = with_a_dead_token(&wechat).await;
    let client = WeChatAuthLayer::new(&cache).replay_limit(10_000).layer(http());
    let response = client.execute(upload(&wechat, 50)).await.unwrap();
    assert_eq!(outcome(&response).not_replayed(), Some(NotReplayed::BodyTooLarge));
    assert_eq!(errcode(response).await, 40001, "WeChat's own answer");
    assert_eq!(wechat.seen().len(), 1);
}

#[tokio::test]
async fn a_wrapped_body_keeps_its_length() {
    let wechat = FakeWeChat::start().await;
    let cache = with_a_dead_token(&wechat).await;
    let mut request = message(&wechat);
    *request.body_mut() = Some(Body::wrap(Full::<Bytes>::from("twelve bytes")));
    let response = wechat_client(&cache).execute(request).await.unwrap();
    assert_eq!(errcode(response).await, 0);
    for seen in wechat.seen() {
        assert_eq!((seen.content_length(), &*seen.body), (Some(12), &b"twelve bytes"[..]));
    }
}

#[tokio::test]
async fn a_request_without_a_body_has_none() {
    let wechat = FakeWeChat::start().await;
    let cache = with_a_dead_token(&wechat).await;
    let request = http().get(format!("{}/cgi-bin/x", wechat.url())).build().unwrap();
    let response = wechat_client(&cache).execute(request).await.unwrap();
    assert_eq!(errcode(response).await, 0);
    for seen in wechat.seen() {
        assert_eq!((seen.content_length(), seen.body_len), (None, 0));
        assert!(!seen.headers.contains_key("transfer-encoding"));
    }
}

/// What the client below got to see of a request.
#[derive(Debug, PartialEq)]
struct Got {
    bytes: Option<Vec<u8>>,
    timeout: Option<Duration>,
    version: http::Version,
    note: Option<u8>,
}

/// A client that rejects the first token, three seconds after it was asked.
fn slow_client(
    got: &Arc<Mutex<Vec<Got>>>,
) -> impl Service<
    Request,
    Response = Response,
    Error = reqwest::Error,
    Future = Pin<Box<dyn Future<Output = Result<Response, reqwest::Error>> + Send>>,
> + Clone
+ Send
+ 'static {
    let got = got.clone();
    tower::service_fn(move |request: Request| {
        let mut entry = Got {
            bytes: request.body().and_then(Body::as_bytes).map(<[u8]>::to_vec),
            timeout: request.timeout().copied(),
            version: request.version(),
            note: None,
        };
        let again = request.try_clone().unwrap();
        entry.note = http::Request::<Body>::try_from(again).unwrap().extensions().get().copied();
        let answer = if got.lock().unwrap().is_empty() { r#"{"errcode":40001}"# } else { r#"{"errcode":0}"# };
        got.lock().unwrap().push(entry);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(http::Response::new(answer).into())
        }) as Pin<Box<dyn Future<Output = _> + Send>>
    })
}

struct Instantly(Platform);

impl Issuer for Instantly {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        let text = if how.rejected().is_some() { "second" } else { "first" };
        Box::pin(async move { Ok(Minted::new(text, Duration::from_secs(7200))) })
    }

    fn platform(&self) -> &Platform {
        &self.0
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("instantly", "https://api.weixin.qq.com", "wx0123456789abcdef", None)
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_request_is_lost_and_its_timeout_is_for_both_sends() {
    let cache = TokenCache::new(Instantly(Platform::wechat()));
    cache.token().await.unwrap();
    let got = Arc::default();
    let client = WeChatAuthLayer::new(cache).layer(slow_client(&got));

    let request = http()
        .post("https://api.weixin.qq.com/cgi-bin/x")
        .body("whole")
        .timeout(Duration::from_secs(10))
        .version(http::Version::HTTP_2)
        .build()
        .unwrap();
    let mut request = http::Request::<Body>::try_from(request).unwrap();
    request.extensions_mut().insert(42_u8);
    let response = client.oneshot(Request::try_from(request).unwrap()).await.unwrap();
    assert!(outcome(&response).replayed());
    assert_eq!(response.url().as_str(), "https://api.weixin.qq.com/cgi-bin/x");

    let expected = |left| Got {
        bytes: Some(b"whole".to_vec()),
        timeout: Some(Duration::from_secs(left)),
        version: http::Version::HTTP_2,
        note: Some(42),
    };
    assert_eq!(*got.lock().unwrap(), [expected(10), expected(7)]);
}
