//! While a rejected token is being replaced, nobody sends it.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use tokio::task::JoinSet;
use tower_wechat::{NotReplayed, WeChatAuthLayer};

use crate::wire::{
    BoxError,
    client::{SLOW_MINT, client, layered, post, send, warm},
    on_each,
    server::{Server, WIRES, Wire},
    soon,
    stream::{Stream, pattern},
};

type Boxed = UnsyncBoxBody<Bytes, BoxError>;

const LARGE: usize = 2 << 20;

fn small() -> Boxed {
    Full::from("{}").map_err(|never| match never {}).boxed_unsync()
}

fn stream(length: usize) -> Boxed {
    Stream::new(length).map_err(|never| match never {}).boxed_unsync()
}

async fn nobody_sends_it(wire: Wire) {
    let server = Server::usual(wire).await;
    let (mints, cache) = warm(&server).await;
    let client = client::<Boxed>(&server, &cache);
    server.reject_below(2);
    mints.take(SLOW_MINT);

    let mut callers = JoinSet::new();
    callers.spawn(send(client.clone(), post(&server, small())));
    mints.begun(2).await;
    for number in 0..50 {
        let body = if number == 20 { stream(LARGE) } else { small() };
        callers.spawn(send(client.clone(), post(&server, body)));
    }
    let answers = soon(callers.join_all()).await;

    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().errcode() == 0), "{wire:?}");
    let rejected = answers.iter().filter(|answer| answer.as_ref().unwrap().outcome.is_some());
    assert_eq!(rejected.count(), 1, "{wire:?}");
    let mut expected = vec![2; 52];
    expected[0] = 1;
    assert_eq!(server.tokens(), expected, "{wire:?}");
    let seen = server.seen();
    let large: Vec<_> = seen.iter().filter(|seen| seen.upload().bytes.len() > 2).collect();
    assert_eq!(large.len(), 1);
    assert!(large[0].upload().whole && large[0].upload().bytes == pattern(LARGE));
    assert_eq!(mints.count(), 2);
}

#[tokio::test]
async fn new_requests_wait_while_a_rejected_token_is_being_replaced() {
    on_each(WIRES, async |wire| {
        nobody_sends_it(wire).await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_after_one_that_was_too_long_to_replay_goes_out_with_the_new_token() {
    on_each(WIRES, async |wire| {
        let server = Server::usual(wire).await;
        let (mints, cache) = warm(&server).await;
        let client = layered::<Stream>(&server, &WeChatAuthLayer::new(&cache).replay_limit(64 * 1024));
        server.reject_below(2);
        mints.take(SLOW_MINT);

        let first = send(client.clone(), post(&server, Stream::new(1 << 20))).await.unwrap();
        assert_eq!(first.errcode(), 40001);
        assert_eq!(first.not_replayed(), Some(NotReplayed::BodyTooLarge));
        let second = send(client, post(&server, Stream::new(1 << 20))).await.unwrap();
        assert_eq!(second.errcode(), 0);
        assert!(second.outcome.is_none());
        assert_eq!(server.tokens(), [1, 2], "{wire:?}");
    })
    .await;
}

#[tokio::test]
async fn requests_that_waited_for_a_refresh_that_fails_go_out_with_the_old_token() {
    for wire in WIRES {
        let server = Server::usual(wire).await;
        let (mints, cache) = warm(&server).await;
        let client = client::<Boxed>(&server, &cache);
        server.reject_below(2);
        mints.close();
        mints.fail(true);

        let mut callers = JoinSet::new();
        callers.spawn(send(client.clone(), post(&server, small())));
        mints.begun(2).await;
        for _ in 0..10 {
            callers.spawn(send(client.clone(), post(&server, small())));
        }
        while cache.stats().coalesced < 10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.tokens(), [1], "they all wait");
        mints.open();
        for answer in soon(callers.join_all()).await {
            let answer = answer.unwrap();
            assert_eq!(answer.errcode(), 40001, "WeChat's own answer");
            assert!(matches!(
                answer.not_replayed(),
                Some(NotReplayed::RefreshFailed | NotReplayed::BackedOff)
            ));
        }
        assert_eq!(server.tokens(), [1; 11], "{wire:?}");
        assert_eq!(mints.count(), 2, "one failure is enough for all");
    }
}
