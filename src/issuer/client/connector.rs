//! [`Connector`]: connects to a server, straight or through the environment's proxy.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use hyper_util::client::{
    legacy::connect::proxy::Tunnel,
    proxy::matcher::{Intercept, Matcher},
};
use tower_service::Service;

use super::{
    resolver::{Names, Tried},
    stream::{ServerStream, Transport},
    tcp::TcpConnector,
};
use crate::error::BoxError;

/// How long a connection may take: name, TCP, proxy and TLS together. A fetch takes 10 s at most, so that a second call is
/// possible.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Puts TLS, where the URL asks for it, upon a way to the server.
#[cfg(feature = "https")]
type TlsConnector = hyper_rustls::HttpsConnector<ProxyConnector>;
#[cfg(not(feature = "https"))]
type TlsConnector = ProxyConnector;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Everything that lies before a connection can be used, within the time-out: the name, TCP, the environment's proxy, TLS.
///
/// A hyper client that is built over it has the same way to the platform as the built-in client of the issuers.
///
/// Cheap to clone, as a client clones it for each request.
#[derive(Clone)]
pub struct Connector(Arc<TlsConnector>);

impl Connector {
    #[cfg(feature = "https")]
    pub(super) fn new(
        names: Names,
        tried: Option<Tried>,
        proxies: Arc<Matcher>,
        tls: Arc<rustls::ClientConfig>,
    ) -> Self {
        let tcp = TcpConnector::new(names, tried, CONNECT_TIMEOUT);
        let transport = (tcp.clone(), tls.clone()).into();
        Self(Arc::new((ProxyConnector { tcp, transport, proxies }, tls).into()))
    }

    #[cfg(not(feature = "https"))]
    pub(super) fn new(names: Names, tried: Option<Tried>, proxies: Arc<Matcher>) -> Self {
        let tcp = TcpConnector::new(names, tried, CONNECT_TIMEOUT);
        Self(Arc::new(ProxyConnector { transport: tcp.clone(), tcp, proxies }))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Service<Uri> for Connector {
    type Response = <TlsConnector as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Hyper's connectors are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = TlsConnector::clone(&self.0).call(to);
        Box::pin(async move {
            tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| {
                let text = "there was no connection within 3 s";
                Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
            })
        })
    }
}

/// The way to a server, without its TLS.
#[derive(Clone)]
pub struct ProxyConnector {
    tcp: TcpConnector,
    transport: Transport,
    proxies: Arc<Matcher>,
}

impl Service<Uri> for ProxyConnector {
    type Response = ServerStream;
    type Error = BoxError;
    type Future = Connecting<ServerStream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Hyper's connectors are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Connecting<ServerStream> {
        if let Some(proxy) = self.proxies.intercept(&to) {
            return self.through(&proxy, to);
        }
        let connecting = self.tcp.call(to);
        Box::pin(async move { Ok(ServerStream::to_server(connecting.await?)) })
    }
}

impl ProxyConnector {
    fn through(&mut self, proxy: &Intercept, to: Uri) -> Connecting<ServerStream> {
        let at = proxy.uri().clone();
        if to.scheme() == Some(&Scheme::HTTP) {
            let connecting = self.transport.call(at);
            return Box::pin(async move { Ok(ServerStream::to_proxy(connecting.await?)) });
        }
        let mut tunnel = Tunnel::new(at, self.transport.clone());
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(async move { Ok(ServerStream::to_server(connecting.await?)) })
    }
}
