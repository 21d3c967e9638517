//! The accept loop: bare HTTP/1.1 connections, each ended when the loop is.

use std::{
    convert::Infallible, error::Error as _, fmt, future::poll_fn, io, net::SocketAddr, sync::Arc,
    time::Duration,
};

use http::{Request, StatusCode, Uri};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

use crate::{answer::Answer, api, control, endpoints, reply::Reply, state::State};

/// Connections that may wait to be accepted; a thousand callers may all knock at once.
const BACKLOG: u32 = 4096;

/// Ends a connection in place of an answer.
#[derive(Debug)]
pub(crate) enum HangUp {
    /// In good order.
    Close,
    /// With a TCP RST.
    Reset,
}

/// Listens on an address of loopback.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let why = format!("{address} is no address of loopback, and FakeWeChat listens on no other");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if address.port() != 0 {
        // Connections of a run before may still linger there.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until it is dropped, and with it every connection.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, state.clone()));
            }
            // Out of file descriptors, most likely: some will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    // Only slower without.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let state = state.clone();
        Box::pin(async move {
            if !enter(&state.prefix, request.uri_mut()) {
                let nowhere = Answer::default().status(StatusCode::NOT_FOUND);
                return Ok(Reply::from(nowhere).response);
            }
            let reply = match request.uri().path() {
                endpoints::CLASSIC | endpoints::STABLE | endpoints::WECOM => {
                    endpoints::answer(&state, request).await
                }
                path if state.is_controlled && path.starts_with(control::BELOW) => {
                    Ok(control::answer(&state, request).await)
                }
                _ => api::answer(&state, request).await,
            };
            reply.map(|reply| reply.response)
        })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    // What else can end a connection is the client's doing, and the client knows.
    if let Err(error) = ended
        && let Some(HangUp::Reset) = error.source().and_then(|source| source.downcast_ref())
    {
        // Deprecated because a linger time may block; none does not, and older releases know no other name for it.
        #[allow(deprecated)]
        let _ = stream.set_linger(Some(Duration::ZERO));
    }
}

/// Takes the prefix off; false if it is not there.
fn enter(prefix: &str, uri: &mut Uri) -> bool {
    if prefix.is_empty() {
        return true;
    }
    let below = uri
        .path_and_query()
        .and_then(|whole| whole.as_str().strip_prefix(prefix))
        .filter(|below| below.starts_with('/'))
        .and_then(|below| below.parse().ok());
    below.is_some_and(|below| {
        *uri = below;
        true
    })
}

impl fmt::Display for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was ended on purpose")
    }
}

impl std::error::Error for HangUp {}
