//! What goes out: the token into the URI, and a body that can be sent a second time.

mod credential;
mod inject;
mod replay;

pub use self::replay::{ReplayBody, ReplayBodyError};
pub(crate) use self::{
    credential::{OwnCredential, own_credential},
    inject::inject,
    replay::{Cloned, NotReplayable, Replay, record},
};
