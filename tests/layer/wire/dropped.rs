//! A call that is given up lets go of the caller's upload, wherever it stands.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use tower::ServiceExt;
use tower_wechat::{NotReplayed, WeChatAuthLayer};

use crate::wire::{
    client::{layered, post, send, warm},
    server::{REJECTION, Server, WIRES, Wire, fed, json},
    settle, soon,
    stream::Stream,
};

const LENGTH: usize = 1 << 20;

/// What the server does before the caller gives up.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// It reads, and answers nothing.
    Sent,
    /// It rejects, but for the rest of the rejection.
    Held,
    /// It rejects, and there is no later token yet.
    Refreshing,
    /// It rejects the first send, and answers nothing to the second.
    Resent,
}

async fn server(wire: Wire, stage: Stage) -> Server {
    Server::start(wire, move |mut exchange| async move {
        exchange.read(1).await;
        let silent = match stage {
            Stage::Sent => true,
            Stage::Resent => exchange.number == 2,
            Stage::Held | Stage::Refreshing => false,
        };
        let seen = exchange.seen.clone();
        exchange.read_on(64 * 1024, Duration::ZERO);
        if silent {
            seen.ended().await;
            return Err("nobody waits for an answer".into());
        }
        if matches!(stage, Stage::Held) {
            let (mut feed, body) = fed();
            tokio::spawn(async move {
                feed.send_data(Bytes::from_static(br#"{"errcode":40001,"#)).await.unwrap();
                seen.ended().await;
                drop(feed);
            });
            return Ok(Response::new(body));
        }
        json(REJECTION)
    })
    .await
}

/// Gives a call up whose upload goes on slowly, or not at all after its start.
async fn lets_go(wire: Wire, stage: Stage, stream: Stream) {
    let server = server(wire, stage).await;
    let (mints, cache) = warm(&server).await;
    mints.close();
    if matches!(stage, Stage::Resent) {
        mints.open();
    }
    let body = stream.pulled();
    let client = layered::<Stream>(&server, &WeChatAuthLayer::new(&cache));
    let sending = tokio::spawn(client.clone().oneshot(post(&server, stream)));
    match stage {
        Stage::Sent => drop(soon(server.requests(1)).await),
        Stage::Held => {
            soon(server.requests(1)).await;
            // Long enough for the start of the rejection, and shorter than the second for its rest.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Stage::Refreshing => soon(mints.begun(2)).await,
        Stage::Resent => drop(soon(server.requests(2)).await),
    }
    settle().await;
    assert!(!sending.is_finished(), "{wire:?}, {stage:?}");
    assert!(Arc::strong_count(&body) > 1, "{wire:?}, {stage:?}: it is there until then");
    sending.abort();
    let _ = sending.await;
    soon(async {
        while Arc::strong_count(&body) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    drop(client);
    soon(server.all_closed()).await;
}

#[tokio::test]
async fn a_call_that_is_given_up_drops_an_upload_that_goes_on() {
    for wire in WIRES {
        for stage in [Stage::Sent, Stage::Held, Stage::Refreshing, Stage::Resent] {
            lets_go(wire, stage, Stream::new(LENGTH).slow(1024, Duration::from_millis(10))).await;
        }
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_drops_an_upload_that_stalls() {
    for wire in WIRES {
        for stage in [Stage::Sent, Stage::Held, Stage::Refreshing, Stage::Resent] {
            lets_go(wire, stage, Stream::new(LENGTH).stalls_after(64 * 1024)).await;
        }
    }
}

#[tokio::test]
async fn a_replay_that_timed_out_drops_the_upload() {
    for wire in WIRES {
        let server = server(wire, Stage::Resent).await;
        let (_, cache) = warm(&server).await;
        let stream = Stream::new(LENGTH).stalls_after(64 * 1024);
        let body = stream.pulled();
        let layer = WeChatAuthLayer::new(&cache).replay_timeout(Duration::from_millis(300));
        let client = layered::<Stream>(&server, &layer);
        let answer = send(client, post(&server, stream)).await.unwrap();
        assert_eq!(answer.not_replayed(), Some(NotReplayed::TimedOut));
        assert_eq!(answer.bytes, REJECTION);
        soon(async {
            while Arc::strong_count(&body) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        soon(server.all_closed()).await;
    }
}
