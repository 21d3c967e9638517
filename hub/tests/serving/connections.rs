//! How many connections there may be, and which one goes when there is one too many.

use std::{io::ErrorKind, time::Duration};

use fake_wechat::FakeWeChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::support::{APP, SECRET, answer, eventually, hub, limits, request, tcp, token};

/// Whether the server has closed the connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let read = timeout(Duration::from_secs(5), stream.read_u8()).await;
    read.is_ok_and(|read| {
        matches!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
    })
}

#[tokio::test]
async fn the_one_that_has_been_idle_for_longest_makes_room() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).limits(limits(|limits| limits.connections = 4)).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.generation();
    eventually(|| hub.load().connections == 0).await;
    let connect = || TcpStream::connect(tcp(&server));
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");
    let wait = request("GET", &format!("/v1/apps/{APP}/token?newer_than={present}&wait=60"), SECRET, "");

    let mut polling = connect().await.unwrap();
    polling.write_all(wait.as_bytes()).await.unwrap();
    eventually(|| hub.load().long_polls == 1).await;
    let mut half = connect().await.unwrap();
    half.write_all(&ask.as_bytes()[..20]).await.unwrap();
    eventually(|| hub.load().connections == 2).await;
    let mut silent = connect().await.unwrap();
    eventually(|| hub.load().connections == 3).await;
    let mut kept = connect().await.unwrap();
    for _ in 0..3 {
        kept.write_all(ask.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut kept).await.unwrap().status, 200);
    }
    assert_eq!(hub.load().connections, 4);

    let mut fifth = connect().await.unwrap();
    assert!(is_closed(&mut half).await, "idle for longest: half a request is none");
    let mut sixth = connect().await.unwrap();
    assert!(is_closed(&mut silent).await);
    for stream in [&mut kept, &mut fifth, &mut sixth] {
        stream.write_all(ask.as_bytes()).await.unwrap();
        assert_eq!(answer(stream).await.unwrap().status, 200, "the others go on");
    }
    assert_eq!(hub.load().long_polls, 1, "one that waits is not idle");
    drop((polling, kept, fifth, sixth));
    eventually(|| hub.load().connections == 0).await;
}

#[tokio::test]
async fn where_all_are_busy_the_new_one_is_refused() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).limits(limits(|limits| limits.connections = 2)).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.generation();
    eventually(|| hub.load().connections == 0).await;
    let wait = request("GET", &format!("/v1/apps/{APP}/token?newer_than={present}&wait=60"), SECRET, "");
    let mut polls = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
        stream.write_all(wait.as_bytes()).await.unwrap();
        polls.push(stream);
    }
    eventually(|| hub.load().long_polls == 2).await;
    let mut third = TcpStream::connect(tcp(&server)).await.unwrap();
    assert!(is_closed(&mut third).await);
    polls.pop();
    eventually(|| hub.load().connections == 1).await;
    assert_eq!(token(&server, "").await.status, 200);
}
