//! A client that asks through a Unix socket.

use std::{
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::UnixStream, time::sleep};
use tower_service::Service;

use crate::issuer::client::{Client, HttpClient};

/// Before a hub is tried again that has as many connections to take as the kernel keeps for it, in milliseconds.
const FULL_MILLIS: std::ops::Range<u64> = 5..25;

/// It keeps no connection: a kept one would die with the runtime that happened to open it.
pub(super) fn client(path: &Path) -> Client {
    let connector = Connector(path.into());
    let client = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
    erased(client)
}

fn erased<R>(client: impl HttpClient<R>) -> Client {
    client.into_client()
}

/// Connects to one socket, whatever the URL says.
#[derive(Clone)]
struct Connector(Arc<Path>);

impl Service<Uri> for Connector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move { connect(&path).await.map(TokioIo::new).map_err(explained) })
    }
}

async fn connect(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            // Its queue is full. TCP would wait by itself; who asks has a deadline.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sleep(Duration::from_millis(fastrand::u64(FULL_MILLIS))).await;
            }
            connected => return connected,
        }
    }
}

/// The same error with what to do about it.
fn explained(error: io::Error) -> io::Error {
    let text = match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such socket: is the hub running, and is this the path that it listens at?"
        }
        io::ErrorKind::ConnectionRefused => {
            "the socket is there, but nobody listens: start the hub, which replaces the socket"
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not open the socket: run as the user of the hub, or let this one into the socket and the folders \
             above it"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), text)
}
