//! What is sent the second time is what was sent the first time, byte for byte.

use crate::support;

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Empty, Full};
use support::*;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tower::ServiceExt;
use tower_wechat::{
    NotReplayed, TokenCache, WeChatAuthLayer,
    testing::{FakeWeChat, Fault, Seen},
};

const PATH: &str = "/cgi-bin/x?type=image";
const CHUNKS: usize = 40;

/// Far more than any of this takes: what does not end by then hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("no hang")
}

/// A stream of known length, whose chunks the test gives.
struct Upload {
    chunks: mpsc::Receiver<Bytes>,
    left: u64,
    announced: bool,
    _alive: Alive,
}

/// Counts bodies that were dropped.
struct Alive(watch::Sender<usize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_modify(|dropped| *dropped += 1);
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = ready!(self.chunks.poll_recv(cx));
        self.left -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        if self.announced { SizeHint::with_exact(self.left) } else { SizeHint::new() }
    }
}

/// The test's end of an upload.
struct Producer {
    chunks: mpsc::Sender<Bytes>,
    all: Vec<Bytes>,
    dropped: watch::Receiver<usize>,
}

/// 40 chunks, all different, of this size.
fn upload(size: usize) -> (Upload, Producer) {
    let all: Vec<Bytes> = (0..CHUNKS)
        .map(|chunk| {
            (0..size).map(|at| u8::try_from((chunk * 7 + at * 13 + at / 256) % 251).unwrap()).collect()
        })
        .collect();
    let (sender, chunks) = mpsc::channel(1);
    let (alive, dropped) = watch::channel(0);
    let body = Upload { chunks, left: (CHUNKS * size) as u64, announced: true, _alive: Alive(alive) };
    let producer = Producer { chunks: sender, all, dropped };
    (body, producer)
}

impl Producer {
    /// Comes back when these chunks are on their way.
    async fn produce(&self, range: std::ops::Range<usize>) {
        for chunk in &self.all[range] {
            self.chunks.send(chunk.clone()).await.unwrap();
        }
        // There is room for one, so that room is there only when the last was taken. At the end nobody may be left.
        let _ = self.chunks.reserve().await;
    }

    fn whole(&self) -> Vec<u8> {
        self.all.concat()
    }

    async fn all_dropped(&mut self) {
        let dropped = self.dropped.wait_for(|dropped| *dropped == 1);
        soon(dropped).await.unwrap();
    }
}

/// A platform that holds the cache's token for dead.
async fn dead_token() -> (FakeWeChat, TokenCache) {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    (wechat, cache)
}

async fn sent<B>(cache: &TokenCache, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let client = client(cache);
    soon(async { read(client.oneshot(request).await.unwrap()).await }).await
}

/// Both sends, of which the second must be this body, and the first too if it `arrived`.
fn check(wechat: &FakeWeChat, answer: &Answer, body: &[u8], arrived: bool) -> (Seen, Seen) {
    assert!(answer.replayed(), "{:?}: {}", answer.outcome(), answer.text);
    let seen: [Seen; 2] = wechat.seen().try_into().expect("two sends");
    let [first, second] = seen;
    for seen in [Some(&first).filter(|_| arrived), Some(&second)].into_iter().flatten() {
        assert!(seen.body_complete);
        assert_eq!(seen.body_len, body.len() as u64);
        let kept = &body[..body.len().min(1024 * 1024)];
        assert!(seen.body == kept, "another body arrived");
    }
    if arrived {
        assert_eq!(first.body_sha256, second.body_sha256);
    }
    assert_eq!(first.content_length(), second.content_length());
    assert_ne!(first.token, second.token);
    assert_eq!(first.method, second.method);
    assert_eq!(first.path, second.path);
    let without_host = |seen: &Seen| {
        let mut headers = seen.headers.clone();
        headers.remove("host").unwrap();
        headers
    };
    assert_eq!(without_host(&first), without_host(&second));
    (first, second)
}

