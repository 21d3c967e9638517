//! What the hub tells of itself, in one vocabulary: [`Event`]s (tracing, target `wechat_hub`) and the metrics `wechat_hub_*`.
//! Neither has a token or a secret in it.
//!
//! `docs/operating/metrics.md` lists all of it, with what it means; the tests in `catalogue` keep that page as the code is.

#[cfg(all(test, feature = "program"))]
mod catalogue;
mod event;
pub(crate) mod metric;

pub(crate) use self::event::{Call, Event, emit};
