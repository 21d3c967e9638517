//! [`Place`]: where a hub is.

use crate::{error::Error, platform::Origin};

/// Where a hub is, in the words of requests, of stores and of people.
#[derive(Clone)]
pub(super) struct Place {
    /// What comes before the path of a request. Without a slash at its end.
    pub(super) base: String,
    /// One spelling of it.
    pub(super) canonical: String,
    /// For people.
    pub(super) name: String,
    /// Whether it is a Unix socket: there is but one way to it, and it may know who asks without being told.
    pub(super) is_unix: bool,
}

impl Place {
    /// A Unix socket.
    #[cfg(unix)]
    pub(super) fn unix(path: &std::path::Path) -> Self {
        let canonical = format!("unix:{}", path.display());
        let shown: String = canonical.chars().filter(|c| !c.is_control()).take(256).collect();
        Self {
            // A request needs a host.
            base: "http://hub".to_owned(),
            name: format!("the hub at {shown}"),
            canonical,
            is_unix: true,
        }
    }

    /// `https://host[:port][/prefix]`, or plain `http` and a loopback host.
    pub(super) fn tcp(url: &str) -> Result<Self, Error> {
        let origin = Origin::parse(url)?;
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            canonical: origin.canonical(),
            name: format!("the hub at {}", origin.without_prefix()),
            is_unix: false,
        })
    }
}
