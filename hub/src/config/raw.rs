//! [`Raw`]: the configuration as it stands in the file. A key that is not here is an error.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::place::{Fault, Place, Source, Value};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) pass_key_file: Option<Value<String>>,
    pub(super) readable_secret_files: Option<Value<bool>>,
    /// Whether calls with a user's token are let through beyond loopback.
    pub(super) open_user_paths: Option<Value<bool>>,
    pub(super) listen: Listen,
    pub(super) admin: Admin,
    pub(super) store: Store,
    pub(super) verify: Verify,
    pub(super) limits: Limits,
    pub(super) app: Vec<Value<App>>,
    pub(super) client: Vec<Value<Client>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Listen {
    pub(super) unix: Option<Value<String>>,
    pub(super) unix_client: Option<Value<String>>,
    pub(super) tcp: Option<Value<String>>,
    pub(super) tls: Tls,
    pub(super) insecure_plaintext: Option<Value<bool>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) cert: Option<Value<String>>,
    pub(super) key: Option<Value<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) tcp: Option<Value<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    pub(super) kind: Option<Value<String>>,
    pub(super) dir: Option<Value<String>>,
    pub(super) url: Option<Value<String>>,
    pub(super) url_file: Option<Value<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Verify {
    pub(super) path: Option<Value<String>>,
    pub(super) at_most_every: Option<Value<String>>,
    pub(super) a_day: Option<Value<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) header_bytes: Option<Value<usize>>,
    pub(super) body_bytes: Option<Value<usize>>,
    pub(super) connections: Option<Value<usize>>,
    pub(super) header_timeout: Option<Value<String>>,
    pub(super) long_polls_per_client: Option<Value<usize>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct App {
    pub(super) id: Option<Value<String>>,
    pub(super) kind: Option<Value<String>>,
    pub(super) secret: Option<Value<String>>,
    pub(super) secret_file: Option<Value<String>>,
    pub(super) base_url: Option<Value<String>>,
    pub(super) keep_warm: Option<Value<bool>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Client {
    pub(super) name: Option<Value<String>>,
    pub(super) secret_sha256: Option<Value<String>>,
    pub(super) apps: Option<Vec<Value<String>>>,
    pub(super) rights: Option<Vec<Value<String>>>,
    pub(super) paths: Option<Vec<Value<String>>>,
    pub(super) rate: Option<Value<NonZeroU32>>,
}

/// Reads the text. A message quotes keys of it, and no values.
pub(super) fn parse(text: &str, source: &Source) -> Result<Raw, Fault> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let message = match error.message() {
            // serde quotes the value, which may be a secret.
            quoting if quoting.starts_with("invalid type") || quoting.starts_with("invalid value") => {
                let expected =
                    quoting.rsplit_once("expected ").map_or("something else", |(_, expected)| expected);
                format!("the value is not of the right kind: expected {expected}")
            }
            other => other.to_owned(),
        };
        source.fault(&Place::File(error.span().unwrap_or_default()), message)
    })
}
