//! [`Error`].

use std::{error::Error as StdError, fmt, iter::successors};

use http::StatusCode;
use tower_wechat::{AuthOutcome, TokenError, WeChatError};

use crate::BoxError;

/// Why a call failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// WeChat refused: its code, and what the layer did if that was about the token.
    WeChat {
        /// What WeChat said.
        error: WeChatError,
        /// What the layer did, if WeChat had rejected the token.
        auth: Option<AuthOutcome>,
    },
    /// There is no answer: no token was to be had, or the HTTP client failed.
    Http(BoxError),
    /// The answer has this status, and is not what WeChat documents.
    Unreadable(StatusCode),
    /// The request cannot be made.
    Request(BoxError),
}

impl Error {
    pub(crate) fn request(error: impl Into<BoxError>) -> Self {
        Self::Request(error.into())
    }

    /// WeChat's code, if it answered with one.
    #[must_use]
    pub fn errcode(&self) -> Option<i64> {
        match self {
            Self::WeChat { error, .. } => Some(error.errcode()),
            _ => None,
        }
    }

    /// Why there was no good token, if that is why the call failed.
    #[must_use]
    pub fn token_error(&self) -> Option<&TokenError> {
        match self {
            Self::WeChat { auth, .. } => auth.as_ref()?.refresh_error(),
            // Layers above the `WeChatAuthLayer` may have wrapped its error.
            Self::Http(error) => {
                successors(Some(&**error as &(dyn StdError + 'static)), |&error| error.source())
                    .find_map(|error| error.downcast_ref::<tower_wechat::Error>()?.downcast_ref())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeChat { error, .. } => {
                write!(f, "{error}")?;
                self.token_error().map_or(Ok(()), |why| write!(f, "; the token was not replaced: {why}"))
            }
            Self::Http(error) => write!(f, "{error}"),
            Self::Unreadable(status) => write!(f, "WeChat's answer (HTTP {status}) cannot be read"),
            Self::Request(error) => write!(f, "the request cannot be made: {error}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // What these say is in this error's own text: go on with what is below.
            Self::Http(error) | Self::Request(error) => error.source(),
            Self::WeChat { .. } | Self::Unreadable(_) => None,
        }
    }
}
