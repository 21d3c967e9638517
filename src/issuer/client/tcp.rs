//! [`TcpConnector`]: a TCP connection to a server or a proxy, whose address is noted.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::net::TcpStream;
use tower_service::Service;

use super::resolver::{Names, Resolver, Tried};
use crate::error::BoxError;

/// Connects for the calls of one mint, or for calls of all kinds.
#[derive(Clone)]
pub(super) struct TcpConnector {
    tcp: HttpConnector<Resolver>,
    /// Where the addresses are noted, for a mint.
    tried: Option<Tried>,
}

impl TcpConnector {
    pub(super) fn new(names: Names, tried: Option<Tried>, limit: Duration) -> Self {
        let resolver = Resolver::new(names, tried.clone().unwrap_or_default());
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        // What is above looks at the scheme.
        tcp.enforce_http(cfg!(not(feature = "https")));
        // A host's addresses share it, so that a deaf one does not keep the others from being tried.
        tcp.set_connect_timeout(Some(limit));
        Self { tcp, tried }
    }
}

impl Service<Uri> for TcpConnector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, tried) = (self.tcp.call(to), self.tried.clone());
        Box::pin(async move {
            let stream = connecting.await?;
            // A connection that is gone already has no address, and the next call fails or does not.
            if let Some(tried) = tried
                && let Ok(address) = stream.inner().peer_addr()
            {
                tried.add(address.ip());
            }
            Ok(stream)
        })
    }
}
