//! [`Listener`]: where connections come from.

use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::socket_file::SocketFile;
use crate::{
    error::Error,
    peer::{Peer, Process},
};

/// Where a server listens.
///
/// `Display` writes `127.0.0.1:9190`, or `unix:/run/wechat-hub/hub.sock`.
///
/// ```
/// use wechat_hub::Hub;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let hub = Hub::builder().build()?;
/// let server = hub.serve_tcp("127.0.0.1:0")?;
/// let port = server.local_addr().port().ok_or("no port")?;
/// assert_eq!(server.local_addr().to_string(), format!("127.0.0.1:{port}"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddr {
    /// A TCP address, with the port that was taken where any was asked for.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl ListenAddr {
    /// The port, of a TCP address.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How many connections may wait to be taken. Of a herd that is larger, some would come a second later.
const BACKLOG: u32 = 4096;

/// Where connections come from.
pub(super) enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, TlsAcceptor),
    Unix(UnixListener, SocketFile),
}

/// A connection that has come.
pub(super) enum Accepted {
    Tcp(TcpStream),
    Tls(TcpStream, TlsAcceptor),
    Unix(UnixStream),
}

impl Listener {
    pub(super) fn unix(path: &Path) -> Result<Self, Error> {
        let (listener, file) = SocketFile::bind(path)?;
        let listener = UnixListener::from_std(listener);
        Ok(Self::Unix(
            listener.map_err(|error| Error::io("the Unix socket cannot be listened at", error))?,
            file,
        ))
    }

    pub(super) fn tcp(address: impl ToSocketAddrs, only_loopback: bool) -> Result<TcpListener, Error> {
        let addresses = address.to_socket_addrs();
        let addresses: Vec<_> =
            addresses.map_err(|error| Error::io("the address to listen at is none", error))?.collect();
        if let Some(public) =
            addresses.iter().find(|address| !address.ip().is_loopback()).filter(|_| only_loopback)
        {
            return Err(Error::new(format!(
                "{public} is not a loopback address, and without TLS whoever listens on the way could read tokens and client \
                 secrets: serve it over TLS, or, in a network that nobody else is in, ask for plain text by name"
            )));
        }
        let mut listener = Err(io::ErrorKind::AddrNotAvailable.into());
        for address in &addresses {
            listener = listen(*address);
            if listener.is_ok() {
                break;
            }
        }
        let shown: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        listener.map_err(|error| {
            let what = match error.kind() {
                io::ErrorKind::AddrInUse => "is in use: is another hub running there?",
                io::ErrorKind::PermissionDenied => {
                    "is not to be had by this user: ports below 1024 are the system's"
                }
                _ => "cannot be listened at",
            };
            Error::io(format!("the address {} {what}", shown.join(", ")), error)
        })
    }

    pub(super) fn local_addr(&self) -> Result<ListenAddr, Error> {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => {
                let address = listener.local_addr();
                Ok(ListenAddr::Tcp(address.map_err(|error| Error::io("the address is not known", error))?))
            }
            Self::Unix(_, file) => Ok(ListenAddr::Unix(file.path().to_owned())),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match self {
            Self::Tcp(listener) => tcp(listener).await.map(|(stream, peer)| (Accepted::Tcp(stream), peer)),
            Self::Tls(listener, tls) => {
                tcp(listener).await.map(|(stream, peer)| (Accepted::Tls(stream, tls.clone()), peer))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let process = stream.peer_cred().ok();
                let process = process.map(|cred| Process { pid: cred.pid(), uid: Some(cred.uid()) });
                Ok((Accepted::Unix(stream), Peer::Unix(process.unwrap_or_default())))
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A hub that starts again need not wait for the connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn tcp(listener: &TcpListener) -> io::Result<(TcpStream, Peer)> {
    let (stream, address) = listener.accept().await?;
    // Answers are small, and go out at once. Where that cannot be set, they are a little later.
    let _ = stream.set_nodelay(true);
    Ok((stream, Peer::Tcp(address)))
}
