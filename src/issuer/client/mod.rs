//! The HTTP client of a mint: the built-in one, any tower service, or reqwest's.

mod any;
mod built_in;
mod causes;
mod connector;
mod error;
mod exchange;
mod http_client;
#[cfg(feature = "reqwest")]
mod reqwest;
mod resolver;
#[cfg(feature = "https")]
mod roots;
mod stream;
mod tcp;

pub(super) use self::{any::Client, exchange::Answer};
pub use self::{connector::Connector, http_client::HttpClient};
