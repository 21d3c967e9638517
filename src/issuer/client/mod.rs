//! The HTTP client of a mint: the built-in one, or any tower service.

use std::{
    error::Error as StdError,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
};

use bytes::{Buf, BufMut, Bytes};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower_service::Service;

use crate::{
    error::{BoxError, ErrorKind, TokenError},
    secret::AppSecret,
};

/// More than any token endpoint has to say.
const ANSWER_LIMIT: usize = 64 * 1024;

#[cfg(feature = "https")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "https"))]
type Connector = HttpConnector;

type Exchanging = Pin<Box<dyn Future<Output = Result<Answer, Trouble>> + Send>>;

/// Status and body, read to its end.
pub(super) type Answer = (StatusCode, Vec<u8>);

/// Sends the request of a mint.
#[derive(Clone, Default)]
pub(super) struct Client(Option<Arc<dyn Exchange>>);

/// Why there is no answer to read.
pub(super) enum Trouble {
    /// The built-in client was built without TLS.
    NoTls,
    /// None came.
    NoAnswer(BoxError),
    /// Its body broke off.
    BrokenOff(BoxError),
    /// Its body went on and on.
    TooLong,
}

impl Client {
    /// A client of the caller's own.
    pub(super) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        Self(Some(Arc::new(service)))
    }

    pub(super) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Trouble> {
        match &self.0 {
            Some(service) => service.exchange(request).await,
            None if cfg!(feature = "https") || request.uri().scheme_str() == Some("http") => {
                exchange(built_in().clone(), request).await
            }
            None => Err(Trouble::NoTls),
        }
    }
}

/// A client whose type is forgotten.
trait Exchange: Send + Sync {
    fn exchange(&self, request: Request<Full<Bytes>>) -> Exchanging;
}

impl<S, B> Exchange for S
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn exchange(&self, request: Request<Full<Bytes>>) -> Exchanging {
        Box::pin(exchange(self.clone(), request))
    }
}

/// One call, and its answer to the end. Redirects are not followed: the request has the secret in it.
async fn exchange<S, B>(mut service: S, request: Request<Full<Bytes>>) -> Result<Answer, Trouble>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>>,
    B: Body<Error: Into<BoxError>>,
{
    let no_answer = |error: S::Error| Trouble::NoAnswer(error.into());
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(no_answer)?;
    let (head, body) = service.call(request).await.map_err(no_answer)?.into_parts();
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
    Ok((head.status, answer))
}

/// One for the process, made on first use.
///
/// It keeps no connection: mints are hours apart, and a kept one would die with the runtime that happened to open it.
fn built_in() -> &'static legacy::Client<Connector, Full<Bytes>> {
    static CLIENT: OnceLock<legacy::Client<Connector, Full<Bytes>>> = OnceLock::new();
    CLIENT.get_or_init(|| {
        legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector())
    })
}

#[cfg(feature = "https")]
fn connector() -> Connector {
    // Named, not looked up: where several providers are compiled in, rustls's own choice is a panic.
    let ring = rustls::crypto::ring::default_provider();
    hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(ring)
        // Fails for a provider that has no suite for TLS 1.2 or 1.3; this one has suites for both.
        .expect("ring speaks TLS 1.2 and 1.3")
        // Plain http is for loopback addresses; `Platform::with_origin` refuses the others.
        .https_or_http()
        .enable_http1()
        .build()
}

#[cfg(not(feature = "https"))]
fn connector() -> Connector {
    HttpConnector::new()
}

impl Trouble {
    /// The same for people to read, without a URL or the secret.
    pub(super) fn into_error(self, secret: &AppSecret, encoded_secret: &str) -> TokenError {
        let told = |error: &BoxError| told(&**error, &[secret.expose(), encoded_secret]);
        match self {
            Self::NoTls => TokenError::new(
                ErrorKind::Config,
                "there is no HTTPS client: enable feature `https`, or give the issuer an `http_client`",
            ),
            Self::NoAnswer(error) => {
                TokenError::transient(format!("the token endpoint did not answer: {}", told(&error)))
            }
            Self::BrokenOff(error) => {
                TokenError::transient(format!("the token endpoint's answer broke off: {}", told(&error)))
            }
            Self::TooLong => TokenError::transient(
                "the token endpoint's answer is longer than 64 KiB: something else must answer there",
            ),
        }
    }
}

/// What an error and those underneath it say. Many clients quote the URL, and a secret may be in that: any text that
/// might is left out, and no error is kept as a source.
fn told(error: &(dyn StdError + 'static), secrets: &[&str]) -> String {
    let mut told = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let quotes = text.contains("://")
            || text.to_ascii_lowercase().contains("secret")
            || secrets.iter().any(|secret| text.contains(secret));
        let text = if quotes {
            "(left out: it quotes the request)".to_owned()
        } else {
            text.chars().filter(|c| !c.is_control()).take(200).collect()
        };
        if !told.contains(&text) {
            if !told.is_empty() {
                told.push_str(": ");
            }
            told.push_str(&text);
        }
        next = error.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_built_in_client_is_one_and_needs_no_default_crypto_provider() {
        assert!(std::ptr::eq(built_in(), built_in()));
    }

    #[test]
    fn a_text_that_quotes_the_request_is_left_out() {
        #[derive(Debug)]
        struct Outer(&'static str, io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.1)
            }
        }
        let told = |text| told(&Outer(text, io::Error::other("os says\nno")), &["S E+N", "S%20E%2BN"]);
        assert_eq!(told("connect"), "connect: os saysno");
        for quoting in [
            "error for url (https://api.weixin.qq.com/)",
            "GET /cgi-bin/token?Secret=x",
            "body {..S E+N..}",
            "query S%20E%2BN",
        ] {
            assert_eq!(told(quoting), "(left out: it quotes the request): os saysno");
        }
        assert_eq!(told("os says\nno"), "os saysno", "said once");
    }
}
