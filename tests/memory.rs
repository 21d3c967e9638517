//! What the layer keeps of bodies and answers, in bytes, counted by the allocator.

#[path = "support/fixed.rs"]
mod fixed;
#[path = "support/issuers.rs"]
mod issuers;
#[path = "support/raw.rs"]
mod raw;

use std::{
    alloc::System,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::{
    io::AsyncWriteExt,
    sync::{Barrier, Semaphore},
    task::JoinSet,
};
use tower::{Layer, ServiceExt, service_fn};
use tower_wechat::{AuthOutcome, NotReplayed, ReplayBody, TokenCache, WeChatAuthLayer, issuer::Minted};

use crate::{fixed::Fixed, issuers::instant, raw::Raw};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const REJECTION: &str = r#"{"errcode":40001,"errmsg":"invalid credential"}"#;
const ACCEPTED: &str = r#"{"errcode":0}"#;

/// Bytes that are allocated at the moment.
fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Runs alone: the allocator counts for the whole process.
fn alone<F: Future>(test: impl FnOnce() -> F) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), test()).await.expect("no hang");
    });
}

/// So many chunks, each of which a closure makes.
struct Chunks<F> {
    make: F,
    at: usize,
    count: usize,
    /// The length of each, if it is announced.
    announced: Option<usize>,
}

impl<F: Fn(usize) -> Bytes + Unpin> Chunks<F> {
    fn new(count: usize, make: F) -> Self {
        Self { make, at: 0, count, announced: None }
    }

    fn of_length(self, each: usize) -> Self {
        Self { announced: Some(each), ..self }
    }
}

impl<F: Fn(usize) -> Bytes + Unpin> Body for Chunks<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.at == self.count {
            return Poll::Ready(None);
        }
        let chunk = (self.make)(self.at);
        self.at += 1;
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        let left = |each: usize| SizeHint::with_exact(((self.count - self.at) * each) as u64);
        self.announced.map_or_else(SizeHint::new, left)
    }
}

fn url() -> &'static str {
    "https://api.weixin.qq.com/cgi-bin/x"
}

/// A service that reads uploads to their end, and rejects those that come with the first token. It notes how much was
/// allocated at the most while it read one.
fn rejecting<B>(
    peak: Arc<AtomicUsize>,
    uploads: Arc<Mutex<Vec<Vec<u8>>>>,
) -> impl Clone
+ tower::Service<
    Request<ReplayBody<B>>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Send,
>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    service_fn(move |request: Request<ReplayBody<B>>| {
        let (peak, uploads) = (peak.clone(), uploads.clone());
        async move {
            let first = request.uri().query() == Some("access_token=TOKEN-1");
            let mut body = request.into_body();
            let mut upload = Vec::new();
            let before = live();
            while let Some(frame) = body.frame().await {
                if first {
                    // Of the first send nothing is kept here.
                    drop(frame);
                    peak.fetch_max(live().saturating_sub(before), Ordering::SeqCst);
                } else {
                    upload.extend(frame.unwrap().into_data().unwrap());
                }
            }
            if !first {
                uploads.lock().unwrap().push(upload);
            }
            Ok(Response::new(Full::from(if first { REJECTION } else { ACCEPTED })))
        }
    })
}

/// Sends a body that is replayed. How much was kept of it at the most.
async fn kept_of<B>(body: B, expected: &[u8]) -> usize
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let cache = TokenCache::new(instant().0);
    cache.token().await.unwrap();
    let (peak, uploads) = (Arc::new(AtomicUsize::new(0)), Arc::default());
    let client = WeChatAuthLayer::new(&cache).layer(rejecting(peak.clone(), Arc::clone(&uploads)));
    let response = client.oneshot(Request::post(url()).body(body).unwrap()).await.unwrap();
    assert!(response.extensions().get::<AuthOutcome>().unwrap().replayed());
    assert!(*uploads.lock().unwrap() == [expected], "all of it was sent again");
    peak.load(Ordering::SeqCst)
}

#[test]
fn a_stream_of_single_bytes_is_kept_in_little_more_than_its_length() {
    alone(|| async {
        let byte = |at: usize| u8::try_from(at % 251).unwrap();
        let expected: Vec<u8> = (0..MIB).map(byte).collect();
        for announced in [true, false] {
            let body = Chunks::new(MIB, move |at| Bytes::copy_from_slice(&[byte(at)]));
            let body = if announced { body.of_length(1) } else { body };
            let kept = kept_of(body, &expected).await;
            assert!(kept >= MIB, "{kept}: it is kept");
            assert!(kept <= MIB + MIB / 5 + if announced { 0 } else { MIB }, "{announced}: {kept} bytes");
        }
    });
}

