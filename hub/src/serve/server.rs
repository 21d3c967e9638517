//! [`Server`]: a hub, or a look at it, being served at one address.

use std::{net::ToSocketAddrs, path::Path, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{runtime::Handle, time::timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    accept,
    connection::Serving,
    listener::{ListenAddr, Listener},
    room::Room,
};
use crate::{error::Error, hub::Hub, service::Answers};

/// How long requests under way have when the server ends. A mint takes 10 s at most.
const DRAIN: Duration = Duration::from_secs(12);

/// A hub, or a look at it, being served at one address, until [`shutdown`](Self::shutdown). When it is dropped, it ends as
/// well, but nobody waits for that.
///
/// ```
/// use wechat_hub::Hub;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let hub = Hub::builder().build()?;
/// let server = hub.serve_tcp("127.0.0.1:0")?;
/// println!("listening on http://{}", server.local_addr());
/// // … until a signal comes:
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    address: ListenAddr,
    stop: CancellationToken,
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl Hub {
    /// Serves the hub at a Unix socket, which only this user may use (0600). The folder is made (0700) if it is not there.
    ///
    /// A socket that is there already and that nobody listens at any more is replaced.
    ///
    /// ```
    /// # use wechat_hub::Hub;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = std::env::temp_dir().join(format!("hub-of-docs-{}", std::process::id()));
    /// # let path = folder.join("hub.sock");
    /// # let hub = Hub::builder().build()?;
    /// let server = hub.serve_unix(&path)?; // such as /run/wechat-hub/hub.sock
    /// assert!(path.exists());
    ///
    /// server.shutdown().await;
    /// assert!(!path.exists());
    /// # std::fs::remove_dir(folder)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the path is too long for a socket, its folder can be written by others, something else is there or another
    /// process listens (the message has its id), and outside tokio.
    pub fn serve_unix(&self, path: impl AsRef<Path>) -> Result<Server, Error> {
        on_tokio()?;
        self.serve(Listener::unix(path.as_ref())?)
    }

    /// Serves the hub at a loopback address by plain HTTP. With port 0 the system picks one.
    ///
    /// ```
    /// # use wechat_hub::Hub;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build()?;
    /// let server = hub.serve_tcp("127.0.0.1:0")?;
    /// assert!(hub.serve_tcp("192.0.2.1:9190").is_err(), "not without TLS");
    /// # server.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the address is none, is not loopback or is in use, and outside tokio.
    pub fn serve_tcp(&self, address: impl ToSocketAddrs) -> Result<Server, Error> {
        on_tokio()?;
        self.serve(Listener::Tcp(Listener::tcp(address, true)?))
    }

    /// Serves the hub at any address by plain HTTP: **whoever can listen on the way can take tokens and client secrets.** For
    /// a network that nobody else is in, or behind a proxy that speaks TLS.
    ///
    /// ```no_run
    /// # use wechat_hub::Hub;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build()?;
    /// // In a network that nobody else is in.
    /// let server = hub.dangerous_serve_plain_tcp("10.0.0.2:9190")?;
    /// # server.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the address is none or is in use, and outside tokio.
    pub fn dangerous_serve_plain_tcp(&self, address: impl ToSocketAddrs) -> Result<Server, Error> {
        on_tokio()?;
        self.serve(Listener::Tcp(Listener::tcp(address, false)?))
    }

    /// Serves the hub at any address over TLS, with a [`Tls`](crate::Tls) or a configuration of your own.
    ///
    /// ```
    /// # use wechat_hub::Hub;
    /// use wechat_hub::Tls;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build()?;
    /// # let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    /// # let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    /// let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes())?;
    /// let server = hub.serve_tls("127.0.0.1:0", tls)?;
    /// # server.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the address is none or is in use, and outside tokio.
    pub fn serve_tls(
        &self,
        address: impl ToSocketAddrs,
        config: impl Into<Arc<ServerConfig>>,
    ) -> Result<Server, Error> {
        on_tokio()?;
        let tls = TlsAcceptor::from(config.into());
        self.serve(Listener::Tls(Listener::tcp(address, false)?, tls))
    }

    /// Serves one connection.
    #[cfg(fuzzing)]
    pub(crate) async fn serve_stream(&self, stream: tokio::io::DuplexStream, peer: crate::peer::Peer) {
        let limits = self.table().limits;
        let Some(place) = self.connections().enter() else { return };
        let phase = Arc::new(super::phase::Phase::new(place, limits.header_timeout));
        let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
        let serving =
            Serving { answers: Answers::of_hub(self), header_bytes: limits.header_bytes, stop, cut };
        serving.serve(stream, peer, phase).await;
    }

    /// Serves [`admin_service`](Self::admin_service) at any address by plain HTTP, to 64 connections at a time. It shows no
    /// token and no secret, yet it tells of apps and clients: take an address that only those can reach who may know.
    ///
    /// ```
    /// # use wechat_hub::Hub;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build()?;
    /// let server = hub.serve_admin("127.0.0.1:0")?;
    /// println!("admin on http://{}", server.local_addr());
    /// # server.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the address is none or is in use, and outside tokio.
    pub fn serve_admin(&self, address: impl ToSocketAddrs) -> Result<Server, Error> {
        on_tokio()?;
        let listener = Listener::Tcp(Listener::tcp(address, false)?);
        Server::start(listener, Answers::of_router(self.admin_service()), Room::of_admin())
    }

    fn serve(&self, listener: Listener) -> Result<Server, Error> {
        Server::start(listener, Answers::of_hub(self), Room::of_hub(self))
    }
}

fn on_tokio() -> Result<(), Error> {
    Handle::try_current()
        .map(drop)
        .map_err(|_| Error::new("a hub is served on a tokio runtime, and there is none here"))
}

impl Server {
    fn start(listener: Listener, answers: Answers, room: Room) -> Result<Self, Error> {
        let server = Self {
            address: listener.local_addr()?,
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let serving = Serving {
            answers,
            header_bytes: (room.limits)().header_bytes,
            stop: server.stop.clone(),
            cut: server.cut.clone(),
        };
        server.tasks.spawn(accept::run(listener, room, serving, server.tasks.clone()));
        Ok(server)
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> &ListenAddr {
        &self.address
    }

    /// Ends: takes no more connections, answers long polls that there is nothing newer, finishes the requests under way and
    /// removes its socket. What is not answered after 12 s is cut off. The hub and its apps go on.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        if timeout(DRAIN, self.tasks.wait()).await.is_err() {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
