//! A connection to a server, to the primary of a Sentinel set, or to a Cluster: one to everybody else.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ProtocolVersion, PushInfo, RedisResult,
    ScriptInvocation, TlsCertificates, TlsMode, Value,
    aio::{AsyncPushSender, ConnectionLike, MultiplexedConnection},
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
    sentinel::{SentinelClientBuilder, SentinelServerType},
};

use super::{
    endpoint::{Endpoint, is_tls, settings},
    fault::{is_about_hello, is_unknown_command},
    scripts::Answer,
};

/// How long the connection's own parts may take where the library asks for it; every use has its own deadline besides.
const TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Where the server's pushes go. Only RESP3 has them.
type Push = Option<Arc<dyn AsyncPushSender>>;

impl Endpoint {
    /// Connects, and subscribes to `channel`. What the server pushes goes to `push`.
    ///
    /// Where there is no RESP3 (a proxy that does not know the command HELLO, a server where it is disabled), RESP2 does
    /// all but the subscription. It is asked for with every connection: servers are updated.
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
        let mut connection = match self.connect(certificates, Some(Arc::new(push))).await {
            Err(error) if is_about_hello(&error) => {
                let connection = self.connect(certificates, None).await?;
                return connection.logged_in().await;
            }
            connected => connected?,
        };
        match connection.subscribe(channel).await {
            // Who may not subscribe does without what is told: it is a hint.
            Err(error) if error.code() != Some("NOPERM") && !is_unknown_command(&error) => Err(error),
            _ => Ok(connection),
        }
    }

    async fn connect(&self, certificates: Option<&TlsCertificates>, push: Push) -> RedisResult<Connection> {
        Ok(match self {
            Self::Single(info) => Connection::One(open_single(info, certificates, push).await?),
            Self::Sentinel { sentinels, name, primary } => {
                Connection::One(open_primary(sentinels, name, primary, certificates, push).await?)
            }
            Self::Cluster(nodes) => Connection::Cluster(open_cluster(nodes, certificates, push).await?),
        })
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

fn protocol(push: &Push) -> ProtocolVersion {
    if push.is_some() { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 }
}

fn config(push: Push) -> AsyncConnectionConfig {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        // Every use has its own.
        .set_response_timeout(None);
    match push {
        Some(push) => config.set_push_sender(push),
        None => config,
    }
}

async fn open_single(
    info: &ConnectionInfo,
    certificates: Option<&TlsCertificates>,
    push: Push,
) -> RedisResult<MultiplexedConnection> {
    let settings = settings(info).clone().set_protocol(protocol(&push));
    let info = info.clone().set_redis_settings(settings);
    client(&info, certificates)?.get_multiplexed_async_connection_with_config(&config(push)).await
}

/// Asks the Sentinels anew every time, so that a connection is always to the present primary.
async fn open_primary(
    sentinels: &[ConnectionInfo],
    name: &str,
    primary: &ConnectionInfo,
    certificates: Option<&TlsCertificates>,
    push: Push,
) -> RedisResult<MultiplexedConnection> {
    let addresses = sentinels.iter().map(|sentinel| sentinel.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
        .set_client_to_redis_protocol(protocol(&push))
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
        .connection_timeout(TIMEOUT)
        .response_timeout(TIMEOUT)
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
    push: Push,
) -> RedisResult<ClusterConnection> {
    let builder = cluster(nodes, certificates).use_protocol(protocol(&push));
    let builder = match push {
        Some(push) => builder.push_sender(push),
        None => builder,
    };
    builder.build()?.get_async_connection().await
}

impl Connection {
    pub(super) async fn invoke(&mut self, script: &ScriptInvocation<'_>) -> RedisResult<Answer> {
        match self {
            Self::One(one) => script.invoke_async(one).await,
            Self::Cluster(cluster) => script.invoke_async(cluster).await,
        }
    }

    /// Whether anything answers, be it with an error.
    pub(super) async fn is_alive(&mut self) -> bool {
        match self.ask(redis::cmd("PING")).await {
            Ok(_) => true,
            Err(error) => error.code().is_some(),
        }
    }

    /// Without HELLO, a server that wants a password says so when it is first asked.
    async fn logged_in(mut self) -> RedisResult<Self> {
        match self.ask(redis::cmd("PING")).await {
            Err(error) if error.code() == Some("NOAUTH") => Err(error),
            _ => Ok(self),
        }
    }

    /// Tells the subscribers of `channel`. Does not wait for the server: the message is a hint.
    pub(super) async fn publish(&mut self, channel: &str, message: &str) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(channel).arg(message).set_no_response(true);
        // A user who may not publish can still write.
        let _ = match self {
            Self::One(one) => one.req_packed_command(&publish).await,
            Self::Cluster(cluster) => cluster.req_packed_command(&publish).await,
        };
    }

    /// What the server says of its memory, if this user may know.
    pub(super) async fn memory(&mut self) -> RedisResult<String> {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        Ok(redis::from_redis_value(self.ask(info).await?)?)
    }

    /// Asks the server, or any node of the Cluster.
    async fn ask(&mut self, command: Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::One(one) => one.req_packed_command(&command).await,
            Self::Cluster(cluster) => {
                let anywhere = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                cluster.route_command(command, anywhere).await
            }
        };
        answer?.extract_error()
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
