//! What an error of Redis means for us, in words for whoever runs it.
//!
//! A server quotes arguments in its errors, and the arguments hold tokens: nothing of its text is ever passed on.

use std::borrow::Cow;

use redis::{ErrorKind, RedisError};

use crate::store::StoreError;

/// An error, and what to do about the connection that it came over.
pub(super) struct Fault {
    pub(super) error: StoreError,
    pub(super) cure: Cure,
    /// Whether it stays until somebody changes a setting, so that there is no hurry to try again.
    pub(super) lasting: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    /// The connection is as good as any other.
    Nothing,
    /// See whether the connection still answers.
    Probe,
    /// Find the server anew.
    Reconnect,
}

/// Codes that a server before 7.0 hides in the text of a script's error.
const INSIDE_SCRIPTS: [&str; 6] = ["WRONGTYPE", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOPERM"];

/// What tells that a server, or whatever stands before it, has no RESP3. Their words for it differ.
pub(super) fn is_about_hello(error: &RedisError) -> bool {
    let said = detail(error).to_lowercase();
    error.kind() == ErrorKind::RESP3NotSupported
        || error.code() == Some("NOPROTO")
        || is_unknown_command(error)
        || ["hello", "resp3", "noproto", "unsupported command"].iter().any(|word| said.contains(word))
}

/// Whether the server does not have the command, or somebody disabled it.
pub(super) fn is_unknown_command(error: &RedisError) -> bool {
    detail(error).contains("unknown command")
}

impl Fault {
    pub(super) fn new(message: impl Into<Cow<'static, str>>, cure: Cure) -> Self {
        Self { error: StoreError::unavailable(message), cure, lasting: false }
    }

    fn lasting(self) -> Self {
        Self { lasting: true, ..self }
    }

    pub(super) fn of(error: &RedisError, key: &str) -> Self {
        match error.kind() {
            // The library has put a server's words into this one.
            ErrorKind::Io if error.detail().is_some() => Self::of_cluster(detail(error)),
            ErrorKind::Io if error.is_timeout() => Self::new(
                "Redis does not answer; see whether it is overloaded, stopped or cut off",
                Cure::Probe,
            ),
            ErrorKind::Io => {
                let advice = if error.is_connection_refusal() {
                    "see whether it runs and the address is right"
                } else {
                    "see whether it still runs, and has not reached its `maxclients`"
                };
                // The error is of the operating system or the TLS library, so it shows no URL.
                let said = error.to_string();
                let fault = Self::new(format!("Redis cannot be reached ({said}); {advice}"), Cure::Reconnect);
                Self { lasting: said.contains("certificate"), ..fault }
            }
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::new(
                "what answers does not speak the Redis protocol; see whether the port is right",
                Cure::Reconnect,
            ),
            ErrorKind::RESP3NotSupported => Self::new(
                "the server is too old, or its command HELLO is disabled; Redis 6.0 or later is needed",
                Cure::Reconnect,
            )
            .lasting(),
            ErrorKind::AuthenticationFailed => Self::new(REFUSED_USER, Cure::Reconnect).lasting(),
            ErrorKind::MasterNameNotFoundBySentinel => Self::new(
                "the Sentinels know no healthy primary of that name; see whether the name is right",
                Cure::Reconnect,
            ),
            ErrorKind::ClusterConnectionNotFound => Self::new(NO_NODE, Cure::Reconnect),
            ErrorKind::InvalidClientConfig | ErrorKind::Client => Self::new(
                "Redis cannot be connected to with these settings; see the URL and the certificates",
                Cure::Reconnect,
            ),
            _ => Self::of_code(code(error), error, key),
        }
    }

    /// Why no node of a Cluster could be connected to, out of what the last of them said.
    fn of_cluster(said: &str) -> Self {
        let one_of = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if one_of(&["WRONGPASS", "NOAUTH", "AuthenticationFailed"]) {
            Self::new(REFUSED_USER, Cure::Reconnect).lasting()
        } else if one_of(&["NOPERM", NO_PERMISSION]) {
            Self::new(NOT_ALLOWED, Cure::Reconnect).lasting()
        } else if said.contains("cluster support disabled") {
            Self::new("this Redis server is no node of a Cluster; use a `redis://` URL", Cure::Reconnect)
                .lasting()
        } else if one_of(&["certificate", "Certificate"]) {
            Self::new(
                "the certificates of the Redis Cluster are not trusted; see the root certificates",
                Cure::Reconnect,
            )
            .lasting()
        } else {
            Self::new(NO_NODE, Cure::Reconnect)
        }
    }

    fn of_code(code: &str, error: &RedisError, key: &str) -> Self {
        let said = detail(error);
        match code {
            "WRONGTYPE" => Self {
                error: StoreError::unreadable(format!(
                    "Redis key {key} is not a hash, so it is not this library's; look at it, or use another prefix"
                )),
                cure: Cure::Nothing,
                lasting: false,
            },
            "NOAUTH" | "WRONGPASS" => Self::new(REFUSED_USER, Cure::Reconnect).lasting(),
            "NOPERM" => Self::new(NOT_ALLOWED, Cure::Nothing).lasting(),
            "READONLY" => Self::new(
                "this Redis server is a read-only replica; its primary is being looked for",
                Cure::Reconnect,
            ),
            "OOM" => {
                Self::new("Redis has no memory left (`maxmemory`); give it more, or free some", Cure::Nothing)
            }
            "MISCONF" => Self::new(
                "Redis refuses to write because it cannot save to its disk; make room there, and see its log",
                Cure::Nothing,
            ),
            "NOREPLICAS" => Self::new(
                "Redis refuses to write because it has too few replicas (`min-replicas-to-write`); see where they are",
                Cure::Nothing,
            ),
            "LOADING" => Self::new("Redis is still loading its data; wait a moment", Cure::Nothing),
            "BUSY" => Self::new(
                "Redis is busy with somebody's script; wait, or end it with SCRIPT KILL",
                Cure::Nothing,
            ),
            "MASTERDOWN" => Self::new(
                "this Redis replica has lost its primary; see whether that runs, or a new one is being chosen",
                Cure::Reconnect,
            ),
            "CLUSTERDOWN" | "TRYAGAIN" => Self::new(
                "the Redis Cluster does not serve this key at the moment; see `redis-cli cluster info`",
                Cure::Nothing,
            ),
            "CROSSSLOT" | "MOVED" | "ASK" => Self::new(
                "this Redis server is a node of a Cluster; use a `redis-cluster://` URL",
                Cure::Probe,
            ),
            _ if is_unknown_command(error) || said.contains("not allowed from script") => Self::new(
                "Redis does not have a command that is needed (EVALSHA, SCRIPT LOAD, TIME, HSET); it is \
                 too old, or somebody disabled the command",
                Cure::Nothing,
            )
            .lasting(),
            _ if said.contains("DB index") => Self::new(
                "Redis does not have the database that the URL names; correct the URL",
                Cure::Reconnect,
            )
            .lasting(),
            _ if said.contains("max number of clients") => Self::new(
                "Redis accepts no more connections (`maxclients`); allow more, or see who holds them",
                Cure::Reconnect,
            ),
            _ => {
                Self::new(format!("Redis answered with the error {}; see its log", shown(code)), Cure::Probe)
            }
        }
    }
}

const REFUSED_USER: &str = "Redis refuses the user or password, or wants one; correct the URL";
const NOT_ALLOWED: &str = "the Redis user may not do this; allow it `~<prefix>:* &<prefix>:*` and the commands EVALSHA, \
                           SCRIPT LOAD, PING, SUBSCRIBE, PUBLISH, SELECT, TIME, HMGET, HGET, HSET, HDEL, HINCRBY, PTTL \
                           and PEXPIRE; behind Sentinels ROLE too, in a Cluster CLUSTER SLOTS";
const NO_NODE: &str = "no node of the Redis Cluster can be reached; see whether they run";
/// How the library shows a refusal of SELECT, without its code.
const NO_PERMISSION: &str = "has no permissions to run";

fn detail(error: &RedisError) -> &str {
    error.detail().unwrap_or_default()
}

fn code(error: &RedisError) -> &str {
    let code = error.code().unwrap_or_default();
    if code == "ERR" {
        let inside = INSIDE_SCRIPTS
            .into_iter()
            .find(|inside| detail(error).contains("running script") && detail(error).contains(inside));
        return inside.unwrap_or(if detail(error).contains(NO_PERMISSION) { "NOPERM" } else { code });
    }
    code
}

/// A code is one word in capitals; whatever else a server sends instead is not shown.
fn shown(code: &str) -> &str {
    let is_code = (1..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_code { code } else { "ERR" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_inside_an_error_of_the_library_is_not_shown() {
        for (said, word) in [
            (
                "ResponseError: unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'u' 'SENTINEL'",
                "no node",
            ),
            ("WRONGPASS: SENTINEL", "password"),
            ("Password authentication failed - AuthenticationFailed", "password"),
            ("NoPerm: this user has no permissions to run the 'cluster|slots' command", "allow it"),
            ("ResponseError: This instance has cluster support disabled", "redis://"),
            ("invalid peer certificate: UnknownIssuer", "root certificates"),
        ] {
            let error =
                RedisError::from((ErrorKind::Io, "Failed to create initial connections", said.into()));
            let fault = Fault::of(&error, "key");
            let text = format!("{} {:?}", fault.error, fault.error);
            assert!(text.contains(word) && !text.contains("SENTINEL"), "{text}");
        }
    }
}
