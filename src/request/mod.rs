//! What goes out: the token into the URI, and a body that can be sent a second time.

mod inject;
mod replay;

pub use self::replay::{ReplayBody, ReplayBodyError};
pub(crate) use self::{
    inject::{has_parameter, inject},
    replay::{NotReplayable, Replay},
};
