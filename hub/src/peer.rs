//! [`Peer`]: who is at the other end of a connection.

use std::{fmt, net::SocketAddr};

/// Who is at the other end of a connection. Requests that the hub's own listeners took have it among their extensions.
///
/// Where another server mounts [`Hub::service`](crate::Hub::service), it may put it there. Without it, a caller is taken for
/// one from another machine, and is nobody's [`unix_client`](crate::HubBuilder::unix_client).
///
/// ```
/// use axum::{Extension, Router};
/// use std::net::SocketAddr;
/// use wechat_hub::{Hub, Peer};
///
/// /// What answers one connection of a server of your own.
/// fn router(hub: &Hub, address: SocketAddr) -> Router {
///     hub.service().layer(Extension(Peer::Tcp(address)))
/// }
/// # let hub = Hub::builder().build()?;
/// # drop(router(&hub, ([127, 0, 0, 1], 80).into()));
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
