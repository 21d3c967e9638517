//! [`Stopping`]: told to requests under way when their server ends.

use std::{future::pending, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Among the extensions of a request that the hub's own listeners took: says when their server begins to end, so that a
/// long poll does not hold it up.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(pub(super) CancellationToken);

impl Stopping {
    /// Comes back once the server begins to end, and after this time at the latest.
    pub(crate) async fn begun_or(stopping: Option<Self>, most: Duration) {
        let begun = async {
            match stopping {
                Some(stopping) => stopping.0.cancelled().await,
                // The request came through another server.
                None => pending().await,
            }
        };
        // Either is an end.
        let _ = timeout(most, begun).await;
    }
}