#[test]
fn a_stream_of_slices_keeps_no_buffers() {
    alone(|| async {
        const COUNT: usize = 256;
        let expected: Vec<u8> = (0..COUNT).flat_map(|at| [u8::try_from(at).unwrap(); KIB]).collect();
        for announced in [true, false] {
            let alive = Arc::new(());
            let buffers = alive.clone();
            let body = Chunks::new(COUNT, move |at| {
                let buffer = Buffer(vec![u8::try_from(at).unwrap(); 64 * KIB], buffers.clone());
                Bytes::from_owner(buffer).slice(..KIB)
            });
            let body = if announced { body.of_length(KIB) } else { body };
            let kept = kept_of(body, &expected).await;
            // 256 KiB were sent; the buffers together are 16 MiB.
            assert!((COUNT * KIB..=3 * COUNT * KIB).contains(&kept), "{announced}: {kept} bytes");
            assert_eq!(Arc::strong_count(&alive), 1, "no buffer is left");
        }
    });
}

/// Tells whether it is still there.
struct Buffer(Vec<u8>, #[expect(dead_code, reason = "it is counted")] Arc<()>);

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Four uploads of 512 KiB whose rejections come when all have been read, side by side or one after the other; then a fifth.
async fn four_for_two(side_by_side: bool) {
    let cache = TokenCache::new(instant().0);
    cache.token().await.unwrap();
    let (all_read, one, floor) =
        (Arc::new(Barrier::new(4)), Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(2)));
    let least = floor.clone();
    let inner = service_fn(move |request: Request<ReplayBody<_>>| {
        let (all_read, one, least) = (all_read.clone(), one.clone(), least.clone());
        async move {
            let query = request.uri().query().unwrap();
            let token: usize = query.strip_prefix("access_token=TOKEN-").unwrap().parse().unwrap();
            let mut body = request.into_body();
            let mut length = 0;
            let turn = if side_by_side { None } else { Some(one.acquire().await.unwrap()) };
            while let Some(frame) = body.frame().await {
                length += frame.unwrap().into_data().unwrap().len();
                tokio::task::yield_now().await;
            }
            drop(turn);
            assert_eq!(length, 512 * KIB);
            if token == 1 {
                all_read.wait().await;
            }
            let answer = if token < least.load(Ordering::SeqCst) { REJECTION } else { ACCEPTED };
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(answer)))
        }
    });
    let client = WeChatAuthLayer::new(&cache).replay_memory(MIB).layer(inner);
    let upload = || {
        let body = Chunks::new(128, |at| Bytes::from(vec![u8::try_from(at).unwrap(); 4 * KIB]));
        let request = Request::post(url()).body(body.of_length(4 * KIB)).unwrap();
        let sending = client.clone().oneshot(request);
        async {
            let response = sending.await.unwrap();
            let outcome = response.extensions().get::<AuthOutcome>().unwrap().clone();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(bytes, if outcome.replayed() { ACCEPTED } else { REJECTION });
            outcome.not_replayed()
        }
    };
    let mut why = JoinSet::from_iter([upload(), upload(), upload(), upload()]).join_all().await;
    why.sort_by_key(Option::is_some);
    let full = Some(NotReplayed::ReplayMemoryFull);
    assert_eq!(why, [None, None, full, full], "side by side: {side_by_side}");
    // All of it is free again.
    floor.store(3, Ordering::SeqCst);
    assert_eq!(upload().await, None);
}

#[test]
fn two_of_four_streams_find_room_in_a_memory_for_two_and_then_a_fifth_does() {
    alone(|| async {
        for side_by_side in [true, false] {
            four_for_two(side_by_side).await;
        }
    });
}

