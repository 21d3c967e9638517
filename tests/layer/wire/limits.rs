//! The one permit of the inner service is a neighbour's for a while, and tokens die meanwhile.

use bytes::Bytes;
use http_body_util::Full;
use std::time::Duration;
use tokio::sync::watch;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit};
use tower_wechat::{ReplayBody, TokenCache, WeChatAuthLayer};

use crate::wire::{
    client::{Http, http, send, small, warm},
    mints::Mints,
    neighbour::Neighbour,
    server::{ACCEPTED, REJECTION, Server, WIRES, Wire, json},
    settle, soon,
};

type Limited = ConcurrencyLimit<Http<ReplayBody<Full<Bytes>>>>;

/// A server that holds the first answer back until the gate opens.
async fn gated(wire: Wire) -> (Server, watch::Sender<bool>) {
    let gate = watch::Sender::new(false);
    let opening = gate.clone();
    let server = Server::start(wire, move |mut exchange| {
        let mut opening = opening.subscribe();
        async move {
            exchange.read_all().await;
            if exchange.number == 1 {
                opening.wait_for(|open| *open).await.unwrap();
            }
            json(if exchange.is_accepted() { ACCEPTED } else { REJECTION })
        }
    })
    .await;
    (server, gate)
}

/// A replay waits for the permit while the token dies that it was refreshed to.
async fn replay(wire: Wire, refresh: impl AsyncFnOnce(&Server, &Mints, &TokenCache, Neighbour, &Limited)) {
    let (server, gate) = gated(wire).await;
    let (mints, cache) = warm(&server).await;
    let limited: Limited = ConcurrencyLimit::new(http(&server), 1);
    let client = WeChatAuthLayer::new(&cache).layer(limited.clone());
    server.reject_below(2);

    let sending = tokio::spawn(send(client, small(&server)));
    soon(server.requests(1)).await;
    let mut neighbour = Neighbour::queue(&limited).await;
    gate.send_replace(true);
    neighbour.has_it().await;
    mints.begun(2).await;
    let held = soon(cache.token()).await.unwrap();
    assert_eq!(held.as_str(), "TOKEN-2");
    // The replay has been woken with it, and waits for the permit.
    settle().await;
    refresh(&server, &mints, &cache, neighbour, &limited).await;
    let answer = soon(sending).await.unwrap().unwrap();
    assert_eq!(answer.errcode(), 0, "{wire:?}");
    assert!(answer.replayed());
    let newest = cache.current().unwrap().as_str().rsplit_once('-').unwrap().1.parse().unwrap();
    assert_eq!(server.tokens(), [1, newest], "{wire:?}");
    assert!(newest > 2);
}

#[tokio::test]
async fn a_replay_that_waited_for_a_permit_goes_out_with_the_newest_token() {
    for wire in WIRES {
        replay(wire, async |server, _, cache, neighbour, _| {
            let held = cache.current().unwrap();
            server.reject_below(3);
            soon(cache.refresh(&held)).await.unwrap();
            neighbour.give_back();
        })
        .await;
    }
}

#[tokio::test]
async fn a_replay_that_waited_for_a_permit_waits_for_a_refresh_that_is_under_way() {
    for wire in WIRES {
        replay(wire, async |server, mints, cache, neighbour, limited| {
            let held = cache.current().unwrap();
            let begun = mints.count();
            server.reject_below(begun + 1);
            mints.close();
            let refreshing = cache.clone();
            let refreshing = tokio::spawn(async move { refreshing.refresh(&held).await });
            mints.begun(begun + 1).await;
            neighbour.give_back();
            settle().await;
            // The replay holds no permit while it waits for the token.
            let mut another = Neighbour::queue(limited).await;
            another.has_it().await;
            another.give_back();
            mints.open();
            soon(refreshing).await.unwrap().unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn a_first_send_that_waited_for_a_permit_goes_out_with_the_newest_token() {
    for wire in WIRES {
        for under_way in [false, true] {
            let server = Server::usual(wire).await;
            let mints = Mints::new(&server.url());
            let cache = TokenCache::new(mints.clone());
            let limited: Limited = ConcurrencyLimit::new(http(&server), 1);
            let mut client = WeChatAuthLayer::new(&cache).layer(limited.clone());
            mints.close();

            // The request has given its permit up, and the neighbour takes it.
            let calling = soon(client.ready()).await.unwrap().call(small(&server));
            let mut neighbour = Neighbour::queue(&limited).await;
            neighbour.has_it().await;
            let sending =
                tokio::spawn(async move { crate::wire::client::read(calling.await.unwrap()).await });
            mints.begun(1).await;
            mints.open();
            let first = soon(cache.token()).await.unwrap();
            // The request has been woken before, and has its token now.
            settle().await;
            server.reject_below(2);
            if under_way {
                mints.take(Duration::from_millis(300));
                let refreshing = cache.clone();
                tokio::spawn(async move { refreshing.refresh(&first).await });
                mints.begun(2).await;
            } else {
                soon(cache.refresh(&first)).await.unwrap();
            }
            neighbour.give_back();
            let answer = soon(sending).await.unwrap();
            assert_eq!(answer.errcode(), 0, "{wire:?}");
            assert!(answer.outcome.is_none(), "it was never rejected");
            assert_eq!(server.tokens(), [2], "{wire:?}");
        }
    }
}
