//! [`BuiltIn`]: the client for those who bring none.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Request, header::PROXY_AUTHORIZATION, uri::Scheme};
use hyper_util::{
    client::{
        legacy::{self, connect::dns::GaiResolver},
        proxy::matcher::Matcher,
    },
    rt::TokioExecutor,
};

#[cfg(feature = "https")]
use super::roots::Roots;
use super::{
    connector::Connector,
    error::ExchangeError,
    exchange::{Answer, exchange},
    resolver::{Names, Tried},
};

/// It keeps no connection: mints are hours apart, and a kept one would die with the runtime that happened to open it.
#[derive(Clone)]
pub(super) struct BuiltIn {
    names: Names,
    /// The environment's, as they were when the client was made.
    proxies: Arc<Matcher>,
    #[cfg(feature = "https")]
    tls: Arc<rustls::ClientConfig>,
}

impl BuiltIn {
    /// One for the process, made on first use.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<BuiltIn> = OnceLock::new();
        SHARED.get_or_init(|| {
            #[cfg(feature = "https")]
            return Self::trusting(&Roots::mozilla());
            #[cfg(not(feature = "https"))]
            Self { names: Names::System(GaiResolver::new()), proxies: proxies() }
        })
    }

    /// One that trusts these certificates.
    #[cfg(feature = "https")]
    pub(super) fn trusting(roots: &Roots) -> Self {
        Self { names: Names::System(GaiResolver::new()), proxies: proxies(), tls: roots.tls() }
    }

    /// The same with other addresses for names.
    #[cfg(test)]
    pub(super) fn resolving(self, names: Names) -> Self {
        Self { names, ..self }
    }

    fn connector(&self, tried: Option<Tried>) -> Connector {
        Connector::new(
            self.names.clone(),
            tried,
            self.proxies.clone(),
            #[cfg(feature = "https")]
            self.tls.clone(),
        )
    }

    /// One call. It takes other addresses than those that were `tried` before, where there are any.
    pub(super) async fn exchange(
        &self,
        mut request: Request<Bytes>,
        tried: &Tried,
    ) -> Result<Answer, ExchangeError> {
        let proxy = self.proxies.intercept(request.uri());
        if proxy.as_ref().is_some_and(|proxy| !matches!(proxy.uri().scheme_str(), Some("http" | "https"))) {
            return Err(ExchangeError::Socks);
        }
        if request.uri().scheme() == Some(&Scheme::HTTP) {
            // Through a tunnel the connector says who we are; without one, the request does.
            if let Some(auth) = proxy.as_ref().and_then(|proxy| proxy.basic_auth()) {
                request.headers_mut().insert(PROXY_AUTHORIZATION, auth.clone());
            }
        } else if cfg!(not(feature = "https")) {
            return Err(ExchangeError::NoTls);
        }
        let connector = self.connector(Some(tried.clone()));
        let client = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        exchange(client, request).await
    }
}

impl Connector {
    /// For a client that makes calls of all kinds.
    #[must_use]
    pub fn shared() -> Self {
        BuiltIn::shared().connector(None)
    }
}

/// The environment's, as reqwest takes them.
fn proxies() -> Arc<Matcher> {
    Arc::new(Matcher::from_system())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_client_is_one_and_needs_no_default_crypto_provider() {
        assert!(std::ptr::eq(BuiltIn::shared(), BuiltIn::shared()));
    }
}
