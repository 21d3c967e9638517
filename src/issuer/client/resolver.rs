//! [`Resolver`]: the addresses of a host, in the order in which they are to be tried.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    vec,
};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// The addresses that the calls of one mint had a connection to.
#[derive(Clone, Default)]
pub(super) struct Tried(Arc<Mutex<Vec<IpAddr>>>);

impl Tried {
    pub(super) fn add(&self, address: IpAddr) {
        // Nothing that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(address);
    }

    /// Puts those that were tried behind the others. Their order is as it was otherwise.
    fn put_last(&self, addresses: &mut [SocketAddr]) {
        let tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.sort_by_key(|address| tried.contains(&address.ip()));
    }
}

/// What a test has for a name.
#[cfg(test)]
pub(super) type Script = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// Looks up names.
#[derive(Clone)]
pub(super) enum Names {
    /// As the system does.
    System(GaiResolver),
    #[cfg(test)]
    Scripted(Arc<Script>),
}

/// Looks up names, and puts the addresses last that were tried before.
#[derive(Clone)]
pub(super) struct Resolver {
    names: Names,
    tried: Tried,
}

impl Resolver {
    pub(super) fn new(names: Names, tried: Tried) -> Self {
        Self { names, tried }
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The system's resolver always is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { mut names, tried } = self.clone();
        Box::pin(async move {
            let mut addresses: Vec<_> = match &mut names {
                Names::System(system) => system.call(name).await?.collect(),
                #[cfg(test)]
                Names::Scripted(answer) => {
                    answer(name.as_str()).into_iter().map(|address| (address, 0).into()).collect()
                }
            };
            tried.put_last(&mut addresses);
            Ok(addresses.into_iter())
        })
    }
}
