//! Bodies stream both ways, byte for byte.

use fake_wechat::{FakeWeChat, media_byte};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wechat_hub::Server;

use super::support::{Answer, PROXY_SECRET, answer, classic, for_sdks, get, serve, tcp};

const MIB: usize = 1 << 20;
const BOUNDARY: &str = "----boundary";

/// A form with one file in it.
fn form(file: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"media\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n"
    );
    [head.as_bytes(), file, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
}

fn picture(length: usize) -> Vec<u8> {
    (0..length as u64).map(media_byte).collect()
}

async fn upload(server: &Server, pass: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(tcp(server)).await.unwrap();
    let head = format!(
        "POST /cgi-bin/media/upload?type=image&access_token={pass} HTTP/1.1\r\nhost: hub\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    answer(&mut stream).await.unwrap()
}

/// What tells two bodies apart.
fn sum(body: &[u8]) -> String {
    use std::fmt::Write;
    let digest = ring::digest::digest(&ring::digest::SHA256, body);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[tokio::test]
async fn an_upload_arrives_byte_for_byte_and_a_replay_is_the_same_again() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    let body = form(&picture(3 * MIB));
    upload(&server, &pass, &body).await.is_success();
    wechat.revoke();
    let healed = upload(&server, &pass, &body).await;
    assert_eq!(healed.is_success().header("x-wechat-hub"), Some("replayed; errcode=40001"));
    let seen = wechat.seen();
    assert_eq!(seen.len(), 3);
    for seen in &seen {
        assert_eq!((seen.content_length(), &seen.body_sha256), (Some(body.len() as u64), &sum(&body)));
    }
    assert_eq!(wechat.mints(), 2);
}

#[tokio::test]
async fn an_upload_that_is_too_long_to_be_kept_goes_through_and_is_not_sent_again() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    let body = form(&picture(24 * MIB));
    upload(&server, &pass, &body).await.is_success();
    assert_eq!(wechat.seen()[0].body_sha256, sum(&body));
    wechat.revoke();
    let rejected = upload(&server, &pass, &body).await;
    assert_eq!(rejected.json()["errcode"], 40001);
    assert_eq!(rejected.header("x-wechat-hub"), Some("not-replayed; errcode=40001; reason=body_too_large"));
    // The token was replaced all the same, for the next.
    upload(&server, &pass, &body).await.is_success();
}

#[tokio::test]
async fn a_download_arrives_byte_for_byte() {
    let length = 24 * MIB;
    let wechat = FakeWeChat::builder().media_size(length as u64).start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    wechat.revoke();
    let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
    let head = format!(
        "GET /cgi-bin/media/get?media_id=MEDIA_ID&access_token={pass} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    assert!(head.contains("x-wechat-hub: replayed; errcode=40001"), "{head}");
    assert!(head.contains(&format!("content-length: {length}")), "{head}");
    assert_eq!(sum(&all[end + 4..]), sum(&picture(length)));
}

#[tokio::test]
async fn a_part_of_a_download_is_a_part() {
    let wechat = FakeWeChat::builder().media_size(1000).start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    let request = format!(
        "GET /cgi-bin/media/get?media_id=MEDIA_ID&access_token={pass} HTTP/1.1\r\nhost: hub\r\nrange: bytes=10-19\r\n\r\n"
    );
    let part = super::support::raw(&server, request).await.unwrap();
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 10-19/1000")), "{part:?}");
}

#[tokio::test]
async fn the_token_in_use_is_the_apps_own() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    get(&server, &format!("/cgi-bin/user/get?access_token={pass}")).await.is_success();
    assert_eq!(wechat.seen()[0].account.as_deref(), Some(super::support::APP));
}
