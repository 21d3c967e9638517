//! Somebody goes away in the middle of a call: nothing hangs, and nothing is left.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower_wechat::{Platform, TokenCache};
use wechat_hub::{Hub, Server};

use super::{
    support::{APP, answer, eventually, get, proxy, tcp},
    upstream::{Fixed, pass},
};

const SOON: Duration = Duration::from_secs(20);
/// More than all buffers on the way take.
const LARGE: usize = 64 << 20;

/// A platform whose connections the test holds in its hand, and a hub in front of it.
struct Scene {
    platform: TcpListener,
    hub: Hub,
    server: Server,
    pass: String,
}

impl Scene {
    async fn new() -> Self {
        let platform = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", platform.local_addr().unwrap());
        let cache = TokenCache::new(Fixed(Platform::wechat().with_origin(&url).unwrap()));
        let hub = Hub::builder().app_on_demand(APP, cache).client(proxy()).build().unwrap();
        let server = hub.serve_tcp("127.0.0.1:0").unwrap();
        let pass = pass(&server).await;
        Self { platform, hub, server, pass }
    }

    /// A call whose body has this length, and of which this much was sent; the platform has its head.
    async fn call(&self, length: usize, sent: usize) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(tcp(&self.server)).await.unwrap();
        let head = format!(
            "POST /cgi-bin/x?access_token={} HTTP/1.1\r\nhost: hub\r\ncontent-length: {length}\r\n\r\n",
            self.pass
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; sent]).await.unwrap();
        let (mut platform, _) = timeout(SOON, self.platform.accept()).await.unwrap().unwrap();
        read_past_head(&mut platform).await;
        (client, platform)
    }

    /// Comes back once no connection to the hub is left.
    async fn nothing_is_left(&self) {
        eventually(|| self.hub.load().connections == 0).await;
    }
}

async fn read_past_head(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        assert_ne!(timeout(SOON, stream.read_buf(&mut bytes)).await.unwrap().unwrap(), 0);
    }
}

/// Comes back once the other end is gone.
async fn is_over(stream: &mut TcpStream) {
    let mut bytes = vec![0; 1 << 16];
    timeout(SOON, async { while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {} }).await.unwrap();
}

async fn send_head(platform: &mut TcpStream, length: usize) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: {length}\r\n\r\n");
    platform.write_all(head.as_bytes()).await.unwrap();
}

/// Writes until the other end is gone.
async fn write_until_over(stream: &mut TcpStream) {
    let bytes = vec![b'y'; 1 << 16];
    let writing = async { while stream.write_all(&bytes).await.is_ok() {} };
    timeout(SOON, writing).await.unwrap();
}

