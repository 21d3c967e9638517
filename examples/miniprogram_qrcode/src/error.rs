//! [`CodeError`]: why there is no picture, and what to do about it.

use std::fmt;

use tower_wechat::{TokenError, WeChatError};

use crate::Failure;

#[derive(Debug)]
pub enum CodeError {
    /// WeChat says so, with an errcode.
    Refused(WeChatError),
    /// What came is neither a picture nor an error of WeChat's.
    NoPicture(usize),
    /// Nothing came.
    Failed(Failure),
    /// The picture could not be written.
    Unwritten(String),
    /// A file has its name.
    InTheWay(String),
}

impl CodeError {
    /// What to do, if it would be the same with every other scene.
    pub fn stops_all(&self) -> Option<&'static str> {
        let error = match self {
            Self::Refused(error) => error,
            Self::Unwritten(_) => return Some("Nothing more is asked for before pictures can be written."),
            Self::Failed(failure) if is_without_token(failure) => {
                return Some("Without an access_token there is no code for any scene.");
            }
            _ => return None,
        };
        match error.errcode() {
            40001 | 40014 | 42001 => Some(
                "WeChat rejects the token, and there was no better one: compare WECHAT_APP_SECRET with the console, and look which \
                 other program asks for tokens of this mini program.",
            ),
            48001 => Some(
                "This account may not make codes: it has to be a mini program that is registered in full.",
            ),
            41030 => Some(
                "WeChat does not know the page. Compare --page with app.json: no / in front, nothing after a ?. A page that is \
                 not released yet needs --env-version trial or develop.",
            ),
            45009 => Some(
                "The limit is reached. There is one of 5000 codes a minute: wait a minute and start the program again, and it \
                 goes on where it has stopped. If it stops again at once, the day's limit is reached: go on tomorrow.",
            ),
            _ => None,
        }
    }
}

/// Whether there is no token, and there will be none by itself.
fn is_without_token(failure: &Failure) -> bool {
    let error = failure.downcast_ref::<tower_wechat::Error>();
    error.and_then(|error| error.downcast_ref::<TokenError>()).is_some_and(|error| !error.is_transient())
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::NoPicture(length) => write!(f, "{length} bytes that are no picture"),
            Self::Failed(failure) => failure.fmt(f),
            Self::Unwritten(why) | Self::InTheWay(why) => f.write_str(why),
        }
    }
}
