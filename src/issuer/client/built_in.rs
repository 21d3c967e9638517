//! [`BuiltIn`]: the client for those who bring none.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Request, header::PROXY_AUTHORIZATION, uri::Scheme};
use http_body_util::Full;
use hyper_util::{
    client::{legacy, proxy::matcher::Matcher},
    rt::TokioExecutor,
};

#[cfg(feature = "https")]
use super::roots::Roots;
use super::{
    connector::Connector,
    error::ExchangeError,
    exchange::{Answer, exchange},
};

/// It keeps no connection: mints are hours apart, and a kept one would die with the runtime that happened to open it.
#[derive(Clone)]
pub(super) struct BuiltIn {
    client: legacy::Client<Connector, Full<Bytes>>,
    /// The environment's, as they were when the client was made.
    proxies: Arc<Matcher>,
}

impl BuiltIn {
    /// One for the process, made on first use.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<BuiltIn> = OnceLock::new();
        SHARED.get_or_init(|| {
            #[cfg(feature = "https")]
            return Self::trusting(&Roots::mozilla());
            #[cfg(not(feature = "https"))]
            Self::with(Connector::new)
        })
    }

    /// One that trusts these certificates.
    #[cfg(feature = "https")]
    pub(super) fn trusting(roots: &Roots) -> Self {
        Self::with(|proxies| Connector::new(proxies, roots.tls()))
    }

    fn with(connector: impl FnOnce(Arc<Matcher>) -> Connector) -> Self {
        // As reqwest does.
        let proxies = Arc::new(Matcher::from_system());
        let connector = connector(proxies.clone());
        let client = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { client, proxies }
    }

    pub(super) async fn exchange(&self, mut request: Request<Bytes>) -> Result<Answer, ExchangeError> {
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
        exchange(self.client.clone(), request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_client_is_one_and_needs_no_default_crypto_provider() {
        assert!(std::ptr::eq(BuiltIn::shared(), BuiltIn::shared()));
    }
}
