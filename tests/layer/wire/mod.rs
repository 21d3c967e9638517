//! The layer over hyper's client and real connections, to a server that does what a test says: HTTP/1.1, HTTP/2 with prior
//! knowledge, HTTP/2 over TLS.

mod client;
mod crowd;
mod dropped;
mod early;
mod frames;
mod framing;
mod heads;
mod limits;
mod mints;
mod neighbour;
mod permits;
use crate::support::raw;
mod refreshing;
mod refused;
mod server;
mod slow_answers;
mod stream;
mod stuck;

use std::{future::Future, time::Duration};

use crate::wire::server::Wire;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Far more than any of this takes: what does not end by then hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("no hang")
}

/// Lets everything run that can run by now.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Tests each of these side by side, since most of a test is waiting.
async fn on_each<const N: usize>(wires: [Wire; N], test: impl AsyncFn(Wire)) {
    futures_util::future::join_all(wires.map(|wire| test(wire))).await;
}
