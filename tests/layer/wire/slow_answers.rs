//! Answers that do not show soon whether they are rejections.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, channel::Channel};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};
use tower_wechat::{AuthOutcome, ReplayBody, TokenCache, WeChatAuthLayer};

use crate::wire::{
    client::{client, small, warm},
    mints::Mints,
    on_each,
    server::{REJECTION, Server, WIRES, fed},
    soon,
};

const BEAT: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_millis(250);

/// What came of an answer in pieces, one each 100 ms, in paused time.
struct Came {
    /// From the call to the head.
    head_after: Duration,
    bytes: Bytes,
    outcome: Option<AuthOutcome>,
    sends: usize,
}

#[allow(clippy::disallowed_methods)] // Tokio's paused time.
async fn in_pieces(pieces: Vec<Bytes>) -> Came {
    let cache = TokenCache::new(Mints::new("https://wechat.example"));
    cache.token().await.unwrap();
    let sends = Arc::new(Mutex::new(0));
    let count = sends.clone();
    let inner = service_fn(move |_: Request<ReplayBody<Full<Bytes>>>| {
        *count.lock().unwrap() += 1;
        let pieces = if *count.lock().unwrap() == 1 { pieces.clone() } else { vec!["{}".into()] };
        async move {
            let (mut feed, body) = Channel::<Bytes>::new(1);
            tokio::spawn(async move {
                for (number, piece) in pieces.into_iter().enumerate() {
                    if number > 0 {
                        sleep(BEAT).await;
                    }
                    if feed.send_data(piece).await.is_err() {
                        return;
                    }
                }
            });
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    let client = WeChatAuthLayer::new(&cache).layer(inner);
    let request = Request::post("https://wechat.example/cgi-bin/x").body(Full::default()).unwrap();
    let start = Instant::now();
    let response = client.oneshot(request).await.unwrap();
    let head_after = start.elapsed();
    let outcome = response.extensions().get().cloned();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let sends = *sends.lock().unwrap();
    Came { head_after, bytes, outcome, sends }
}

fn pieces(start: &'static str, then: &'static str, count: usize, end: &'static str) -> Vec<Bytes> {
    let middle = std::iter::repeat_n(then, count);
    [start].into_iter().chain(middle).chain([end]).map(Bytes::from).collect()
}

/// The answer is handed on when patience has run out, and comes whole.
async fn is_handed_on(pieces: Vec<Bytes>) {
    let came = in_pieces(pieces.clone()).await;
    let slack = Duration::from_millis(5);
    assert!(PATIENCE <= came.head_after && came.head_after <= PATIENCE + slack, "{:?}", came.head_after);
    assert_eq!(came.bytes, pieces.concat());
    assert!(came.outcome.is_none());
    assert_eq!(came.sends, 1);
}

#[tokio::test(start_paused = true)]
async fn slow_white_space_is_handed_on() {
    is_handed_on(pieces(" ", "\n", 30, r#"{"errcode":0}"#)).await;
}

#[tokio::test(start_paused = true)]
async fn slow_nothing_is_handed_on() {
    is_handed_on(pieces("", "", 30, REJECTION)).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_list_is_handed_on() {
    is_handed_on(pieces(r#"{"data":["#, " ", 30, "1]}")).await;
}

#[tokio::test(start_paused = true)]
async fn a_rejection_that_comes_after_a_second_is_handed_on() {
    is_handed_on(pieces("{", " ", 9, r#""errcode":40001}"#)).await;
}

#[tokio::test(start_paused = true)]
async fn a_rejection_that_comes_after_a_tenth_of_a_second_is_replayed() {
    let came = in_pieces(pieces("{", "", 0, r#""errcode":40001}"#)).await;
    assert!(came.outcome.unwrap().replayed());
    assert_eq!((&came.bytes[..], came.sends), (&b"{}"[..], 2));
    assert!(came.head_after <= Duration::from_millis(150), "{:?}", came.head_after);
}

#[tokio::test]
#[allow(clippy::disallowed_methods)] // Sockets know no paused time.
async fn a_slow_answer_over_a_socket_is_handed_on_and_comes_whole() {
    on_each(WIRES, async |wire| {
        let server = Server::start(wire, |mut exchange| async move {
            exchange.read_all().await;
            let (mut feed, body) = fed();
            tokio::spawn(async move {
                for piece in pieces(r#"{"data":["#, "1,", 20, "1]}") {
                    feed.send_data(piece).await.unwrap();
                    sleep(BEAT).await;
                }
            });
            Ok(Response::new(body))
        })
        .await;
        let (_, cache) = warm(&server).await;
        let start = Instant::now();
        let response = soon(client(&server, &cache).oneshot(small(&server))).await.unwrap();
        let head_after = start.elapsed();
        assert!(PATIENCE <= head_after && head_after < 10 * BEAT, "{wire:?}: {head_after:?}");
        assert!(response.extensions().get::<AuthOutcome>().is_none());
        let bytes = soon(response.into_body().collect()).await.unwrap().to_bytes();
        assert_eq!(bytes, pieces(r#"{"data":["#, "1,", 20, "1]}").concat());
        assert_eq!(server.tokens(), [1]);
    })
    .await;
}
