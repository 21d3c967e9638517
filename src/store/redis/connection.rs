//! A connection to a server, to the primary of a Sentinel set, or to a Cluster: one to everybody else.

use std::time::Duration;

use redis::{
    AsyncCommands, AsyncConnectionConfig, Client, ConnectionInfo, PushInfo, RedisResult, ScriptInvocation,
    TlsCertificates, TlsMode,
    aio::{AsyncPushSender, ConnectionLike, MultiplexedConnection},
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
    sentinel::{SentinelClientBuilder, SentinelServerType},
};

use super::{
    endpoint::{Endpoint, is_tls, settings},
    scripts::Answer,
};

/// How long the connection's own parts may take where the library asks for it; every use has its own deadline besides.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Endpoint {
    /// Connects, and subscribes to `channel`. What the server pushes goes to `push`.
    pub(super) async fn open(
        &self,
        certificates: Option<&TlsCertificates>,
        channel: &str,
        push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<Connection> {
        let push = move |info| {
            push(info);
            Ok::<(), ()>(())
        };
        let mut connection = match self {
            Self::Single(info) => Connection::One(open_single(info, certificates, push).await?),
            Self::Sentinel { sentinels, name, primary } => {
                Connection::One(open_primary(sentinels, name, primary, certificates, push).await?)
            }
            Self::Cluster(nodes) => Connection::Cluster(open_cluster(nodes, certificates, push).await?),
        };
        match connection.subscribe(channel).await {
            // A user who may not subscribe does without the bell: it is a hint.
            Err(error) if error.code() != Some("NOPERM") => Err(error),
            _ => Ok(connection),
        }
    }

    /// Whether these settings make sense together, without asking anybody.
    pub(super) fn check(&self, certificates: Option<&TlsCertificates>) -> RedisResult<()> {
        match self {
            Self::Single(info) => client(info, certificates).map(drop),
            Self::Sentinel { sentinels, primary, .. } => {
                sentinels.iter().chain([primary]).try_for_each(|info| client(info, certificates).map(drop))
            }
            Self::Cluster(nodes) => cluster(nodes, certificates).build().map(drop),
        }
    }
}

fn client(info: &ConnectionInfo, certificates: Option<&TlsCertificates>) -> RedisResult<Client> {
    match certificates {
        Some(certificates) if is_tls(info) => Client::build_with_tls(info.clone(), certificates.clone()),
        _ => Client::open(info.clone()),
    }
}

fn config(push: impl AsyncPushSender) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        .set_push_sender(push)
}

async fn open_single(
    info: &ConnectionInfo,
    certificates: Option<&TlsCertificates>,
    push: impl AsyncPushSender,
) -> RedisResult<MultiplexedConnection> {
    client(info, certificates)?.get_multiplexed_async_connection_with_config(&config(push)).await
}

/// Asks the Sentinels anew every time, so that a connection is always to the present primary.
async fn open_primary(
    sentinels: &[ConnectionInfo],
    name: &str,
    primary: &ConnectionInfo,
    certificates: Option<&TlsCertificates>,
    push: impl AsyncPushSender,
) -> RedisResult<MultiplexedConnection> {
    let addresses = sentinels.iter().map(|sentinel| sentinel.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
        .set_client_to_redis_protocol(settings(primary).protocol())
        .set_client_to_redis_db(settings(primary).db())
        .set_client_to_redis_tcp_settings(primary.tcp_settings().clone());
    if let Some(user) = settings(primary).username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = settings(primary).password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(sentinel) = sentinels.first() {
        if let Some(user) = settings(sentinel).username() {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = settings(sentinel).password() {
            builder = builder.set_client_to_sentinel_password(password);
        }
    }
    if is_tls(primary) {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        if let Some(certificates) = certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
    }
    builder.build()?.get_async_connection_with_config(&config(push)).await
}

fn cluster(nodes: &[ConnectionInfo], certificates: Option<&TlsCertificates>) -> ClusterClientBuilder {
    let builder = ClusterClientBuilder::new(nodes.iter().cloned())
        .connection_timeout(PATIENCE)
        .response_timeout(PATIENCE)
        // The library's own waits grow to minutes; the scripts may safely run twice.
        .retries(3)
        .min_retry_wait(20)
        .max_retry_wait(200);
    match (nodes.first().is_some_and(is_tls), certificates) {
        (true, Some(certificates)) => builder.certs(certificates.clone()),
        _ => builder,
    }
}

async fn open_cluster(
    nodes: &[ConnectionInfo],
    certificates: Option<&TlsCertificates>,
    push: impl AsyncPushSender,
) -> RedisResult<ClusterConnection> {
    cluster(nodes, certificates).push_sender(push).build()?.get_async_connection().await
}

impl Connection {
    pub(super) async fn invoke(&mut self, script: &ScriptInvocation<'_>) -> RedisResult<Answer> {
        match self {
            Self::One(one) => script.invoke_async(one).await,
            Self::Cluster(cluster) => script.invoke_async(cluster).await,
        }
    }

    pub(super) async fn publish(&mut self, channel: &str, message: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.publish(channel, message).await,
            Self::Cluster(cluster) => cluster.publish(channel, message).await,
        }
    }

    /// Whether anything answers, be it with an error.
    pub(super) async fn is_alive(&mut self) -> bool {
        let ping = redis::cmd("PING");
        let answer = match self {
            Self::One(one) => one.req_packed_command(&ping).await,
            Self::Cluster(cluster) => {
                let anywhere = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                cluster.route_command(ping, anywhere).await
            }
        };
        match answer {
            Ok(_) => true,
            Err(error) => error.code().is_some(),
        }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::One(one) => one.subscribe(channel).await,
            Self::Cluster(cluster) => cluster.subscribe(channel).await,
        }
    }
}