#[test]
fn memory_is_free_again_after_replays_and_after_refusals() {
    alone(|| async {
        let cache = TokenCache::new(instant().0);
        cache.token().await.unwrap();
        // Whether the next request is rejected. A rejected one is never replayed twice, so this is enough.
        let reject = Arc::new(AtomicUsize::new(0));
        let left = reject.clone();
        let inner = service_fn(move |request: Request<ReplayBody<_>>| {
            let left = left.clone();
            async move {
                request.into_body().collect().await.unwrap();
                let take = |left: usize| left.checked_sub(1);
                let rejected = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
                let answer = if rejected { REJECTION } else { ACCEPTED };
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(answer)))
            }
        });
        let client = WeChatAuthLayer::new(&cache).replay_memory(MIB).layer(inner);
        let send = async |length: usize| {
            reject.store(1, Ordering::SeqCst);
            let body = Chunks::new(length / KIB, |_| Bytes::from(vec![7; KIB])).of_length(KIB);
            let request = Request::post(url()).body(body).unwrap();
            let response = client.clone().oneshot(request).await.unwrap();
            response.extensions().get::<AuthOutcome>().unwrap().not_replayed()
        };
        let full = Some(NotReplayed::ReplayMemoryFull);
        assert_eq!(send(MIB).await, None, "all of the memory");
        assert_eq!(send(MIB + KIB).await, full);
        assert_eq!(send(MIB).await, None, "it is free again");
    });
}

#[test]
fn an_answer_of_single_bytes_is_kept_within_bounds() {
    alone(|| async {
        for (memory, most) in [(64 * MIB, 4096), (64 * KIB, 600)] {
            let cache = TokenCache::new(instant().0);
            cache.token().await.unwrap();
            let (taken, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (count, highest) = (taken.clone(), peak.clone());
            let inner = service_fn(move |_: Request<ReplayBody<Full<Bytes>>>| {
                let (count, highest) = (count.clone(), highest.clone());
                let before = live();
                let body = Chunks::new(MIB, move |at| {
                    count.fetch_max(at, Ordering::SeqCst);
                    highest.fetch_max(live().saturating_sub(before), Ordering::SeqCst);
                    Bytes::copy_from_slice(&[if at == 0 { b'{' } else { b' ' }])
                });
                std::future::ready(Ok::<_, Infallible>(Response::new(body)))
            });
            let client = WeChatAuthLayer::new(&cache).replay_memory(memory).layer(inner);
            let request = Request::post(url()).body(Full::default()).unwrap();
            let response = client.oneshot(request).await.unwrap();
            let (taken, peak) = (taken.load(Ordering::SeqCst), peak.load(Ordering::SeqCst));
            assert!(response.extensions().get::<AuthOutcome>().is_none());
            assert!(taken <= most, "{memory}: {taken} bytes were taken before the head was handed on");
            assert!(peak <= 512 * most, "{memory}: {peak} bytes for {taken}");
            let mut body = response.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame.unwrap().into_data().unwrap().len();
            }
            assert_eq!(length, MIB, "it comes whole");
        }
    });
}

#[test]
fn an_answer_of_single_bytes_over_http_1_is_kept_within_bounds() {
    alone(|| async {
        let server = Raw::start().await;
        let token = Minted::new("token", Duration::from_secs(7200));
        let cache = TokenCache::new(Fixed::new(&server.url(), Ok(token)));
        cache.token().await.unwrap();
        let http = Client::builder(TokioExecutor::new()).build_http();
        // hyper reads each byte into 8 KiB of its own.
        let layer = WeChatAuthLayer::new(&cache).replay_memory(MIB);
        let layer = layer.inspect_timeout(Duration::from_secs(10));
        let request = Request::get(format!("{}/cgi-bin/x", server.url()));
        let sending = layer.layer(http).oneshot(request.body(Full::<Bytes>::default()).unwrap());
        let before = live();
        let peak = Arc::new(AtomicUsize::new(0));
        let highest = peak.clone();
        let serving = async {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
            let mut stream = server.answer(head).await;
            for _ in 0..4096 {
                stream.write_all(b"1\r\n \r\n").await.unwrap();
                // Each in a read of its own, as far as that can be had.
                tokio::task::yield_now().await;
                highest.fetch_max(live().saturating_sub(before), Ordering::SeqCst);
            }
            stream
        };
        let (response, mut stream) = tokio::join!(sending, serving);
        let response = response.unwrap();
        assert!(response.extensions().get::<AuthOutcome>().is_none());
        let peak = peak.load(Ordering::SeqCst);
        assert!(peak <= MIB + MIB / 2, "{peak} bytes");
        stream.write_all(b"1\r\n}\r\n0\r\n\r\n").await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes.len(), 4098);
    });
}