#[tokio::test]
async fn the_client_in_the_middle_of_an_upload() {
    let scene = Scene::new().await;
    let (client, mut platform) = scene.call(LARGE, 1000).await;
    drop(client);
    is_over(&mut platform).await;
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn the_client_while_it_waits_for_an_answer() {
    let scene = Scene::new().await;
    let (client, mut platform) = scene.call(3, 3).await;
    drop(client);
    is_over(&mut platform).await;
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn the_client_in_the_middle_of_a_download() {
    let scene = Scene::new().await;
    let (mut client, mut platform) = scene.call(0, 0).await;
    send_head(&mut platform, LARGE).await;
    platform.write_all(&[b'y'; 5000]).await.unwrap();
    client.read_exact(&mut [0; 2000]).await.unwrap();
    drop(client);
    write_until_over(&mut platform).await;
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn the_platform_before_it_answers() {
    let scene = Scene::new().await;
    let (mut client, platform) = scene.call(3, 3).await;
    drop(platform);
    let answer = timeout(SOON, answer(&mut client)).await.unwrap().unwrap();
    assert_eq!(answer.is_refused(61450).status, 502);
    assert!(answer.json()["errmsg"].as_str().unwrap().contains("is not known"), "{answer:?}");
}

#[tokio::test]
async fn the_platform_in_the_middle_of_an_upload() {
    let scene = Scene::new().await;
    let (mut client, platform) = scene.call(LARGE, 1000).await;
    drop(platform);
    let answer = timeout(SOON, answer(&mut client)).await.unwrap().unwrap();
    assert_eq!(answer.is_refused(61450).status, 502);
    // The rest of the body is not waited for.
    is_over(&mut client).await;
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn the_platform_in_the_middle_of_a_download() {
    let scene = Scene::new().await;
    let (mut client, mut platform) = scene.call(0, 0).await;
    send_head(&mut platform, 100_000).await;
    platform.write_all(b"half of it").await.unwrap();
    drop(platform);
    let mut all = Vec::new();
    let _ = timeout(SOON, client.read_to_end(&mut all)).await.unwrap();
    assert!(all.ends_with(b"half of it"), "it ends, and does not look whole");
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn the_platform_in_the_middle_of_a_short_answer() {
    let scene = Scene::new().await;
    for head in
        ["content-length: 50\r\n\r\n{\"errcode\":", "transfer-encoding: chunked\r\n\r\na\r\n{\"errcode\""]
    {
        let (mut client, mut platform) = scene.call(3, 3).await;
        platform.write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes()).await.unwrap();
        drop(platform);
        let answer = timeout(SOON, answer(&mut client)).await.unwrap().unwrap();
        assert_eq!(answer.is_refused(61450).status, 502);
    }
}

#[tokio::test]
async fn the_platform_before_there_is_a_connection() {
    let Scene { platform, server, pass, .. } = Scene::new().await;
    drop(platform);
    let answer = get(&server, &format!("/cgi-bin/x?access_token={pass}")).await;
    assert_eq!(answer.is_refused(61450).status, 502);
    assert!(answer.json()["errmsg"].as_str().unwrap().contains("not carried out"), "{answer:?}");
}

#[tokio::test]
async fn a_platform_that_says_nothing_is_waited_for_for_a_minute() {
    let scene = Scene::new().await;
    let (mut client, _platform) = scene.call(3, 3).await;
    tokio::time::pause();
    let answer = answer(&mut client).await.unwrap();
    assert_eq!(answer.is_refused(61450).status, 504);
}

#[tokio::test]
async fn a_platform_that_stops_in_the_middle_of_a_download_is_waited_for_for_a_minute() {
    let scene = Scene::new().await;
    let (mut client, mut platform) = scene.call(0, 0).await;
    send_head(&mut platform, 100_000).await;
    platform.write_all(b"half of it").await.unwrap();
    let mut all = Vec::new();
    while !all.ends_with(b"half of it") {
        client.read_buf(&mut all).await.unwrap();
    }
    tokio::time::pause();
    let _ = client.read_to_end(&mut all).await;
    assert!(all.ends_with(b"half of it"));
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_an_upload_is_waited_for_for_a_minute() {
    let scene = Scene::new().await;
    let (mut client, mut platform) = scene.call(LARGE, 1000).await;
    tokio::time::pause();
    let answer = answer(&mut client).await.unwrap();
    assert_eq!(answer.is_refused(61450).status, 408);
    tokio::time::resume();
    is_over(&mut platform).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_waited_for_for_a_minute() {
    let scene = Scene::new().await;
    let (_client, mut platform) = scene.call(0, 0).await;
    send_head(&mut platform, LARGE).await;
    let bytes = vec![b'y'; 1 << 16];
    // Until all buffers are full.
    while timeout(Duration::from_secs(1), platform.write_all(&bytes)).await.is_ok() {}
    tokio::time::pause();
    while platform.write_all(&bytes).await.is_ok() {}
    tokio::time::resume();
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn a_server_that_ends_lets_transfers_end() {
    let scene = Scene::new().await;
    let (mut client, mut platform) = scene.call(0, 0).await;
    send_head(&mut platform, 20).await;
    platform.write_all(b"the first ").await.unwrap();
    let Scene { server, .. } = scene;
    let address = tcp(&server);
    let ending = tokio::spawn(server.shutdown());
    eventually(|| std::net::TcpStream::connect(address).is_err()).await;
    platform.write_all(b"and rest..").await.unwrap();
    let mut all = Vec::new();
    timeout(SOON, client.read_to_end(&mut all)).await.unwrap().unwrap();
    assert!(all.ends_with(b"the first and rest.."), "{}", String::from_utf8_lossy(&all));
    timeout(SOON, ending).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_ends_does_not_wait_for_ever() {
    let scene = Scene::new().await;
    let (mut client, mut platform) = scene.call(0, 0).await;
    send_head(&mut platform, 20).await;
    tokio::time::pause();
    scene.server.shutdown().await;
    tokio::time::resume();
    is_over(&mut client).await;
    is_over(&mut platform).await;
}

#[tokio::test]
async fn connections_to_the_platform_are_kept() {
    let scene = Scene::new().await;
    let calls = async {
        for _ in 0..5 {
            get(&scene.server, &format!("/cgi-bin/x?access_token={}", scene.pass)).await.is_success();
        }
    };
    let platform = async {
        let (mut platform, _) = scene.platform.accept().await.unwrap();
        for _ in 0..5 {
            read_past_head(&mut platform).await;
            platform.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        }
    };
    timeout(SOON, futures_util::future::join(calls, platform)).await.unwrap();
}
