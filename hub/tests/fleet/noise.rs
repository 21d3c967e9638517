//! Workers that die, and clients that send garbage, half a request, or never read: nobody else notices.

use std::time::Duration;

use fake_wechat::FakeWeChat;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UnixStream},
    task::JoinSet,
    time::sleep,
};

use super::{
    process::{Process, config, folder, socket},
    support::{APP, SECRET, request},
    worker::{Worker, all, went_well},
};

#[tokio::test]
async fn nobody_else_notices() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 2).await;
    let place = format!("unix:{}", socket(&folder).display());
    let mut workers: Vec<_> = (0..4).map(|_| Worker::start(&[&place], &wechat.url(), "")).collect();
    went_well(&all(&mut workers, "call 10").await, 10);
    for worker in &mut workers {
        worker.tell("load 1500").await;
    }
    let mut noise = JoinSet::new();
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");
    for number in 0..200_usize {
        let (path, address, ask) = (socket(&folder), hub.tcp().to_owned(), ask.clone());
        noise.spawn(async move {
            match number % 4 {
                0 => {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let garbage: Vec<u8> =
                        (0..4096_usize).map(|at| u8::try_from((at * 31 + number) % 256).unwrap()).collect();
                    let _ = stream.write_all(&garbage).await;
                    sleep(Duration::from_secs(1)).await;
                }
                1 => {
                    let mut stream = UnixStream::connect(path).await.unwrap();
                    stream.write_all(&ask.as_bytes()[..ask.len() / 2]).await.unwrap();
                    sleep(Duration::from_secs(1)).await;
                }
                2 => {
                    // Asks again and again, and never reads an answer.
                    let mut stream = UnixStream::connect(path).await.unwrap();
                    for _ in 0..1000 {
                        let written = tokio::time::timeout(
                            Duration::from_millis(100),
                            stream.write_all(ask.as_bytes()),
                        )
                        .await;
                        if !matches!(written, Ok(Ok(()))) {
                            break;
                        }
                    }
                    sleep(Duration::from_secs(1)).await;
                }
                _ => {
                    // Asks, and is gone before the answer.
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    stream.write_all(ask.as_bytes()).await.unwrap();
                }
            }
        });
    }
    let mut doomed = Worker::start(&[&place], &wechat.url(), "");
    doomed.tell("load 5000").await;
    sleep(Duration::from_millis(300)).await;
    wechat.revoke();
    doomed.kill().await;
    let mut said = Vec::new();
    for worker in &mut workers {
        said.push(worker.hear().await);
    }
    for one in &said {
        assert_eq!(one["failed"], 0, "{one}");
    }
    assert_eq!(wechat.mints(), 2);
    while let Some(made) = noise.join_next().await {
        made.unwrap();
    }
}
