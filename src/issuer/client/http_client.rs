//! [`HttpClient`]: what an issuer takes as a client of the caller's own.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::{any::Client, exchange::exchange};
use crate::error::BoxError;

/// A client that an issuer can mint through. It cannot be implemented elsewhere; these types have it:
///
/// - any `Clone + Send + Sync + 'static` [tower service](tower_service::Service) of
///   `http::Request<http_body_util::Full<bytes::Bytes>>` with an `http::Response` of any body;
/// - `reqwest::Client`, with the feature `reqwest`.
///
/// `R` is the client's response, and is always inferred.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower_wechat::issuer::{StableToken, WeCom};
///
/// # let _ = rustls::crypto::ring::default_provider().install_default();
/// let hyper = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret")
///     .http_client(hyper);
///
/// // The requests have the secret in them, which a redirect would pass on.
/// let no_redirects = reqwest::redirect::Policy::none();
/// let reqwest = reqwest::Client::builder().redirect(no_redirects).build()?;
/// let issuer = WeCom::new("ww0123456789abcdef", "the-corp-secret")
///     .http_client(reqwest);
/// # Ok::<(), reqwest::Error>(())
/// ```
pub trait HttpClient<R>: sealed::Sealed<R> {}

impl<C: sealed::Sealed<R>, R> HttpClient<R> for C {}

pub(crate) mod sealed {
    use super::Client;

    pub trait Sealed<R> {
        fn into_client(self) -> Client;
    }
}

impl<S, B> sealed::Sealed<Response<B>> for S
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn into_client(self) -> Client {
        Client::own(move |request| exchange(self.clone(), request))
    }
}

/// A client of ours that a test has prepared.
#[cfg(test)]
impl sealed::Sealed<()> for Client {
    fn into_client(self) -> Client {
        self
    }
}