async fn one_piece(body: Bytes) {
    let (wechat, cache) = dead_token().await;
    let answer = sent(&cache, post(&wechat, PATH, Full::new(body.clone()))).await;
    let (first, second) = check(&wechat, &answer, &body, true);
    // hyper announces no length for no body.
    let length = Some(body.len() as u64).filter(|length| *length > 0);
    assert_eq!(second.content_length(), length);
    assert!(answer.text.contains(&first.body_sha256), "{}", answer.text);
}

#[tokio::test]
async fn replay_of_an_empty_body() {
    one_piece(Bytes::new()).await;

    let (wechat, cache) = dead_token().await;
    let get = Request::get(format!("{}/cgi-bin/user/get", wechat.url()));
    let answer = sent(&cache, get.body(Empty::<Bytes>::new()).unwrap()).await;
    let (_, second) = check(&wechat, &answer, b"", true);
    assert_eq!(second.content_length(), None);
}

#[tokio::test]
async fn replay_of_a_small_json() {
    one_piece(Bytes::from_static(br#"{"touser":"OPENID","msgtype":"text"}"#)).await;
}

#[tokio::test]
async fn replay_of_ten_megabytes_in_one_piece() {
    one_piece((0..10 << 20).map(|at: u32| (at % 241) as u8).collect()).await;
}

#[tokio::test]
async fn replay_of_a_stream_that_was_rejected_before_its_first_chunk() {
    let (wechat, cache) = dead_token().await;
    wechat.answer_before_reading(true);
    let (body, mut producer) = upload(1024);
    let feeding = async {
        wechat.wait_for_api_requests(2).await;
        soon(producer.produce(0..CHUNKS)).await;
    };
    let (answer, ()) = tokio::join!(sent(&cache, post(&wechat, PATH, body)), feeding);
    let (first, _) = check(&wechat, &answer, &producer.whole(), false);
    assert_eq!(first.body_len, 0);
    producer.all_dropped().await;
}

#[tokio::test]
async fn replay_of_a_stream_that_was_rejected_in_the_middle() {
    let (wechat, cache) = dead_token().await;
    wechat.answer_before_reading(true);
    let held = wechat.hold_apis();
    let (body, mut producer) = upload(1024);
    let feeding = async {
        soon(producer.produce(0..CHUNKS / 2)).await;
        held.release();
        wechat.wait_for_api_requests(2).await;
        soon(producer.produce(CHUNKS / 2..CHUNKS)).await;
    };
    let (answer, ()) = tokio::join!(sent(&cache, post(&wechat, PATH, body)), feeding);
    check(&wechat, &answer, &producer.whole(), false);
    producer.all_dropped().await;
    // The first upload is given up, not left waiting on its connection: the platform has seen it end.
    soon(async {
        while wechat.seen()[0].body_len == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!wechat.seen()[0].body_complete);
}

#[tokio::test]
async fn replay_of_a_stream_that_was_rejected_after_its_last_chunk() {
    let (wechat, cache) = dead_token().await;
    let (body, mut producer) = upload(16 * 1024);
    let feeding = soon(producer.produce(0..CHUNKS));
    let (answer, ()) = tokio::join!(sent(&cache, post(&wechat, PATH, body)), feeding);
    check(&wechat, &answer, &producer.whole(), true);
    producer.all_dropped().await;
}

#[tokio::test]
async fn replay_of_a_stream_over_the_limit_that_was_rejected_before_its_first_chunk() {
    let (wechat, cache) = dead_token().await;
    wechat.answer_before_reading(true);
    let (body, producer) = upload(64 * 1024);
    let feeding = async {
        wechat.wait_for_api_requests(2).await;
        soon(producer.produce(0..CHUNKS)).await;
    };
    let (answer, ()) = tokio::join!(sent(&cache, post(&wechat, PATH, body)), feeding);
    check(&wechat, &answer, &producer.whole(), false);
}

#[tokio::test]
async fn a_stream_over_the_limit_goes_out_once_and_the_next_caller_finds_a_new_token() {
    for (limit, replayed) in [(CHUNKS * 1024 - 1, false), (CHUNKS * 1024, true), (0, false)] {
        let (wechat, cache) = dead_token().await;
        let old = cache.current().unwrap();
        let (body, mut producer) = upload(1024);
        let client = layered(WeChatAuthLayer::new(&cache).replay_limit(limit));
        let answer = async {
            let answer = client.oneshot(post(&wechat, PATH, body));
            soon(async { read(answer.await.unwrap()).await }).await
        };
        let (answer, ()) = tokio::join!(answer, soon(producer.produce(0..CHUNKS)));
        assert_eq!(answer.replayed(), replayed, "{limit}");
        assert_eq!(wechat.api_requests(), if replayed { 2 } else { 1 }, "{limit}");
        let first = &wechat.seen()[0];
        assert!(first.body_complete && first.body == producer.whole());
        producer.all_dropped().await;
        if !replayed {
            assert_eq!(answer.errcode(), Some(40001));
            assert!(answer.rejected());
            assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::BodyTooLarge));
            assert_eq!(answer.headers["content-length"], answer.bytes.len().to_string());
        }

        // Started without us, and perhaps under way.
        soon(wechat.wait_for_token_requests(2)).await;
        cache.refresh(&old).await.unwrap();
        let next = send(&support::client(&cache), &wechat).await.unwrap();
        assert_eq!(next.errcode(), Some(0));
        assert!(!next.rejected());
        assert_eq!(wechat.mints(), 2);
    }
}

#[tokio::test]
async fn a_server_that_does_not_read_the_upload_neither_hangs_nor_leaks_it() {
    let (wechat, cache) = dead_token().await;
    wechat.answer_without_reading(true);
    let (body, mut producer) = upload(20 * 1024);
    let feeding = soon(producer.produce(0..CHUNKS));
    let (answer, ()) = tokio::join!(sent(&cache, post(&wechat, PATH, body)), feeding);
    check(&wechat, &answer, &producer.whole(), false);
    producer.all_dropped().await;
}

#[tokio::test]
async fn an_upload_that_never_ends_is_let_go_when_it_is_rejected_and_not_replayed() {
    let (wechat, cache) = dead_token().await;
    wechat.answer_without_reading(true);
    wechat.fail_tokens(Fault::Errcode(40125));
    let (body, mut producer) = upload(1024);
    let answer = sent(&cache, post(&wechat, PATH, body)).await;
    assert_eq!(answer.errcode(), Some(40001));
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::RefreshFailed));
    producer.all_dropped().await;
}

