//! [`HttpService`]: what the SDK asks of an HTTP client.

use std::future::{Future, poll_fn};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower_service::Service;

/// Any error, boxed, as in the rest of the tower world.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A tower service of HTTP requests: one name for all the bounds, so that no call has to repeat them.
///
/// Everything that fits has it already. A `WeChatAuth` over any client fits, with further layers above it or without, and so
/// does a closure in a test.
///
/// All requests have one type, `Full<Bytes>`. The answer's body may be of any type.
pub trait HttpService: Clone {
    /// Sends a request, and reads the whole answer.
    fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<Bytes>, BoxError>> + Send;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: BodyExt<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<Bytes>, BoxError>> + Send {
        // `call` wants `&mut`, and must come after `poll_ready` on the same instance: each request has a clone of its own.
        let mut service = self.clone();
        async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
            let (head, body) = service.call(request).await.map_err(Into::into)?.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            Ok(Response::from_parts(head, body))
        }
    }
}
