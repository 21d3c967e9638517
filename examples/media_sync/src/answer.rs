//! What may come in place of an answer.

use std::fmt;

use reqwest::StatusCode;
use tower_wechat::WeChatError;

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
    /// It was not tried after another had failed.
    NotTried,
}

impl Failure {
    /// Whether it is because of this picture. If not, the next one would fail in the same way.
    pub fn is_of_picture(&self) -> bool {
        // Wrong type or size, or no content; or a media_id that is not there.
        const OF_PICTURE: [i64; 8] = [40004, 40005, 40006, 40007, 40009, 41005, 44001, 45001];
        match self {
            Self::WeChat(error) => OF_PICTURE.contains(&error.errcode()),
            Self::File(_) => true,
            _ => false,
        }
    }

    /// WeChat has no such media (any more).
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::WeChat(error) if error.errcode() == 40007)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeChat(error) if error.errcode() == 40007 => {
                f.write_str("WeChat says 40007: it is not there")
            }
            Self::WeChat(error) => write!(f, "WeChat says {}: {}", error.errcode(), error.errmsg()),
            Self::Status(status) => write!(f, "HTTP status {status}"),
            Self::Strange => f.write_str("an answer that is not WeChat's"),
            Self::Client(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
            Self::NotTried => f.write_str("not tried"),
        }
    }
}

impl From<reqwest_middleware::Error> for Failure {
    fn from(error: reqwest_middleware::Error) -> Self {
        Self::Client(error)
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Client(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}
