#![forbid(unsafe_code)]

mod cache;
mod clock;
mod error;
mod platform;
mod request;
mod response;
mod secret;
mod telemetry;
mod token;

pub mod issuer;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use crate::{
    cache::{Stats, TokenCache, TokenCacheBuilder},
    error::{Error, ErrorKind, TokenError},
    platform::Platform,
    request::{ReplayBody, ReplayBodyError},
    secret::{AppId, AppSecret, Fingerprint},
    token::AccessToken,
};
