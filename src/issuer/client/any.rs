//! [`Client`]: whichever client an issuer mints through.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use tokio::time::timeout;

#[cfg(feature = "https")]
use super::roots::Roots;
use super::{built_in::BuiltIn, error::ExchangeError, exchange::Answer, resolver::Tried};

/// How long the first call of a mint may take. Token endpoints answer within a fraction of it, and a call that hangs must
/// not cost the ten seconds that a fetch has.
const FIRST_CALL: Duration = Duration::from_secs(3);

type Exchanging = Pin<Box<dyn Future<Output = Result<Answer, ExchangeError>> + Send>>;

/// Makes the calls of a mint.
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

    /// The built-in one, with addresses that the test gives for names.
    #[cfg(all(test, feature = "https"))]
    pub(in crate::issuer) fn resolving(
        names: impl Fn(&str) -> Vec<std::net::IpAddr> + Send + Sync + 'static,
    ) -> Self {
        let names = super::resolver::Names::Scripted(Arc::new(names));
        let roots = Roots::mozilla();
        let client = BuiltIn::trusting(&roots).resolving(names);
        Self(Kind::Trusting(Arc::new(roots), Box::new(client)))
    }

    /// One call; where it has no answer within three seconds, it is given up and the call `again` made, at another address
    /// of the host if there is one. That call has no limit here.
    pub(in crate::issuer) async fn exchange(
        &self,
        first: Request<Bytes>,
        again: Request<Bytes>,
    ) -> Result<Answer, ExchangeError> {
        let tried = Tried::default();
        match timeout(FIRST_CALL, self.call(first, &tried)).await {
            // The time that a connection has may end in the same moment.
            Ok(Err(error)) if error.is_connect_timeout() => {}
            Ok(answer) => return answer,
            Err(_) => {}
        }
        self.call(again, &tried).await.map_err(|error| ExchangeError::Again(Box::new(error)))
    }

    /// One call, for as long as it takes.
    #[cfg(feature = "hub")]
    pub(in crate::issuer) async fn once(&self, request: Request<Bytes>) -> Result<Answer, ExchangeError> {
        self.call(request, &Tried::default()).await
    }

    async fn call(&self, request: Request<Bytes>, tried: &Tried) -> Result<Answer, ExchangeError> {
        match &self.0 {
            Kind::Shared => BuiltIn::shared().exchange(request, tried).await,
            #[cfg(feature = "https")]
            Kind::Trusting(_, client) => client.exchange(request, tried).await,
            Kind::Own(exchange) => exchange(request).await,
        }
    }
}
