//! The body alone: sizes, limits, take-over, failures. What hyper makes of it is in `wire`.

mod property;
mod script;
mod wire;

use std::{
    error::Error as _,
    io,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;

use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tokio_test::{assert_pending, task};

use self::script::{Feed, Script, Step, script};
use super::{
    body::Reader,
    buffer::Buffer,
    handle::Kept,
    recording::Recording,
    source::{Size, Source},
    *,
};
use crate::memory::Memory;

assert_not_impl_any!(Script: Sync, Unpin);
assert_impl_all!(ReplayBody<Script>: Send, Sync, Unpin);
assert_impl_all!(Replay<Script>: Send, Sync);
assert_impl_all!(ReplayBody<UnsyncBoxBody<Bytes, io::Error>>: Send, Sync, Unpin);
assert_impl_all!(ReplayBodyError: std::error::Error, Send, Sync);

type Sent = task::Spawn<ReplayBody<Script>>;

/// Polls once; the task remembers whether it was woken since.
fn poll(sent: &mut Sent) -> Poll<Option<Result<Frame<Bytes>, ReplayBodyError>>> {
    sent.enter(|cx, body| body.poll_frame(cx))
}

/// The next frame's data, which must be there.
fn chunk(sent: &mut Sent) -> Bytes {
    match poll(sent) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().expect("a chunk"),
        other => panic!("no chunk: {other:?}"),
    }
}

fn error(sent: &mut Sent) -> ReplayBodyError {
    match poll(sent) {
        Poll::Ready(Some(Err(error))) => error,
        other => panic!("no error: {other:?}"),
    }
}

fn assert_end(sent: &mut Sent) {
    assert!(matches!(poll(sent), Poll::Ready(None)));
    assert!(sent.is_end_stream());
    assert_eq!(sent.size_hint().exact(), Some(0));
}

fn plenty() -> Arc<Memory> {
    Memory::new(usize::MAX)
}

fn recorded(size: Option<u64>, limit: usize) -> (Feed, Sent, Replay<Script>) {
    let (feed, body) = script(size);
    let (body, replay) = record(body, limit, &plenty());
    (feed, task::spawn(body), replay)
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("x-checksum".parse().unwrap(), "7".parse().unwrap())])
}

#[test]
fn both_sends_announce_the_size_of_the_whole() {
    let (feed, mut first, replay) = recorded(Some(6), 64);
    feed.data("ab");
    feed.data("cdef");
    assert_eq!(first.size_hint().exact(), Some(6));
    assert_eq!(chunk(&mut first), "ab");
    assert_eq!(first.size_hint().exact(), Some(4));

    let mut second = task::spawn(replay.take().unwrap());
    assert_eq!(second.size_hint().exact(), Some(6));
    assert_eq!(chunk(&mut second), "ab");
    assert_eq!(second.size_hint().exact(), Some(4));
    assert_eq!(chunk(&mut second), "cdef");
    assert_eq!(second.size_hint().exact(), Some(0));
}

#[test]
fn a_size_that_is_not_known_stays_unknown() {
    let (feed, mut first, replay) = recorded(None, 64);
    feed.data("ab");
    assert_eq!(chunk(&mut first), "ab");
    let second = replay.take().unwrap();
    assert_eq!((second.size_hint().lower(), second.size_hint().upper()), (0, None));
}

#[test]
fn a_replay_before_the_first_chunk_sends_nothing_twice() {
    let (feed, mut first, replay) = recorded(None, 64);
    assert_pending!(poll(&mut first));
    let mut second = task::spawn(replay.take().unwrap());
    for data in ["a", "b"] {
        feed.data(data);
    }
    drop(feed);
    assert_eq!(chunk(&mut second), "a");
    assert_eq!(chunk(&mut second), "b");
    assert_end(&mut second);
}

#[test]
fn a_replay_after_the_end_sends_all_and_does_not_poll_the_source_again() {
    // A stream that panics when it is polled after its end.
    let mut chunks = ["a", "b"].into_iter().map(Some).chain([None]);
    let stream = futures_util::stream::poll_fn(move |_| {
        let next = chunks.next().expect("polled after its end");
        Poll::Ready(next.map(|data| Ok::<_, io::Error>(Frame::data(Bytes::from(data)))))
    });
    let (mut first, replay) = record(StreamBody::new(stream), 64, &plenty());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    while let Poll::Ready(Some(_)) = Pin::new(&mut first).poll_frame(&mut cx) {}

    let second = tokio_test::block_on(replay.take().unwrap().collect()).unwrap();
    assert_eq!(second.to_bytes(), "ab");
}

#[test]
fn the_first_send_is_woken_and_told_and_lets_go_of_the_source() {
    let (feed, mut first, replay) = recorded(Some(6), 64);
    feed.data("ab");
    assert_eq!(chunk(&mut first), "ab");
    assert_pending!(poll(&mut first));
    let second = replay.take().unwrap();

    assert!(first.is_woken());
    assert!(!first.is_end_stream());
    assert!(error(&mut first).source().is_none());
    assert!(matches!(poll(&mut first), Poll::Ready(Some(Err(_)))));
    assert!(feed.is_held());
    drop(second);
    assert!(!feed.is_held(), "the first send still holds the source");
}

