//! [`Client`]: a program that may ask the hub, and what it may do.

use std::{convert::Infallible, num::NonZeroU32, str::FromStr};

use tower_wechat::AppId;

use crate::{
    error::Error,
    paths::{Paths, Pattern},
    secret::SecretHash,
};

/// What a client may do.
///
/// ```
/// use wechat_hub::Right;
///
/// let right: Right = "proxy".parse()?;
/// assert_eq!((right, right.name()), (Right::Proxy, "proxy"));
/// assert!("root".parse::<Right>().is_err());
/// # Ok::<(), wechat_hub::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Right {
    /// Get the real access token.
    Token,
    /// Say that a token was rejected.
    Refresh,
    /// Call WeChat through the hub.
    Proxy,
}

impl Right {
    const ALL: [(&'static str, Self); 3] =
        [("token", Self::Token), ("refresh", Self::Refresh), ("proxy", Self::Proxy)];

    /// As the configuration has it: `token`, `refresh`, `proxy`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Refresh => "refresh",
            Self::Proxy => "proxy",
        }
    }
}

impl FromStr for Right {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, right)| *right).ok_or_else(|| {
            Error::new(format!(
                "there is no right {name:?}: a client's rights are \"token\", \"refresh\", \"proxy\""
            ))
        })
    }
}

impl TryFrom<&str> for Right {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A program that may ask the hub: its name, its secret, the apps that it may ask for, and its rights.
///
/// ```
/// use wechat_hub::{Client, Right};
///
/// // As `wechat-hub secret` prints it: the SHA-256 of the client's secret.
/// let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// let client = Client::new("shop", hash)
///     .apps(["wx0123456789abcdef"])
///     .rights([Right::Token, Right::Refresh]);
/// # drop(client);
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) name: String,
    /// None for one that has none: it is the client of a Unix socket, and of nothing else.
    pub(crate) secret: Option<SecretHash>,
    pub(crate) apps: Vec<AppId>,
    pub(crate) rights: Vec<Right>,
    pub(crate) rate: Option<NonZeroU32>,
    pub(crate) paths: Paths,
    /// What was wrong with it, told when the hub is built.
    pub(crate) fault: Option<String>,
}

impl Client {
    /// A client without apps or rights. 64 hex digits are taken for the SHA-256 of its secret, anything else for the
    /// secret itself, of which only the hash is kept.
    ///
    /// A name has 1 to 128 bytes and no control characters. Another one, and an empty secret, are errors when the hub is
    /// built.
    #[must_use]
    pub fn new(name: impl Into<String>, secret_or_hash: impl AsRef<str>) -> Self {
        let text = secret_or_hash.as_ref();
        let secret = text.parse().unwrap_or_else(|_| SecretHash::of(text));
        let fault = text.is_empty().then(|| "its secret is empty".to_owned());
        let secret = Some(secret);
        Self { secret, fault, ..Self::without_secret(name) }
    }

    /// A client that has no secret, and can only be the one of a Unix socket.
    pub(crate) fn without_secret(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            secret: None,
            apps: Vec::new(),
            rights: Vec::new(),
            rate: None,
            paths: Paths::default(),
            fault: None,
        }
    }

    /// What is wrong with it by itself.
    pub(crate) fn fault(&self) -> Option<&str> {
        if let Some(fault) = &self.fault {
            Some(fault)
        } else if self.name.is_empty() || self.name.len() > 128 || self.name.chars().any(char::is_control) {
            Some("a name has 1 to 128 bytes and no control characters")
        } else if self.apps.is_empty() {
            Some("it has no `apps`, and can ask for nothing: name some of the hub's apps")
        } else if self.rights.is_empty() {
            Some("it has no `rights`, and can do nothing: give it some of \"token\", \"refresh\", \"proxy\"")
        } else {
            None
        }
    }

    /// The apps that it may ask for, besides those named before.
    #[must_use]
    pub fn apps(mut self, apps: impl IntoIterator<Item = impl Into<AppId>>) -> Self {
        self.apps.extend(apps.into_iter().map(Into::into));
        self
    }

    /// What it may do, besides what was named before: [`Right`]s or their names. A name that is none is an error when the
    /// hub is built.
    #[must_use]
    pub fn rights<R: TryInto<Right, Error: Into<Error>>>(
        mut self,
        rights: impl IntoIterator<Item = R>,
    ) -> Self {
        for right in rights {
            match right.try_into() {
                Ok(right) => self.rights.push(right),
                Err(error) => self.fault = Some(error.into().to_string()),
            }
        }
        self
    }

    /// The paths that it may call through the hub, besides those named before; all paths unless set. `*` is any one segment,
    /// and `**` at the end stands for everything below: `/cgi-bin/message/**`. A path that can be none is an error when the hub
    /// is built.
    ///
    /// ```
    /// use wechat_hub::{Client, Right};
    ///
    /// let agent = Client::new("agent", "a-secret")
    ///     .apps(["wx0123456789abcdef"])
    ///     .rights([Right::Proxy])
    ///     .paths(["/cgi-bin/message/custom/send", "/cgi-bin/media/**"]);
    /// # drop(agent);
    /// ```
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let patterns: Result<Vec<_>, _> =
            paths.into_iter().map(|path| Pattern::parse(path.as_ref())).collect();
        match patterns {
            Ok(patterns) => self.paths.add(patterns),
            Err(error) => self.fault = Some(error.to_string()),
        }
        self
    }

    /// The requests that it may make in a second, on average; a second's worth may come at once. No limit unless set. What
    /// goes beyond is answered with 429, or with 45009 in WeChat's shape, and `retry-after`.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use wechat_hub::{Client, Right};
    ///
    /// let agent = Client::new("agent", "a-secret")
    ///     .apps(["wx0123456789abcdef"])
    ///     .rights([Right::Proxy])
    ///     .rate(NonZeroU32::new(10).unwrap());
    /// # drop(agent);
    /// ```
    #[must_use]
    pub fn rate(self, requests_per_second: NonZeroU32) -> Self {
        Self { rate: Some(requests_per_second), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_known_by_name() {
        for (name, right) in Right::ALL {
            assert_eq!(name.parse::<Right>().unwrap(), right);
            assert_eq!(right.name(), name);
        }
        assert!("Token".parse::<Right>().is_err());
        assert!(Client::new("c", "s").rights(["token", "root"]).fault.is_some());
        assert_eq!(Client::new("c", "s").rights(["token"]).rights([Right::Proxy]).rights.len(), 2);
    }

    #[test]
    fn a_secret_and_its_hash_make_the_same_client() {
        let hash = SecretHash::of("secret").to_string();
        assert_eq!(Client::new("c", hash).secret, Client::new("c", "secret").secret);
        assert!(Client::new("c", "").fault.is_some());
    }
}
