//! The configuration: a TOML file, the environment, or both.
//!
//! `raw` is what stands there, each value with its place; `environment` puts its variables over it; `secret_file` reads what
//! should not be in the file; `check` makes of it what a hub can be built from, or one message that names file, line and
//! remedy.

mod check;
mod environment;
mod place;
mod raw;
mod secret_file;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use tower_wechat::{AppId, AppSecret};
use zeroize::Zeroizing;

use self::{
    environment::{Environment, NO_SECRET},
    place::{Place, Source, Value},
    raw::Raw,
};
pub(crate) use self::{
    place::{Fault, Where},
    secret_file::{read as read_file, read_secret},
};
use crate::{
    client::{Client, Right},
    limits::Limits,
    verify::Verify,
};

/// What the command line says of the configuration.
#[derive(Clone, Default)]
pub(crate) struct Given {
    pub(crate) file: Option<PathBuf>,
    /// As `insecure_plaintext = true` in `[listen]`.
    pub(crate) insecure_plaintext: bool,
}

/// A configuration that fits together. It holds secrets, and has no `Debug`.
pub(crate) struct Config {
    pub(crate) unix: Option<PathBuf>,
    /// Who a caller on the Unix socket is when it shows no credential.
    pub(crate) unix_client: Option<String>,
    pub(crate) tcp: Option<Tcp>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) store: Store,
    pub(crate) apps: Vec<App>,
    pub(crate) clients: Vec<Client>,
    pub(crate) limits: Limits,
    pub(crate) pass_key: PassKeyFile,
    pub(crate) verify: Verify,
    pub(crate) open_user_paths: bool,
    pub(crate) places: Places,
    /// Variables whose names begin as ours do, and that nobody knows.
    pub(crate) unknown_variables: Vec<String>,
}

/// Where the values stand that may turn out to be of no use.
#[derive(Clone, Default)]
pub(crate) struct Places {
    pub(crate) unix: Where,
    pub(crate) tcp: Where,
    pub(crate) tls: Where,
    pub(crate) admin: Where,
    pub(crate) store: Where,
}

/// Where the key of the passes is kept.
#[derive(Clone, Default)]
pub(crate) struct PassKeyFile {
    /// The one that the configuration names, or the one beside it. There is none where there is no file.
    pub(crate) path: Option<PathBuf>,
    /// What is in it. A file beside the configuration may not be there yet.
    pub(crate) bytes: Option<Zeroizing<Vec<u8>>>,
}

/// A TCP address to listen at.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Tcp {
    pub(crate) address: SocketAddr,
    pub(crate) how: Transport,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Transport {
    /// On loopback, or because the configuration says so.
    Plain,
    /// With a certificate and its key, in these files.
    Tls { certificate: PathBuf, key: PathBuf },
}

/// Where tokens are kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    File(PathBuf),
    /// The URL, which may have a password in it.
    Redis(String),
}

/// How an app's token is minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stable,
    Classic,
    WeCom,
}

/// An app.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: AppId,
    pub(crate) kind: Kind,
    pub(crate) secret: AppSecret,
    /// Where the secret was read, and is read again once the platform refuses it.
    pub(crate) secret_file: Option<PathBuf>,
    pub(crate) base_url: Option<String>,
    pub(crate) keep_warm: bool,
}

impl App {
    /// Whether the same cache can serve it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.kind == other.kind
            && self.secret.expose() == other.secret.expose()
            && self.secret_file == other.secret_file
            && self.base_url == other.base_url
    }
}

impl Config {
    /// Reads a file, if one is named, and the environment.
    pub(crate) fn load(given: &Given) -> Result<Self, Fault> {
        Self::load_with(given, Environment::of_process())
    }

    fn load_with(given: &Given, mut environment: Environment) -> Result<Self, Fault> {
        let file = given.file.as_deref();
        let text = file.map(secret_file::read_config).transpose()?;
        let source = Source::new(file.zip(text.as_deref()));
        let mut raw = text.as_deref().map_or_else(|| Ok(Raw::default()), |text| raw::parse(text, &source))?;
        environment.put_over(&mut raw, file.is_none())?;
        if given.insecure_plaintext {
            let at = Place::Variable("--insecure-plaintext".to_owned());
            raw.listen.insecure_plaintext = Some(Value { is: true, at });
        }
        let config = check::check(raw, &source)?;
        Ok(Self { unknown_variables: environment.unknown(), ..config })
    }

    /// The same for a text that stands in a file of this name, without the environment.
    #[cfg(fuzzing)]
    pub(crate) fn of_text(path: &std::path::Path, text: &str) -> Result<Self, Fault> {
        let source = Source::new(Some((path, text)));
        check::check(raw::parse(text, &source)?, &source)
    }

    /// What this configuration has and the other has not, of what needs a restart.
    pub(crate) fn needs_restart(&self, other: &Self) -> Vec<&'static str> {
        let mut needs = Vec::new();
        let is_tls = |tcp: &Tcp| matches!(tcp.how, Transport::Tls { .. });
        let key = |config: &Self| config.pass_key.bytes.clone();
        let has_passes = self.clients.iter().any(|client| client.rights.contains(&Right::Proxy));
        let listens = |config: &Self| config.tcp.as_ref().map(|tcp| (tcp.address, is_tls(tcp)));
        for (name, differs) in [
            ("listen.unix", self.unix != other.unix),
            ("listen.tcp", listens(self) != listens(other)),
            ("admin.tcp", self.admin != other.admin),
            ("store", self.store != other.store),
            ("pass_key_file", has_passes && key(self) != key(other)),
        ] {
            if differs {
                needs.push(name);
            }
        }
        needs
    }
}

/// The time that a text such as `10s` or `500ms` says.
fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}