#[test]
fn the_first_send_is_woken_where_it_was_polled_last() {
    let (_feed, mut first, replay) = recorded(None, 64);
    assert_pending!(poll(&mut first));
    let mut moved = task::spawn(first.into_inner());
    assert_pending!(poll(&mut moved));
    let _second = replay.take().unwrap();
    assert!(moved.is_woken());
}

#[test]
fn a_first_send_that_was_given_up_holds_no_chunk() {
    let (feed, mut first, replay) = recorded(None, 64);
    feed.data("ab");
    let data = chunk(&mut first);
    let mut second = task::spawn(replay.take().unwrap());
    assert!(!data.is_unique());
    drop(chunk(&mut second));
    assert!(data.is_unique());
}

#[test]
fn the_second_send_waits_for_the_source_itself() {
    let (feed, mut first, replay) = recorded(None, 64);
    assert_pending!(poll(&mut first));
    let mut second = task::spawn(replay.take().unwrap());
    assert_pending!(poll(&mut second));
    feed.data("ab");
    assert!(second.is_woken());
    assert_eq!(chunk(&mut second), "ab");
}

#[test]
fn one_chunk_that_is_the_whole_costs_no_limit() {
    for known in [true, false] {
        let (feed, mut first, replay) = recorded(known.then_some(100), 10);
        feed.data([7; 100]);
        drop(feed);
        assert_eq!(chunk(&mut first).len(), 100);
        assert_end(&mut first);
        let mut second = task::spawn(replay.take().unwrap());
        assert_eq!(chunk(&mut second), vec![7; 100]);
        assert_end(&mut second);
    }
}

#[test]
fn a_stream_is_recorded_up_to_the_limit_and_sent_beyond_it() {
    let (feed, mut first, replay) = recorded(None, 10);
    feed.data([1; 4]);
    feed.data([2; 6]);
    feed.data([3; 1]);
    drop(feed);
    let data = chunk(&mut first);
    chunk(&mut first);
    assert_eq!(replay.check(), Ok(()));
    assert!(data.is_unique(), "a chunk of several is not kept but copied");

    assert_eq!(chunk(&mut first), vec![3; 1]);
    assert_eq!(replay.check(), Err(NotReplayable::TooLarge));
    assert_end(&mut first);
    assert_eq!(replay.take().unwrap_err(), NotReplayable::TooLarge);
}

#[test]
fn a_refused_replay_leaves_the_first_send_alone() {
    let (feed, mut first, replay) = recorded(Some(13), 10);
    for data in [[1; 6].as_slice(), &[2; 6], &[3]] {
        feed.data(data);
    }
    chunk(&mut first);
    chunk(&mut first);
    assert_eq!(replay.take().unwrap_err(), NotReplayable::TooLarge);
    assert_eq!(chunk(&mut first), vec![3; 1]);
}

#[test]
fn a_long_first_chunk_is_kept_only_while_it_may_be_the_whole() {
    let (feed, mut first, replay) = recorded(Some(12), 10);
    feed.data([1; 11]);
    let data = chunk(&mut first);
    assert_eq!(replay.check(), Err(NotReplayable::TooLarge));
    assert!(data.is_unique());

    let (feed, mut first, replay) = recorded(None, 10);
    feed.data("");
    feed.data([1; 11]);
    chunk(&mut first);
    let data = chunk(&mut first);
    assert_eq!(replay.check(), Ok(()));
    feed.data([1; 1]);
    chunk(&mut first);
    assert_eq!(replay.check(), Err(NotReplayable::TooLarge));
    assert!(data.is_unique());
}

#[test]
fn empty_chunks_are_not_recorded() {
    let (feed, mut first, replay) = recorded(None, 64);
    for data in ["", "ab"] {
        feed.data(data);
        assert_eq!(chunk(&mut first), data);
    }
    let mut second = task::spawn(replay.take().unwrap());
    assert_eq!(chunk(&mut second), "ab");
}

#[test]
fn nothing_is_recorded_once_no_replay_can_come() {
    let (feed, mut first, replay) = recorded(None, 64);
    feed.data("ab");
    let early = chunk(&mut first);
    drop(replay);
    assert!(early.is_unique(), "what was recorded is still held");
    feed.data("cd");
    assert!(chunk(&mut first).is_unique(), "the recording goes on");

    let (feed, mut first, replay) = recorded(None, 64);
    assert_pending!(poll(&mut first));
    let mut second = task::spawn(replay.take().unwrap());
    feed.data("ab");
    assert!(chunk(&mut second).is_unique(), "the replay is recorded");
}

