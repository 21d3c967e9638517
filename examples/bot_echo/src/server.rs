//! The connections: HTTP/1.1, with two limits that `axum::serve` does not have.

use std::{pin::pin, time::Duration};

use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, select, time::timeout};

/// For the head of a request, and for the time between two requests. A proxy keeps idle connections for a minute, and had
/// better be the first to close one: it cannot tell whether the bot took the request that it is just sending.
const LONGEST_HEAD: Duration = Duration::from_secs(75);
/// For what is under way once the bot is asked to end. After 5 seconds WeChat has hung up.
const LONGEST_DRAIN: Duration = Duration::from_secs(5);

/// Answers requests until it is asked to end, and those that are under way then. A connection that has not come to its end by
/// [`LONGEST_DRAIN`] is left to the end of the program.
pub async fn serve(mut listener: TcpListener, router: Router, asked: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(LONGEST_HEAD);
    let connections = GracefulShutdown::new();
    let mut asked = pin!(asked);
    loop {
        let (stream, _) = select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = &mut asked => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        // How it ends is the client's business.
        tokio::spawn(async move { _ = connection.await });
    }
    drop(listener);
    _ = timeout(LONGEST_DRAIN, connections.shutdown()).await;
}
