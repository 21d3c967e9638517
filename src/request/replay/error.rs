//! Why a body was not sent to its end, and why it cannot be sent again.

use std::{error::Error as StdError, fmt};

use crate::error::BoxError;

/// Why a [`ReplayBody`](super::ReplayBody) was not sent to its end.
///
/// Either the caller's own body failed, then [`source`](StdError::source) is its error (polled on after that, the body
/// fails again, without a source); or WeChat had already rejected the token, and the replay has taken the body over.
///
/// A client wraps it in its own error, where it is found among the causes:
///
/// ```
/// use std::error::Error;
/// use tower_wechat::ReplayBodyError;
///
/// /// Whether a send failed because the caller's body did.
/// fn is_of_the_body(error: &(dyn Error + 'static)) -> bool {
///     std::iter::successors(Some(error), |&error| error.source())
///         .filter_map(|error| error.downcast_ref::<ReplayBodyError>())
///         .any(|error| error.source().is_some())
/// }
/// # drop(is_of_the_body);
/// ```
#[derive(Debug)]
pub struct ReplayBodyError(Kind);

#[derive(Debug)]
enum Kind {
    Source(BoxError),
    FailedBefore,
    Superseded,
}

impl ReplayBodyError {
    pub(super) fn source(error: impl Into<BoxError>) -> Self {
        Self(Kind::Source(error.into()))
    }

    pub(super) fn failed_before() -> Self {
        Self(Kind::FailedBefore)
    }

    pub(super) fn superseded() -> Self {
        Self(Kind::Superseded)
    }
}

impl fmt::Display for ReplayBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Source(_) => "the request body failed",
            Kind::FailedBefore => "the request body had already failed",
            Kind::Superseded => "this send was given up, since its answer is not needed any more",
        })
    }
}

impl StdError for ReplayBodyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            Kind::Source(error) => Some(&**error),
            Kind::FailedBefore | Kind::Superseded => None,
        }
    }
}

/// Why a body cannot be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReplayable {
    /// More has been sent than may be recorded.
    TooLarge,
    /// The requests of the layer together have recorded all that they may.
    NoMemory,
    /// The caller's body ended with an error.
    Failed,
}