#[test]
fn an_untouched_body_passes_through_unrecorded() {
    let (feed, body) = script(Some(2));
    let mut only = task::spawn(ReplayBody::once(body));
    assert_eq!(only.size_hint().exact(), Some(2));
    assert_pending!(poll(&mut only));
    feed.data("ab");
    assert!(only.is_woken());
    assert!(chunk(&mut only).is_unique());
    feed.step(Step::Trailers(trailers()));
    assert!(matches!(poll(&mut only), Poll::Ready(Some(Ok(frame))) if frame.is_trailers()));
    drop(feed);
    assert_end(&mut only);
}

#[test]
fn an_empty_body_stays_empty_and_needs_no_recording() {
    let (first, replay) = record(Empty::<Bytes>::new(), 0, &plenty());
    let second = replay.take().unwrap();
    for body in [first, second, ReplayBody::once(Empty::new())] {
        assert!(matches!(body.reader, Reader::Empty));
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert!(tokio_test::block_on(body.collect()).unwrap().to_bytes().is_empty());
    }
}

#[test]
fn a_body_of_no_bytes_may_still_have_trailers() {
    let (feed, mut first, replay) = recorded(Some(0), 0);
    assert!(!first.is_end_stream());
    feed.step(Step::Trailers(trailers()));
    assert!(matches!(poll(&mut first), Poll::Ready(Some(Ok(frame))) if frame.is_trailers()));
    drop(feed);
    assert_end(&mut first);

    let mut second = task::spawn(replay.take().unwrap());
    assert!(!second.is_end_stream());
    assert!(
        matches!(poll(&mut second), Poll::Ready(Some(Ok(frame))) if frame.trailers_ref() == Some(&trailers()))
    );
    assert_end(&mut second);
}

#[test]
fn the_stream_has_not_ended_while_a_chunk_is_on_the_tape() {
    // `Full` says that it has ended as soon as its chunk is out.
    let (mut first, replay) = record(Full::new(Bytes::from("ab")), 0, &plenty());
    assert!(!first.is_end_stream());
    tokio_test::block_on(first.frame()).unwrap().unwrap();
    assert!(first.is_end_stream());
    let mut second = replay.take().unwrap();
    assert!(!second.is_end_stream());
    tokio_test::block_on(second.frame()).unwrap().unwrap();
    assert!(second.is_end_stream());
}

#[test]
fn the_sources_error_is_passed_on_and_ends_all_hope() {
    let (feed, mut first, replay) = recorded(None, 64);
    feed.data("ab");
    feed.step(Step::Fail);
    chunk(&mut first);
    assert_eq!(replay.check(), Ok(()));
    let failure = error(&mut first);
    let source = failure.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.to_string(), "the disk is gone");
    assert_eq!(replay.check(), Err(NotReplayable::Failed));
    assert_eq!(replay.take().unwrap_err(), NotReplayable::Failed);
    drop(feed);
    assert!(!first.is_end_stream());
    assert_eq!(error(&mut first).to_string(), "the request body had already failed");
}

#[test]
fn an_error_in_the_replay_is_the_sources_too() {
    let (feed, mut first, replay) = recorded(None, 64);
    feed.data("ab");
    chunk(&mut first);
    let mut second = task::spawn(replay.take().unwrap());
    feed.step(Step::Fail);
    chunk(&mut second);
    assert!(error(&mut second).source().unwrap().is::<io::Error>());
}

#[test]
fn a_source_that_panics_counts_as_failed() {
    let (feed, mut first, replay) = recorded(None, 64);
    feed.step(Step::Panic);
    assert!(std::panic::catch_unwind(AssertUnwindSafe(|| poll(&mut first))).is_err());
    assert_eq!(replay.check(), Err(NotReplayable::Failed));
    error(&mut first);
    assert_eq!(replay.take().unwrap_err(), NotReplayable::Failed);
    drop(first);
    assert!(!feed.is_held());
}

#[test]
fn the_source_is_not_dropped_under_the_lock() {
    struct Nosy(std::sync::Weak<Mutex<Recording<Nosy>>>, Arc<std::sync::atomic::AtomicBool>);

    impl Body for Nosy {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            Poll::Ready(None)
        }
    }

    impl Drop for Nosy {
        fn drop(&mut self) {
            let locked = self.0.upgrade().is_some_and(|shared| shared.try_lock().is_err());
            self.1.fetch_or(locked, std::sync::atomic::Ordering::Relaxed);
        }
    }

    let locked = Arc::default();
    let shared = Arc::new_cyclic(|weak| {
        let body = Nosy(weak.clone(), Arc::clone(&locked));
        Mutex::new(Recording::new(Source::new(body), Buffer::new(Size::ZERO, 0, &plenty())))
    });
    let mut first = ReplayBody::recorded(shared.clone(), Size::ZERO, false);
    let replay = Replay(Kept::Recorded(shared, Size::ZERO));
    assert!(tokio_test::block_on(first.frame()).is_none());
    drop(replay.take());
    assert!(!locked.load(std::sync::atomic::Ordering::Relaxed));
}
