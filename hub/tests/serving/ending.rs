//! The end of a server: nothing is lost, and nobody is waited for who only waits.

use std::time::Duration;

use fake_wechat::FakeWeChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::support::{APP, SECRET, answer, cache, eventually, hub, request, tcp, token};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn requests_under_way_are_answered_long_polls_end_and_idle_connections_go() {
    let wechat = FakeWeChat::start().await;
    let second = cache(&wechat);
    let hub = hub(&wechat).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.generation();
    let connect = || TcpStream::connect(tcp(&server));

    let mut idle = connect().await.unwrap();
    let mut polling = connect().await.unwrap();
    let poll = format!("/v1/apps/{APP}/token?newer_than={present}&wait=60");
    polling.write_all(request("GET", &poll, SECRET, "").as_bytes()).await.unwrap();
    let mut minting = connect().await.unwrap();
    let hold = wechat.hold_tokens();
    let body = format!("{{\"rejected\": {present}}}");
    let refresh = request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, &body);
    minting.write_all(refresh.as_bytes()).await.unwrap();
    wechat.wait_for_token_requests(2).await;
    eventually(|| hub.load().long_polls == 1).await;

    let address = tcp(&server);
    let ending = tokio::spawn(server.shutdown());
    let polled = timeout(SOON, answer(&mut polling)).await.unwrap().unwrap();
    assert_eq!(polled.status, 204);
    assert_eq!(timeout(SOON, polling.read(&mut [0])).await.unwrap().unwrap(), 0, "closed");
    assert_eq!(timeout(SOON, idle.read(&mut [0])).await.unwrap().unwrap(), 0, "closed");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    assert!(!ending.is_finished());
    drop(hold);
    let minted = timeout(SOON, answer(&mut minting)).await.unwrap().unwrap();
    assert!(minted.generation() > present);
    timeout(SOON, ending).await.unwrap().unwrap();
    assert_eq!(hub.load().connections, 0);
    drop(second);
}

#[tokio::test]
async fn a_server_that_is_dropped_ends_and_the_hub_can_be_served_again() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let first = token(&server, "").await.token();
    let address = tcp(&server);
    drop(server);
    timeout(SOON, async { while TcpStream::connect(address).await.is_ok() {} }).await.unwrap();
    let again = hub.serve_tcp(address).unwrap();
    assert_eq!(token(&again, "").await.token(), first);
    assert_eq!(wechat.mints(), 1);
}