#[tokio::test]
async fn an_upload_is_let_go_when_its_caller_gives_up_in_the_replay() {
    let (wechat, cache) = dead_token().await;
    wechat.answer_before_reading(true);
    let (body, mut producer) = upload(1024);
    let caller = tokio::spawn(client(&cache).oneshot(post(&wechat, PATH, body)));
    soon(wechat.wait_for_api_requests(2)).await;
    assert_eq!(*producer.dropped.borrow(), 0);
    caller.abort();
    producer.all_dropped().await;
}

#[tokio::test]
async fn the_412_for_an_upload_of_unknown_length_is_handed_on() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let (mut body, mut producer) = upload(16);
    body.announced = false;
    let answer = sent(&cache, post(&wechat, PATH, body)).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    assert!(!answer.rejected());
    assert_eq!((wechat.api_requests(), wechat.token_requests()), (1, 1));
    producer.all_dropped().await;
}

#[tokio::test]
async fn two_hundred_uploads_at_once_are_each_their_own() {
    let (wechat, cache) = dead_token().await;
    let count = Arc::new(AtomicUsize::new(0));
    let client = client(&cache);
    let callers = (0..200_u32).map(|number| {
        let (client, wechat, count) = (client.clone(), wechat.clone(), count.clone());
        tokio::spawn(async move {
            let body = Full::from(format!("{number}").repeat(1000));
            let answer = read(client.oneshot(post(&wechat, PATH, body)).await.unwrap()).await;
            count.fetch_add(usize::from(answer.replayed()), Ordering::SeqCst);
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        soon(caller).await.unwrap();
    }
    let mut arrived = std::collections::HashMap::new();
    for seen in wechat.seen() {
        *arrived.entry(seen.body_sha256).or_insert(0) += 1;
    }
    assert_eq!(arrived.len(), 200);
    assert!(arrived.values().all(|times| *times <= 2));
    assert!(count.load(Ordering::SeqCst) > 0);
}
