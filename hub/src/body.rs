//! A request's body, to its end and no further.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::problem::Problem;

/// The whole body, if it is not longer than `limit` and comes in time.
pub(crate) async fn read(body: Body, (limit, time): (usize, Duration)) -> Result<Bytes, Problem> {
    // What is announced to be too long is not waited for.
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::too_large(limit));
    }
    let whole = timeout(time, Limited::new(body, limit).collect()).await.map_err(|_| Problem::too_slow())?;
    whole.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Problem::too_large(limit)
        } else {
            Problem::bad_request("the body broke off")
        }
    })
}

/// What the object in a body says. A list of values is no object, though serde would take it for one.
pub(crate) fn json_object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(body).ok()).flatten()
}
