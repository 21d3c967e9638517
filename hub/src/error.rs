//! [`Error`]: why a hub cannot be built or cannot serve.

use std::{error::Error as StdError, fmt, io};

/// Why a hub cannot be built, or cannot serve at an address. Its text says what to do, and holds no secret.
///
/// ```
/// use wechat_hub::{Client, Hub, Right};
///
/// let nobody = Client::new("shop", "a-secret").rights([Right::Token]);
/// let error = Hub::builder().client(nobody).build().unwrap_err();
/// assert!(error.to_string().contains("it has no `apps`"));
/// ```
pub struct Error {
    message: String,
    source: Option<io::Error>,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    pub(crate) fn io(message: impl Into<String>, source: io::Error) -> Self {
        Self { message: message.into(), source: Some(source) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.source.iter().try_for_each(|source| write!(f, ": {source}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("message", &self.message).field("source", &self.source).finish()
    }
}

impl StdError for Error {}
