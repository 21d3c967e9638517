//! Clients that do not come to an end, and how the program ends.

#![allow(clippy::disallowed_methods, reason = "the time is tokio's own, which is paused")]

use std::future::pending;

use axum::Router;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    time::{Duration, Instant, pause, sleep, timeout},
};

use crate::{ending, server::serve};

const HALF: &[u8] = b"POST / HTTP/1.1\r\nHost: x";

/// One that has sent this.
async fn client(listener: &TcpListener, sent: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(sent).await.unwrap();
    client
}

#[tokio::test]
async fn half_a_head_is_not_waited_for_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = client(&listener, HALF).await;
    tokio::spawn(serve(listener, Router::new(), pending()));
    pause();
    let mut answer = String::new();
    // The time passes as soon as all wait for it. A server that waits for the client does so until the test is ended.
    client.read_to_string(&mut answer).await.unwrap();
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn half_a_head_does_not_keep_the_bot_from_ending() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _half = client(&listener, HALF).await;
    let mut whole = client(&listener, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (ask, asked) = oneshot::channel();
    let serving = tokio::spawn(serve(listener, Router::new(), async { _ = asked.await }));
    // Both are accepted, and this one is answered.
    assert_eq!(whole.read_u8().await.unwrap(), b'H');
    pause();
    let begun = Instant::now();
    ask.send(()).unwrap();
    serving.await.unwrap();
    let took = begun.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(10)).contains(&took), "{took:?}");
    assert!(TcpStream::connect(address).await.is_err(), "it accepts more");
}

#[tokio::test(start_paused = true)]
async fn work_is_waited_for_as_long_as_it_may_take() {
    let (ask, asked) = watch::channel(0);
    let short = async { sleep(Duration::from_secs(26)).await };
    let (begun, _) = (Instant::now(), ask.send(1));
    ending::wait(short, asked.clone()).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 26);
    let begun = Instant::now();
    let told = timeout(Duration::from_secs(60), ending::wait(pending(), asked.clone())).await.unwrap();
    assert!(told.unwrap_err().to_string().contains("took too long"));
    assert_eq!(begun.elapsed().as_secs(), 30);
    ask.send(2).unwrap();
    assert!(ending::wait(pending(), asked).await.is_err());
    assert_eq!(begun.elapsed().as_secs(), 30);
}
