//! [`Peer`]: who is at the other end of a connection.

use std::{fmt, net::SocketAddr};

/// Who is at the other end of a connection. Requests that the hub's own listeners took have it among their extensions.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use wechat_hub::{Hub, Peer};
///
/// /// Who asks, beside the hub's own paths.
/// async fn who(Extension(peer): Extension<Peer>) -> String {
///     peer.to_string() // `127.0.0.1:40312`, or `unix:pid=7:uid=1000`
/// }
/// let hub = Hub::builder().build()?;
/// let router: Router = Router::new().route("/who", get(who));
/// # drop((router, hub));
/// # Ok::<(), wechat_hub::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// An address, over TCP or TLS.
    Tcp(SocketAddr),
    /// A process of this host, over a Unix socket.
    Unix(Process),
}

/// A process of this host, as the operating system tells.
///
/// ```
/// use wechat_hub::{Peer, Process};
///
/// let peer = Peer::Unix(Process::default());
/// if let Peer::Unix(Process { pid: Some(pid), .. }) = peer {
///     println!("process {pid} asks");
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// Its id, where the system tells it.
    pub pid: Option<i32>,
    /// The user that it runs as, where the system tells it.
    pub uid: Option<u32>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(process) => {
                f.write_str("unix")?;
                process.pid.iter().try_for_each(|pid| write!(f, ":pid={pid}"))?;
                process.uid.iter().try_for_each(|uid| write!(f, ":uid={uid}"))
            }
        }
    }
}
