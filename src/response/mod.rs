//! What comes back: whether WeChat rejected the token, found out without holding the answer back.
//!
//! An expired token is no HTTP error. WeChat answers 200 with `{"errcode":42001,…}`, under almost any content type, on
//! the very paths that otherwise answer with a picture. So every answer that could be such an error is looked at from
//! its first byte, as far as it takes to tell (`errcode`) and no further (`peek`).

mod errcode;
mod peek;

pub(crate) use self::errcode::{ErrcodeScanner, Found};
pub use self::peek::PeekedBody;
#[cfg(feature = "reqwest")]
pub(crate) use self::peek::Plain;
pub(crate) use self::peek::{Look, Peek, Verdict, may_be_rejection};

/// As an extension of an answer: a client below followed a redirect, and this is not from where the token went. What
/// somebody else says about the token is no reason to give it up.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "reqwest"), allow(dead_code))]
pub(crate) struct FromElsewhere;
