//! What never comes is not waited for longer than `replay_timeout`.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::{Layer, Service, limit::ConcurrencyLimit};
use tower_wechat::{NotReplayed, ReplayBody, TokenCache, WeChatAuthLayer};

use crate::wire::{
    BoxError,
    client::{Came, http, layered, post, send, small, warm},
    neighbour::Neighbour,
    on_each,
    server::{ACCEPTED, Limits, REJECTION, Server, WIRES, Wire, json},
    stream::Stream,
};

const PATIENCE: Duration = Duration::from_secs(1);

#[allow(clippy::disallowed_methods)] // Sockets know no paused time.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let done = work.await;
    (done, start.elapsed())
}

/// A call that ends when `replay_timeout` has passed, with the first answer.
async fn times_out<B>(server: &Server, cache: &TokenCache, request: Request<B>) -> Came
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    times_out_over(http(server), server, cache, request).await
}

/// The same over a client of the test's.
async fn times_out_over<S, B>(inner: S, server: &Server, cache: &TokenCache, request: Request<B>) -> Came
where
    S: Service<Request<ReplayBody<B>>, Response = Response<Incoming>> + Clone + Send,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let client = WeChatAuthLayer::new(cache).replay_timeout(PATIENCE).layer(inner);
    let (answer, took) = timed(send(client, request)).await;
    let (answer, wire) = (answer.unwrap(), server.wire());
    assert_eq!(answer.not_replayed(), Some(NotReplayed::TimedOut), "{wire:?}");
    assert_eq!(answer.bytes, REJECTION);
    assert!(PATIENCE <= took && took < 4 * PATIENCE, "{wire:?}: {took:?}");
    answer
}

#[tokio::test]
async fn a_replay_behind_a_window_that_is_used_up_is_given_up() {
    on_each([Wire::Http2, Wire::Http2Tls], async |wire| {
        let limits = Limits { window: Some(65_535), streams: None };
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
        times_out(&server, &cache, post(&server, Stream::new(1 << 20))).await;
        let seen = server.seen();
        assert_eq!(server.tokens(), [1, 2]);
        assert_eq!(seen[0].connection, seen[1].connection, "there was no second connection to go on");
        assert!(!seen[1].upload().whole);
    })
    .await;
}

#[tokio::test]
async fn a_mint_that_hangs_is_given_up() {
    on_each(WIRES, async |wire| {
        let server = Server::usual(wire).await;
        let (mints, cache) = warm(&server).await;
        server.reject_below(2);
        mints.close();
        times_out(&server, &cache, small(&server)).await;
        assert_eq!(server.tokens(), [1]);
        // It goes on for those who come later.
        mints.open();
        let client = layered(&server, &WeChatAuthLayer::new(&cache));
        assert_eq!(send(client, small(&server)).await.unwrap().errcode(), 0);
        assert_eq!((server.tokens(), mints.count()), (vec![1, 2], 2));
    })
    .await;
}

#[tokio::test]
async fn a_replay_that_is_never_answered_is_given_up() {
    on_each(WIRES, async |wire| {
        let server = Server::start(wire, |mut exchange| async move {
            exchange.read_all().await;
            if exchange.is_accepted() {
                std::future::pending::<()>().await;
            }
            json(REJECTION)
        })
        .await;
        let (_, cache) = warm(&server).await;
        server.reject_below(2);
        times_out(&server, &cache, small(&server)).await;
        assert_eq!(server.tokens(), [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn a_permit_that_does_not_come_is_given_up() {
    on_each(WIRES, async |wire| {
        let server = Server::usual(wire).await;
        let (mints, cache) = warm(&server).await;
        server.reject_below(2);
        let limited = ConcurrencyLimit::new(http(&server), 1);
        mints.close();
        let neighbour = async {
            mints.begun(2).await;
            let mut neighbour = Neighbour::queue(&limited).await;
            neighbour.has_it().await;
            mints.open();
            neighbour
        };
        let call = times_out_over(limited.clone(), &server, &cache, small(&server));
        let (_, neighbour) = tokio::join!(call, neighbour);
        neighbour.give_back();
        assert_eq!(server.tokens(), [1]);
        // Nobody is left in the queue.
        let client = WeChatAuthLayer::new(&cache).layer(limited);
        assert_eq!(send(client, small(&server)).await.unwrap().errcode(), 0);
    })
    .await;
}
