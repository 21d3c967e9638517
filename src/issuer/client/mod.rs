//! The HTTP client of a mint: the built-in one, any tower service, or reqwest's.

mod built_in;
mod connector;
mod http_client;
mod line;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "https")]
mod roots;
mod trouble;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
};

use bytes::{Buf, BufMut, Bytes};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower_service::Service;

pub use self::http_client::HttpClient;
use self::{built_in::BuiltIn, trouble::Trouble};
use crate::error::BoxError;

/// More than any token endpoint has to say.
const ANSWER_LIMIT: usize = 64 * 1024;

type Exchanging = Pin<Box<dyn Future<Output = Result<Answer, Trouble>> + Send>>;

/// Status and body, read to its end.
pub(super) type Answer = (StatusCode, Vec<u8>);

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
    Trusting(Arc<roots::Roots>, Box<BuiltIn>),
    /// The caller's own, whose type is forgotten.
    Own(Arc<dyn Fn(Request<Bytes>) -> Exchanging + Send + Sync>),
}

impl Client {
    fn own<F>(exchange: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Answer, Trouble>> + Send + 'static,
    {
        Self(Kind::Own(Arc::new(move |request| Box::pin(exchange(request)))))
    }

    /// A built-in client that trusts the certificates in this text too.
    #[cfg(feature = "https")]
    pub(super) fn trusting(&self, pem: &[u8]) -> Result<Self, crate::error::Error> {
        let before = match &self.0 {
            Kind::Trusting(roots, _) => Some(&**roots),
            Kind::Shared | Kind::Own(_) => None,
        };
        let roots = roots::Roots::read(pem, before)?;
        let client = BuiltIn::trusting(&roots);
        Ok(Self(Kind::Trusting(Arc::new(roots), Box::new(client))))
    }

    pub(super) async fn exchange(&self, request: Request<Bytes>) -> Result<Answer, Trouble> {
        match &self.0 {
            Kind::Shared => BuiltIn::shared().exchange(request).await,
            #[cfg(feature = "https")]
            Kind::Trusting(_, client) => client.exchange(request).await,
            Kind::Own(exchange) => exchange(request).await,
        }
    }
}

/// One call, and its answer to the end. Redirects are not followed: the request has the secret in it.
async fn exchange<S, B>(mut service: S, request: Request<Bytes>) -> Result<Answer, Trouble>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>>,
    B: Body<Error: Into<BoxError>>,
{
    let no_answer = |error: S::Error| Trouble::NoAnswer(error.into());
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(no_answer)?;
    let (head, body) = service.call(request.map(Full::new)).await.map_err(no_answer)?.into_parts();
    Ok((head.status, read(body).await?))
}

/// A body to its end.
async fn read<B: Body<Error: Into<BoxError>>>(body: B) -> Result<Vec<u8>, Trouble> {
    let mut body = pin!(body);
    let mut answer = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Trouble::BrokenOff(error.into()))?;
        if let Ok(data) = frame.into_data() {
            if data.remaining() > ANSWER_LIMIT - answer.len() {
                return Err(Trouble::TooLong);
            }
            answer.put(data);
        }
    }
    Ok(answer)
}
