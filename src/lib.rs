//! Crate docs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
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
    auth::{AuthOutcome, NotReplayed, ResponseFuture, SkipAuth, WeChatAuth, WeChatAuthLayer},
    cache::{KeepWarm, Stats, TokenCache, TokenCacheBuilder, TokenPool},
    error::{Error, ErrorKind, TokenError},
    platform::Platform,
    request::{ReplayBody, ReplayBodyError},
    response::PeekedBody,
    secret::{AppId, AppSecret, Fingerprint},
    token::AccessToken,
};
