//! The two issuers of a third-party platform, what they share, and a small fake WeChat.

mod answer;
mod authorizer;
mod component;
mod log;
mod open_platform;
mod program;

pub use self::{
    authorizer::{Authorizer, RefreshTokens},
    component::Component,
    log::Log,
    open_platform::OpenPlatform,
    program::Program,
};
