//! [`ReplayBody`]: a request body that can be sent a second time, and was not buffered for it.
//!
//! A body in one piece is kept by reference. Of any other nothing is read ahead: while the first body is sent, what passes
//! is copied into a [`Buffer`](buffer::Buffer). When WeChat rejects the token, [`Replay::take`] moves the buffer and the caller's
//! own body, the source, out of the first body into a second one, which sends the buffer and then reads on where the first
//! stopped. So the source has one owner at any time and nothing can be sent twice or lost, even if WeChat answered before
//! it had read the upload: a first body that is still being sent ends with an error, and the connection under it is given
//! up.
//!
//! Both bodies announce the source's size as it was at the start, so that both requests get the same
//! `content-length`.

mod body;
mod buffer;
mod error;
mod handle;
mod recording;
mod source;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use self::{
    body::Cloned,
    error::NotReplayable,
    handle::{Replay, record},
};
pub use self::{body::ReplayBody, error::ReplayBodyError};
