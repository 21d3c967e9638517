//! One call of a mint, and its answer to the end.

use std::{future::poll_fn, pin::pin};

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use super::error::ExchangeError;
use crate::error::BoxError;

/// More than any token endpoint has to say.
const ANSWER_LIMIT: usize = 64 * 1024;

/// An answer, read to its end.
pub(in crate::issuer) struct Answer {
    pub(in crate::issuer) status: StatusCode,
    #[cfg_attr(not(feature = "hub"), allow(dead_code))]
    pub(in crate::issuer) headers: HeaderMap,
    pub(in crate::issuer) body: Vec<u8>,
}

/// One call, and its answer to the end. Redirects are not followed: the request has the secret in it.
pub(super) async fn exchange<S, B>(mut service: S, request: Request<Bytes>) -> Result<Answer, ExchangeError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>>,
    B: Body<Error: Into<BoxError>>,
{
    let no_answer = |error: S::Error| ExchangeError::NoAnswer(error.into());
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(no_answer)?;
    let (head, body) = service.call(request.map(Full::new)).await.map_err(no_answer)?.into_parts();
    Ok(Answer { status: head.status, headers: head.headers, body: read(body).await? })
}

/// A body to its end.
pub(super) async fn read<B: Body<Error: Into<BoxError>>>(body: B) -> Result<Vec<u8>, ExchangeError> {
    let mut body = pin!(body);
    let mut answer = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ExchangeError::BrokenOff(error.into()))?;
        if let Ok(data) = frame.into_data() {
            if data.remaining() > ANSWER_LIMIT - answer.len() {
                return Err(ExchangeError::TooLong);
            }
            answer.put(data);
        }
    }
    Ok(answer)
}
