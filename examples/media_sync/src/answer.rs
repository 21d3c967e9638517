//! [`Failure`]: what may come in place of an answer.

use std::{fmt, time::Duration};

use reqwest::StatusCode;
use tower_wechat::{TokenError, WeChatError};

/// Why a picture did not get there, or did not come.
#[derive(Debug)]
pub enum Failure {
    /// WeChat says so.
    WeChat(WeChatError),
    /// HTTP says so.
    Status(StatusCode),
    /// An answer that is not WeChat's.
    Strange,
    /// There was no token, or no answer.
    Client(reqwest_middleware::Error),
    /// A file cannot be read or written.
    File(std::io::Error),
    /// The picture's place is taken by a file that is not from this program.
    Theirs,
    /// It was not tried after another had failed.
    NotTried,
}

/// What else would fail in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing but this picture.
    Picture,
    /// All pictures at this API.
    Api,
    /// Whatever WeChat is asked.
    All,
}

impl Failure {
    pub fn reach(&self) -> Reach {
        // Wrong type or size, or no content; or a media_id that is not there.
        const OF_PICTURE: [i64; 8] = [40004, 40005, 40006, 40007, 40009, 41005, 44001, 45001];
        match self {
            Self::WeChat(error) if OF_PICTURE.contains(&error.errcode()) => Reach::Picture,
            Self::WeChat(_) => Reach::Api,
            Self::File(_) | Self::Theirs | Self::NotTried => Reach::Picture,
            _ => Reach::All,
        }
    }

    /// Whether a later try may go well without anybody's doing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::WeChat(error) => error.errcode() == -1,
            Self::Status(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Client(error) => self.no_token().map_or(!error.is_builder(), TokenError::is_transient),
            Self::Strange => true,
            _ => false,
        }
    }

    /// How long WeChat is left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.no_token()?.retry_after()
    }

    /// WeChat has no such media (any more).
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::WeChat(error) if error.errcode() == 40007)
    }

    /// The same for all failures that are alike. The text may have a number of the request in it.
    pub fn cause(&self) -> String {
        match self {
            Self::WeChat(error) => error.errcode().to_string(),
            _ if self.no_token().is_some() => "no token".to_owned(),
            _ => self.to_string(),
        }
    }

    fn no_token(&self) -> Option<&TokenError> {
        let Self::Client(reqwest_middleware::Error::Middleware(error)) = self else { return None };
        error.downcast_ref::<tower_wechat::Error>()?.downcast_ref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeChat(error) if error.errcode() == 40007 => {
                f.write_str("WeChat says 40007: it is not there")
            }
            Self::WeChat(error) if error.errcode() == 45009 => {
                write!(f, "{error} (the quota is full again at midnight in Beijing)")
            }
            // It shows nothing that could be a token, and no more than a line.
            Self::WeChat(error) => error.fmt(f),
            Self::Status(status) => write!(f, "HTTP status {status}"),
            Self::Strange => f.write_str("an answer that is not WeChat's"),
            Self::Client(error) => f.write_str(&account::with_causes(error)),
            Self::File(error) => error.fmt(f),
            Self::Theirs => f.write_str(
                "is there already, and not from this program, which leaves it as it is: move it away, or name another --into",
            ),
            Self::NotTried => f.write_str("not tried, as it would have failed in the same way"),
        }
    }
}

impl From<reqwest_middleware::Error> for Failure {
    /// Without the URL, which has another `media_id` for each picture.
    fn from(error: reqwest_middleware::Error) -> Self {
        Self::Client(error.without_url())
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        reqwest_middleware::Error::from(error).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}
