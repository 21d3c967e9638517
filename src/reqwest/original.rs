//! [`Original`]: what is kept of a request as the caller made it.

use http::Uri;
use reqwest::{Body, Request, Url};
use tokio::time::Instant;

use crate::{clock::Clock, error::Error};

/// The request as the caller made it.
pub(crate) struct Original {
    pub(super) url: Url,
    pub(super) uri: Uri,
    /// When its own time-out has passed, if it has one.
    pub(super) deadline: Option<Instant>,
}

/// Takes a request apart: what is kept of it, and what the core is to send.
pub(super) fn take_apart(request: Request) -> Result<(Original, http::Request<Body>), Error> {
    let url = request.url().clone();
    let timeout = request.timeout().copied();
    let request = http::Request::<Body>::try_from(request).map_err(Error::inner)?;
    let deadline = timeout.and_then(|timeout| now().checked_add(timeout));
    Ok((Original { url, uri: request.uri().clone(), deadline }, request))
}

pub(super) fn now() -> Instant {
    Instant::from_std(Clock::default().now().monotonic)
}
