//! Serving a hub: listeners, connections, and their limits.
//!
//! `listener` takes connections, `accept` gives each a task, `connection` serves it and sees to its time limits,
//! `connections` keeps them within their number.

mod accept;
mod answering;
mod connection;
mod connections;
mod framing;
mod listener;
mod phase;
mod room;
mod server;
mod socket_file;
mod stopping;
mod stream;
mod tls;

pub(crate) use self::{connections::Connections, stopping::Stopping};
pub use self::{listener::ListenAddr, server::Server, tls::Tls};
