//! What an error of Redis means for us, in words for whoever runs it.
//!
//! A server quotes arguments in its errors, and the arguments hold tokens: nothing of its text is ever passed on.

use redis::{ErrorKind, RedisError};

use crate::store::StoreError;

/// An error, and what to do about the connection that it came over.
pub(super) struct Fault {
    pub(super) error: StoreError,
    pub(super) cure: Cure,
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

impl Fault {
    pub(super) fn of(error: &RedisError, key: &str) -> Self {
        let fault = |message: &'static str, cure| Self { error: StoreError::unavailable(message), cure };
        match error.kind() {
            ErrorKind::Io => Self {
                error: StoreError::unavailable(if error.is_timeout() {
                    "Redis does not answer; see whether it is overloaded, stopped or cut off".into()
                } else {
                    let advice = if error.is_connection_refusal() {
                        "see whether it runs and the address is right"
                    } else {
                        "see whether it still runs, and has not reached its `maxclients`"
                    };
                    // The error is of the operating system or the TLS library, so it shows no URL.
                    format!("Redis cannot be reached ({error}); {advice}")
                }),
                cure: if error.is_timeout() { Cure::Probe } else { Cure::Reconnect },
            },
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => fault(
                "what answers does not speak the Redis protocol; see whether the port is right",
                Cure::Reconnect,
            ),
            ErrorKind::RESP3NotSupported => fault(
                "the server is too old, or its command HELLO is disabled; Redis 6.0 or later is needed",
                Cure::Reconnect,
            ),
            ErrorKind::AuthenticationFailed => fault(REFUSED_USER, Cure::Reconnect),
            ErrorKind::MasterNameNotFoundBySentinel => fault(
                "the Sentinels know no healthy primary of that name; see whether the name is right",
                Cure::Reconnect,
            ),
            ErrorKind::ClusterConnectionNotFound => {
                fault("no node of the Redis Cluster can be reached; see whether they run", Cure::Reconnect)
            }
            ErrorKind::InvalidClientConfig | ErrorKind::Client => fault(
                "Redis cannot be connected to with these settings; see the URL and the certificates",
                Cure::Reconnect,
            ),
            _ => Self::of_code(code(error), error, key),
        }
    }

    fn of_code(code: &str, error: &RedisError, key: &str) -> Self {
        let (message, cure) = match code {
            "WRONGTYPE" => {
                return Self {
                    error: StoreError::unreadable(format!(
                        "Redis key {key} is not a hash, so it is not this library's; look at it, or use another prefix"
                    )),
                    cure: Cure::Nothing,
                };
            }
            "NOAUTH" | "WRONGPASS" => (REFUSED_USER, Cure::Reconnect),
            "NOPERM" => (
                "the Redis user may not do this; allow it `~<prefix>:* &<prefix>:*` and the commands EVALSHA, SCRIPT \
                 LOAD, PING, SUBSCRIBE, PUBLISH, TIME, HMGET, HGET, HSET, HDEL, HINCRBY, PTTL and PEXPIRE",
                Cure::Nothing,
            ),
            "READONLY" => {
                ("this Redis server is a read-only replica; its primary is being looked for", Cure::Reconnect)
            }
            "OOM" => ("Redis has no memory left (`maxmemory`); give it more, or free some", Cure::Nothing),
            "MISCONF" => ("Redis refuses to write because it cannot save to its disk", Cure::Nothing),
            "NOREPLICAS" => ("Redis refuses to write because it has too few replicas", Cure::Nothing),
            "LOADING" => ("Redis is still loading its data; wait a moment", Cure::Nothing),
            "BUSY" => {
                ("Redis is busy with somebody's script; wait, or end it with SCRIPT KILL", Cure::Nothing)
            }
            "MASTERDOWN" => ("this Redis replica has lost its primary", Cure::Reconnect),
            "CLUSTERDOWN" | "TRYAGAIN" => (
                "the Redis Cluster does not serve this key at the moment; see `redis-cli cluster info`",
                Cure::Nothing,
            ),
            "CROSSSLOT" | "MOVED" | "ASK" => {
                ("this Redis server is a node of a Cluster; use a `redis-cluster://` URL", Cure::Probe)
            }
            _ if detail(error).contains("unknown command")
                || detail(error).contains("not allowed from script") =>
            {
                (
                    "Redis does not have a command that is needed (EVALSHA, SCRIPT, TIME, HSET, PUBLISH, SUBSCRIBE); it is \
                 too old, or somebody disabled the command",
                    Cure::Nothing,
                )
            }
            _ if detail(error).contains("DB index") => {
                ("Redis does not have the database that the URL names", Cure::Reconnect)
            }
            _ if detail(error).contains("max number of clients") => {
                ("Redis accepts no more connections (`maxclients`)", Cure::Reconnect)
            }
            _ => {
                return Self {
                    error: StoreError::unavailable(format!("Redis answered with the error {}", shown(code))),
                    cure: Cure::Probe,
                };
            }
        };
        Self { error: StoreError::unavailable(message), cure }
    }
}

const REFUSED_USER: &str = "Redis refuses the user or password, or wants one; correct the URL";

fn detail(error: &RedisError) -> &str {
    error.detail().unwrap_or_default()
}

fn code(error: &RedisError) -> &str {
    let code = error.code().unwrap_or_default();
    if code == "ERR" {
        let inside = INSIDE_SCRIPTS
            .into_iter()
            .find(|inside| detail(error).contains("running script") && detail(error).contains(inside));
        return inside.unwrap_or(code);
    }
    code
}

/// A code is one word in capitals; whatever else a server sends instead is not shown.
fn shown(code: &str) -> &str {
    let is_code = (1..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_code { code } else { "ERR" }
}
