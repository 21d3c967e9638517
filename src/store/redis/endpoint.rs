//! What a URL means.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use crate::error::Error;

/// Where a store's data is.
#[derive(Clone)]
pub(super) enum Endpoint {
    /// One server, or whatever stands at its address.
    Single(ConnectionInfo),
    /// The primary of that name, as the Sentinels know it.
    Sentinel { sentinels: Vec<ConnectionInfo>, name: String, primary: ConnectionInfo },
    /// A Cluster that these nodes belong to.
    Cluster(Vec<ConnectionInfo>),
}

const SENTINEL_PORT: u16 = 26379;

impl Endpoint {
    /// Reads a URL. The message of an error does not show it, because there may be a password in it.
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| bad("it has no scheme such as `redis://`"))?;
        match scheme {
            "redis" | "rediss" | "redis+unix" | "unix" => Ok(Self::Single(parse_one(url)?)),
            "redis-sentinel" => parse_sentinel("redis", rest),
            "rediss-sentinel" => parse_sentinel("rediss", rest),
            "redis-cluster" => parse_cluster("redis", rest),
            "rediss-cluster" => parse_cluster("rediss", rest),
            _ => Err(bad(
                "its scheme is not one of redis, rediss, redis+unix, redis-sentinel, rediss-sentinel, \
                          redis-cluster, rediss-cluster",
            )),
        }
    }

    pub(super) fn uses_tls(&self) -> bool {
        let one = match self {
            Self::Single(one) | Self::Sentinel { primary: one, .. } => Some(one),
            Self::Cluster(nodes) => nodes.first(),
        };
        one.is_some_and(is_tls)
    }
}

pub(super) fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

/// The parts of a URL that may name several hosts.
struct Parts<'a> {
    user: Option<&'a str>,
    hosts: Vec<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Self {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        Self { user, hosts: hosts.split(',').filter(|host| !host.is_empty()).collect(), path, query }
    }

    /// A value of the query, still percent-encoded.
    fn query(&self, name: &str) -> Option<&'a str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

fn parse_sentinel(scheme: &str, rest: &str) -> Result<Endpoint, Error> {
    let parts = Parts::of(rest);
    let name = percent_encoding::percent_decode_str(parts.path.trim_end_matches('/'))
        .decode_utf8()
        .map_err(|_| bad("the name of the primary is not UTF-8"))?
        .into_owned();
    if name.is_empty() {
        return Err(bad("the name of the primary is missing: redis-sentinel://host:port,host:port/name"));
    }
    let sentinel_password = parts.query("sentinel_password");
    let sentinel_user = sentinel_password
        .map(|password| format!("{}:{password}", parts.query("sentinel_user").unwrap_or_default()));
    let sentinels: Vec<_> = parts
        .hosts
        .iter()
        .map(|host| parse_host(scheme, sentinel_user.as_deref(), host, SENTINEL_PORT, ""))
        .collect::<Result<_, _>>()?;
    if sentinels.is_empty() {
        return Err(bad("it names no Sentinel"));
    }
    // Only the user, the database and the scheme count; the Sentinels know the address.
    let db = parts.query("db").unwrap_or_default();
    let primary = parse_host(scheme, parts.user, "primary.invalid", 6379, db)?;
    Ok(Endpoint::Sentinel { sentinels, name, primary })
}

fn parse_cluster(scheme: &str, rest: &str) -> Result<Endpoint, Error> {
    let parts = Parts::of(rest);
    if !parts.path.is_empty() {
        return Err(bad("a Cluster has no databases to choose from"));
    }
    let nodes: Vec<_> = parts
        .hosts
        .iter()
        .map(|host| parse_host(scheme, parts.user, host, 6379, ""))
        .collect::<Result<_, _>>()?;
    if nodes.is_empty() {
        return Err(bad("it names no node"));
    }
    Ok(Endpoint::Cluster(nodes))
}

fn parse_host(
    scheme: &str,
    user: Option<&str>,
    host: &str,
    port: u16,
    db: &str,
) -> Result<ConnectionInfo, Error> {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let port = if has_port { String::new() } else { format!(":{port}") };
    parse_one(&format!("{scheme}://{user}{host}{port}/{db}"))
}

fn parse_one(url: &str) -> Result<ConnectionInfo, Error> {
    if url.starts_with("rediss") && url.contains('#') {
        return Err(bad("it has a fragment, and a server's certificate is always checked"));
    }
    // The error is dropped: it could quote the URL.
    let info = url.into_connection_info().map_err(|_| bad("see host, port, path and database"))?;
    // A user who may do no more than the store needs would be refused the library's name, and the server log that.
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

/// The settings of a connection without its address.
pub(super) fn settings(info: &ConnectionInfo) -> &RedisConnectionInfo {
    info.redis_settings()
}

fn bad(what: &str) -> Error {
    Error::config(format!("the Redis URL cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Endpoint::parse(url).err().map(|error| format!("{error} {error:?}")).unwrap_or_default()
    }

    #[test]
    fn one_server() {
        let Ok(Endpoint::Single(info)) = Endpoint::parse("rediss://us%40er:p%3Aw@example.com:7000/3") else {
            panic!("not single");
        };
        assert_eq!(info.addr().to_string(), "example.com:7000");
        let settings = info.redis_settings();
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("us@er"), Some("p:w"), 3)
        );
        assert!(is_tls(&info));
        let Ok(Endpoint::Single(info)) = Endpoint::parse("redis+unix:///run/redis.sock?db=2&pass=pw") else {
            panic!("not single");
        };
        assert_eq!((info.addr().to_string().as_str(), info.redis_settings().db()), ("/run/redis.sock", 2));
    }

    #[test]
    fn a_sentinel_set() {
        let url = "redis-sentinel://user:pw@a:1,[::1]/my-name?db=4&sentinel_password=spw";
        let Ok(Endpoint::Sentinel { sentinels, name, primary }) = Endpoint::parse(url) else {
            panic!("not a sentinel set");
        };
        let shown: Vec<_> = sentinels.iter().map(|one| one.addr().to_string()).collect();
        assert_eq!((name.as_str(), shown), ("my-name", vec!["a:1".to_owned(), "::1:26379".to_owned()]));
        assert_eq!(sentinels[0].redis_settings().password(), Some("spw"));
        let settings = primary.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("user"), Some("pw"), 4));
    }

    #[test]
    fn a_cluster() {
        let Ok(Endpoint::Cluster(nodes)) = Endpoint::parse("rediss-cluster://:pw@a:1,b") else {
            panic!("not a cluster");
        };
        assert_eq!(nodes[1].addr().to_string(), "b:6379");
        assert!(nodes.iter().all(|node| is_tls(node) && node.redis_settings().password() == Some("pw")));
    }

    #[test]
    fn what_can_never_work_is_refused_without_the_password() {
        for url in [
            "",
            "SENTINEL",
            "http://:SENTINEL@h/",
            "redis://:SENTINEL@h:99999/",
            "redis://:SENTINEL@h/notadb",
            "redis://:SENTINEL@/",
            "rediss://:SENTINEL@h/#insecure",
            "redis-sentinel://:SENTINEL@h:1",
            "redis-sentinel://:SENTINEL@/name",
            "redis-sentinel://:SENTINEL@h:1/name?db=x",
            "redis-cluster://:SENTINEL@",
            "redis-cluster://:SENTINEL@h/2",
        ] {
            let text = refused(url);
            assert!(text.contains("Redis URL") && !text.contains("SENTINEL"), "{url}: {text}");
        }
    }
}
