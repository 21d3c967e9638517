//! [`ServerStream`]: a connection that knows whether a proxy reads the requests on it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::tcp::TcpConnector;

/// Connects to a server, or to a proxy.
#[cfg(feature = "https")]
pub(super) type Transport = hyper_rustls::HttpsConnector<TcpConnector>;
#[cfg(not(feature = "https"))]
pub(super) type Transport = TcpConnector;

/// A connection up to a server or a proxy.
type Stream = <Transport as Service<Uri>>::Response;

pin_project! {
    pub struct ServerStream {
        #[pin]
        stream: Stream,
        to_proxy: bool,
    }
}

impl ServerStream {
    /// The server itself reads the requests, also where a proxy passes the bytes on.
    pub(super) fn to_server(stream: impl Into<Stream>) -> Self {
        Self { stream: stream.into(), to_proxy: false }
    }

    /// A proxy reads the requests, so that they must name the server.
    pub(super) fn to_proxy(stream: Stream) -> Self {
        Self { stream, to_proxy: true }
    }
}

impl Connection for ServerStream {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.to_proxy)
    }
}

impl Read for ServerStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().stream.poll_read(cx, into)
    }
}

impl Write for ServerStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, bytes)
    }
}
