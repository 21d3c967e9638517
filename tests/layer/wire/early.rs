//! The server rejects the token before it has read the upload, and goes on reading.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http::Response;
use tower::ServiceExt;
use tower_wechat::{AuthOutcome, NotReplayed, WeChatAuthLayer};

use crate::wire::{
    client::{layered, post, send, warm},
    on_each,
    server::{ACCEPTED, Limits, REJECTION, Server, WIRES, Wire, fed, json},
    soon,
    stream::{Stream, pattern},
};

const LARGE: usize = 2 << 20;
/// All of it takes more than 300 ms.
const CHUNK: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(10);

/// Sends such a stream, which is replayed whole. How much of it the rejected request took.
async fn taken_by_the_first_send(server: &Server, mint: Duration) -> usize {
    let (mints, cache) = warm(server).await;
    server.reject_below(2);
    mints.take(mint);
    let client = layered(server, &WeChatAuthLayer::new(&cache).replay_limit(8 << 20));
    let stream = Stream::new(LARGE).slow(CHUNK, PAUSE);
    let pulled = stream.pulled();
    let sending = tokio::spawn(send(client, post(server, stream)));
    mints.begun(2).await;
    let at_verdict = pulled.load(Ordering::SeqCst);

    let answer = soon(sending).await.unwrap().unwrap();
    assert!(answer.replayed());
    assert_eq!(answer.errcode(), 0);
    let [first, second] = server.seen().try_into().ok().expect("two sends");
    assert_eq!((first.token(), second.token()), (1, 2));
    assert_eq!(first.framing(), second.framing());
    let upload = second.upload();
    assert!(upload.whole && upload.bytes == pattern(LARGE), "{:?}", server.wire());
    let upload = soon(first.ended()).await;
    assert!(upload.broken && !upload.whole, "{:?}: the first upload was given up", server.wire());
    assert!(pattern(LARGE).starts_with(&upload.bytes));
    assert!(upload.bytes.len() <= at_verdict, "nothing was taken from the stream after the verdict");
    at_verdict
}

#[tokio::test]
async fn an_early_rejection_ends_the_first_upload_however_long_the_refresh_takes() {
    on_each(WIRES, async |wire| {
        for mint in [Duration::ZERO, Duration::from_secs(1)] {
            let server = Server::start(wire, |mut exchange| async move {
                if exchange.is_accepted() {
                    exchange.read_all().await;
                    return json(ACCEPTED);
                }
                exchange.read_on(16 * 1024, Duration::from_millis(20));
                json(REJECTION)
            })
            .await;
            let taken = taken_by_the_first_send(&server, mint).await;
            assert!(taken <= LARGE / 2, "{wire:?}, {mint:?}: {taken} bytes");
        }
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_held_while_the_rest_of_its_rejection_trickles_in() {
    on_each(WIRES, async |wire| {
        let server = Server::start(wire, |mut exchange| async move {
            if exchange.is_accepted() {
                exchange.read_all().await;
                return json(ACCEPTED);
            }
            exchange.read_on(16 * 1024, Duration::from_millis(5));
            let (mut feed, body) = fed();
            tokio::spawn(async move {
                let (start, rest) = REJECTION.split_at(20);
                feed.send_data(Bytes::from_static(start.as_bytes())).await.unwrap();
                for piece in rest.as_bytes().chunks(rest.len().div_ceil(5)) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    feed.send_data(Bytes::copy_from_slice(piece)).await.unwrap();
                }
            });
            Ok(Response::new(body))
        })
        .await;
        let taken = taken_by_the_first_send(&server, Duration::ZERO).await;
        assert!(taken <= LARGE / 2, "{wire:?}: {taken} bytes");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_drops_the_upload_gets_it_whole_with_the_next_token() {
    // Over HTTP/1.1 that closes the connection, and hyper may find that out before it reads the answer.
    for wire in [Wire::Http2, Wire::Http2Tls] {
        let server = Server::start(wire, |mut exchange| async move {
            if exchange.is_accepted() {
                exchange.read_all().await;
                return json(ACCEPTED);
            }
            exchange.read(1).await;
            drop(exchange);
            json(REJECTION)
        })
        .await;
        let (_, cache) = warm(&server).await;
        server.reject_below(2);
        let client = layered(&server, &WeChatAuthLayer::new(&cache));
        let stream = Stream::new(LARGE).slow(CHUNK, PAUSE);
        let answer = send(client, post(&server, stream)).await.unwrap();
        assert!(answer.replayed(), "{wire:?}");
        assert_eq!(answer.errcode(), 0);
        let [first, second] = server.seen().try_into().ok().expect("two sends");
        assert_eq!(first.framing(), second.framing());
        assert!(second.upload().whole && second.upload().bytes == pattern(LARGE), "{wire:?}");
    }
}

#[tokio::test]
async fn an_upload_that_was_held_goes_on_once_the_rejection_is_handed_on() {
    on_each(WIRES, async |wire| {
        let server = Server::start(wire, |exchange| async move {
            exchange.read_on(CHUNK, Duration::ZERO);
            let (mut feed, body) = fed();
            tokio::spawn(async move {
                feed.send_data(Bytes::from_static(br#"{"errcode":40001,"#)).await.unwrap();
                std::future::pending::<()>().await;
                drop(feed);
            });
            Ok(Response::new(body))
        })
        .await;
        let (mints, cache) = warm(&server).await;
        let client = layered(&server, &WeChatAuthLayer::new(&cache));
        let stream = Stream::new(LARGE).slow(CHUNK, PAUSE);
        let pulled = stream.pulled();
        let response = soon(client.oneshot(post(&server, stream))).await.unwrap();
        let outcome = response.extensions().get::<AuthOutcome>().unwrap();
        assert_eq!(outcome.not_replayed(), Some(NotReplayed::AnswerIncomplete));
        assert!(pulled.load(Ordering::SeqCst) <= LARGE / 2, "{wire:?}: it was held for a second");
        let upload = soon(server.seen()[0].ended()).await;
        assert!(upload.whole && upload.bytes == pattern(LARGE), "{wire:?}: all of it was sent");
        soon(mints.begun(2)).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_allows_one_request_at_a_time_takes_the_replay_of_an_upload_it_has_not_read() {
    for wire in [Wire::Http2, Wire::Http2Tls] {
        let limits = Limits { window: None, streams: Some(1) };
        let server = Server::with(wire, limits, |mut exchange| async move {
            if exchange.is_accepted() {
                exchange.read_all().await;
                return json(ACCEPTED);
            }
            exchange.read(1).await;
            exchange.keep();
            json(REJECTION)
        })
        .await;
        let (_, cache) = warm(&server).await;
        server.reject_below(2);
        let client = layered(&server, &WeChatAuthLayer::new(&cache));
        let stream = Stream::new(LARGE).slow(CHUNK, PAUSE);
        let answer = send(client, post(&server, stream)).await.unwrap();
        assert!(answer.replayed(), "{wire:?}");
        assert_eq!(answer.errcode(), 0);
        assert_eq!(server.tokens(), [1, 2]);
    }
}
