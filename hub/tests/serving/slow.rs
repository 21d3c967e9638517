//! Requests that arrive too slowly, and those that are too large.

use std::time::Duration;

use fake_wechat::FakeWeChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use wechat_hub::Server;

use super::support::{APP, SECRET, answer, eventually, hub, limits, raw, request, tcp, token};

const TIMEOUT: Duration = Duration::from_millis(300);

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(tcp(server)).await.unwrap()
}

/// That the server closes the connection, and says nothing.
async fn is_closed_silently(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&rest), "");
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_never_ends_its_request_is_closed() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).limits(limits(|limits| limits.header_timeout = TIMEOUT)).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");

    is_closed_silently(&mut connect(&server).await).await;

    // One byte at a time, for ever.
    let mut slow = connect(&server).await;
    let (mut read, mut write) = slow.split();
    let dripping = async {
        write.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        while write.write_all(b"x: y\r\n").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let mut rest = Vec::new();
    tokio::select! {
        () = dripping => {}
        _ = timeout(Duration::from_secs(10), read.read_to_end(&mut rest)) => {}
    }
    assert_eq!(rest, b"");

    // One that was served may be idle for longer than that, but its next request has no longer than the first.
    let mut kept = connect(&server).await;
    kept.write_all(ask.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut kept).await.unwrap().status, 200);
    sleep(2 * TIMEOUT).await;
    kept.write_all(ask.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut kept).await.unwrap().status, 200);
    kept.write_all(&ask.as_bytes()[..30]).await.unwrap();
    is_closed_silently(&mut kept).await;
    eventually(|| hub.load().connections == 0).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_and_a_long_poll_may_take_its_time() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).limits(limits(|limits| limits.header_timeout = TIMEOUT)).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let mut stream = connect(&server).await;
    let head = format!(
        "POST /v1/apps/{APP}/refresh HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {SECRET}\r\ncontent-length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    answer(&mut stream).await.unwrap().is_problem(408);
    let present = token(&server, "").await.generation();
    assert_eq!(token(&server, &format!("?newer_than={present}&wait=1")).await.status, 204);
}

#[tokio::test]
async fn heads_and_bodies_have_their_limits() {
    let wechat = FakeWeChat::start().await;
    let limits = limits(|limits| {
        limits.header_bytes = 10_000;
        limits.body_bytes = 100;
    });
    let server = hub(&wechat).limits(limits).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let path = format!("/v1/apps/{APP}/token");
    let padded = |bytes: usize| {
        let padding = "x".repeat(bytes);
        format!("GET {path} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {SECRET}\r\nx: {padding}\r\n\r\n")
    };
    assert_eq!(raw(&server, padded(8_000)).await.unwrap().status, 200);
    assert_eq!(raw(&server, padded(20_000)).await.unwrap().status, 431);
    let long = format!("/v1/apps/{}/token", "x".repeat(20_000));
    let refused = raw(&server, request("GET", &long, SECRET, "")).await.unwrap();
    assert!(matches!(refused.status, 414 | 431), "{refused:?}");
    let many = "x: y\r\n".repeat(200);
    let request_of_many =
        format!("GET {path} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {SECRET}\r\n{many}\r\n");
    assert_eq!(raw(&server, request_of_many).await.unwrap().status, 431);
    let refresh = format!("/v1/apps/{APP}/refresh");
    let body = format!("{{\"rejected\": \"{}\"}}", "x".repeat(100));
    raw(&server, request("POST", &refresh, SECRET, &body)).await.unwrap().is_problem(413);
    // In pieces of unknown number, too.
    let chunks: String = (0..20).map(|_| "a\r\n0123456789\r\n").collect();
    let chunked = format!(
        "POST {refresh} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {SECRET}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    raw(&server, chunked).await.unwrap().is_problem(413);
}
