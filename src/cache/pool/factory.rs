//! [`Factory`]: the user's closure, which makes accounts, and [`Missing`]: why it made none.

use std::{
    borrow::Cow,
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

use crate::{
    cache::TokenCache,
    error::{BoxError, Error, ErrorKind, TokenError},
    secret::AppId,
};

type Making = Pin<Box<dyn Future<Output = Result<Option<TokenCache>, BoxError>> + Send>>;

pub(super) enum Factory {
    Sync(Box<dyn Fn(AppId) -> Option<TokenCache> + Send + Sync>),
    Async(Box<dyn Fn(AppId) -> Making + Send + Sync>),
}

/// An account, or why there is none; for all who asked for it.
pub(super) type Outcome = Result<TokenCache, Missing>;

#[derive(Clone)]
pub(super) enum Missing {
    /// There is no such account.
    Unknown(&'static str),
    /// The factory panicked.
    Panicked,
    /// The factory returned the account of this id.
    Mixed(AppId),
    /// It cannot be told.
    Failed(TokenError),
    /// Nobody made it: it was removed meanwhile, or another took its place, or the run was stopped. Ask again.
    Again,
}

/// Runs a closure of the user's.
pub(super) fn run(closure: &dyn Fn(AppId) -> Option<TokenCache>, app: AppId) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| closure(app))) {
        Ok(made) => made.ok_or(Missing::Unknown(NOT_KNOWN)),
        Err(_) => Err(Missing::Panicked),
    }
}

/// Runs one that takes time.
pub(super) async fn run_async(closure: &(dyn Fn(AppId) -> Making + Send + Sync), app: AppId) -> Outcome {
    let Ok(mut making) = catch_unwind(AssertUnwindSafe(|| closure(app))) else {
        return Err(Missing::Panicked);
    };
    let made = poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| making.as_mut().poll(cx)));
        polled.map_or(Poll::Ready(None), |poll| poll.map(Some))
    });
    match made.await {
        None => Err(Missing::Panicked),
        Some(Ok(made)) => made.ok_or(Missing::Unknown(NOT_KNOWN)),
        Some(Err(error)) => {
            // A base URL that cannot be one, for example, is a wrong setting wherever it comes from.
            let kind = error.downcast_ref().map_or(ErrorKind::Store, Error::kind);
            let failure =
                failure(kind, "the pool's factory failed to make its account; the cause is its own error");
            Err(Missing::Failed(failure.with_source(error)))
        }
    }
}

const NOT_KNOWN: &str = "the pool's factory does not know it; is the id right, and was the account added?";

pub(super) fn failure(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> TokenError {
    TokenError::new(kind, text).with_transient(kind != ErrorKind::Config)
}

impl Missing {
    pub(super) fn into_error(self, app: &AppId) -> Error {
        let unknown = |why: &str| {
            Error::new(ErrorKind::UnknownApp, format!("no account for app {}: {why}", app.shown()))
        };
        match self {
            Self::Unknown(why) => unknown(why),
            Self::Panicked => unknown("the pool's factory panicked; that is a bug in it"),
            Self::Mixed(owner) => Error::config(format!(
                "the pool's factory returned the cache of app {} for app {}",
                owner.shown(),
                app.shown()
            )),
            Self::Failed(error) => error.for_app(app).into(),
            Self::Again => {
                let text =
                    "its account was removed, or the pool's factory was stopped, each time that it was made";
                failure(ErrorKind::Closed, text).for_app(app).into()
            }
        }
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sync(_) => "Sync",
            Self::Async(_) => "Async",
        })
    }
}
