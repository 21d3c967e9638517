//! [`Client`]: whichever client an issuer mints through.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::Request;

#[cfg(feature = "https")]
use super::roots::Roots;
use super::{built_in::BuiltIn, error::ExchangeError, exchange::Answer};

type Exchanging = Pin<Box<dyn Future<Output = Result<Answer, ExchangeError>> + Send>>;

/// Sends the request of a mint.
#[derive(Clone, Default)]
pub struct Client(Kind);

#[derive(Clone, Default)]
enum Kind {
    /// The built-in one that all issuers of the process share.
    #[default]
    Shared,
    /// A built-in one that trusts more certificates.
    #[cfg(feature = "https")]
    Trusting(Arc<Roots>, Box<BuiltIn>),
    /// The caller's own, whose type is forgotten.
    Own(Arc<dyn Fn(Request<Bytes>) -> Exchanging + Send + Sync>),
}

impl Client {
    pub(super) fn own<F>(exchange: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Answer, ExchangeError>> + Send + 'static,
    {
        Self(Kind::Own(Arc::new(move |request| Box::pin(exchange(request)))))
    }

    /// A built-in client that trusts the certificates in this text too.
    #[cfg(feature = "https")]
    pub(in crate::issuer) fn trusting(&self, pem: &[u8]) -> Result<Self, crate::error::Error> {
        let before = match &self.0 {
            Kind::Trusting(roots, _) => Some(&**roots),
            Kind::Shared | Kind::Own(_) => None,
        };
        let roots = Roots::read(pem, before)?;
        let client = BuiltIn::trusting(&roots);
        Ok(Self(Kind::Trusting(Arc::new(roots), Box::new(client))))
    }

    pub(in crate::issuer) async fn exchange(&self, request: Request<Bytes>) -> Result<Answer, ExchangeError> {
        match &self.0 {
            Kind::Shared => BuiltIn::shared().exchange(request).await,
            #[cfg(feature = "https")]
            Kind::Trusting(_, client) => client.exchange(request).await,
            Kind::Own(exchange) => exchange(request).await,
        }
    }
}
