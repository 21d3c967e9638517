//! [`Stopping`]: told to requests under way when their server ends.

use std::future::pending;

use tokio_util::sync::CancellationToken;

/// Among the extensions of a request that the hub's own listeners took: says when their server begins to end, so that a
/// long poll does not hold it up.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(pub(super) CancellationToken);

impl Stopping {
    /// Comes back once the server begins to end; never where the request came through another server.
    pub(crate) async fn begun(stopping: Option<Self>) {
        match stopping {
            Some(stopping) => stopping.0.cancelled().await,
            None => pending().await,
        }
    }
}
