//! An upload that is still under way when its answer is accepted.

use std::{convert::Infallible, time::Duration};

use crate::support::issuers::instant;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Channel};
use tower::{Layer, ServiceExt};
use tower_wechat::{ReplayBody, TokenCache, WeChatAuthLayer};

/// The answer's pieces; the upload's second half comes after them.
async fn upload_goes_on(pieces: &'static [&'static str]) -> Result<usize, String> {
    let (uploaded, upload) = tokio::sync::oneshot::channel();
    let uploaded = std::sync::Arc::new(std::sync::Mutex::new(Some(uploaded)));
    let inner = tower::service_fn(move |request: Request<ReplayBody<Channel<Bytes, Infallible>>>| {
        let uploaded = uploaded.lock().unwrap().take().unwrap();
        async move {
            let mut body = request.into_body();
            // The upload is read in a task of its own, as hyper does.
            tokio::spawn(async move {
                let mut length = 0;
                let read = loop {
                    match body.frame().await {
                        Some(Ok(frame)) => length += frame.into_data().map_or(0, |data| data.len()),
                        Some(Err(error)) => break Err(error.to_string()),
                        None => break Ok(length),
                    }
                };
                let _ = uploaded.send(read);
            });
            let (mut sender, body) = Channel::<Bytes>::new(4);
            tokio::spawn(async move {
                for piece in pieces {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    sender.send(Frame::data((*piece).into())).await.unwrap();
                }
            });
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    let (mut sender, body) = Channel::new(4);
    sender.send(Frame::data("first".into())).await.unwrap();
    let client = WeChatAuthLayer::new(TokenCache::new(instant().0)).layer(inner);
    let request = Request::post("https://api.weixin.qq.com/x").body(body).unwrap();
    let response = client.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    let _ = sender.send(Frame::data("second".into())).await;
    drop(sender);
    upload.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_upload_goes_on_after_its_answer_was_accepted() {
    for pieces in
        [&[r#"{"errcode":0,"x":1}"#][..], &[r#"{"a":1,"#, r#""errcode":0}"#][..], &["   ", "\u{89}PNG"][..]]
    {
        assert_eq!(upload_goes_on(pieces).await, Ok(11), "{pieces:?}");
    }
}

/// Only a rejection makes an upload wait; an answer of which nothing is known yet does not.
#[tokio::test(start_paused = true)]
async fn an_upload_goes_on_while_its_answer_shows_nothing() {
    let (uploads, upload) = tokio::sync::oneshot::channel();
    let uploads = std::sync::Arc::new(std::sync::Mutex::new(Some(uploads)));
    let (mut answer, body) = Channel::<Bytes>::new(4);
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let inner = tower::service_fn(move |request: Request<ReplayBody<Channel<Bytes, Infallible>>>| {
        let _ = uploads.lock().unwrap().take().unwrap().send(request.into_body());
        std::future::ready(Ok::<_, Infallible>(Response::new(body.lock().unwrap().take().unwrap())))
    });
    let (mut sender, body) = Channel::new(4);
    for half in ["first", "second"] {
        sender.send(Frame::data(half.into())).await.unwrap();
    }
    drop(sender);
    let patience = Duration::from_secs(60);
    let layer = WeChatAuthLayer::new(TokenCache::new(instant().0)).inspect_timeout(patience);
    let request = Request::post("https://api.weixin.qq.com/x").body(body).unwrap();
    let sending = tokio::spawn(layer.layer(inner).oneshot(request));
    let upload = upload.await.unwrap();
    // By now the answer is looked at.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let uploaded = tokio::time::timeout(patience / 2, upload.collect()).await.expect("it is not held");
    assert_eq!(uploaded.unwrap().to_bytes(), "firstsecond");
    assert!(!sending.is_finished());
    answer.send(Frame::data(r#"{"errcode":0}"#.into())).await.unwrap();
    sending.await.unwrap().unwrap();
}
