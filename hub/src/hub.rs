//! [`Hub`]: apps and clients, and the service that brings them together.

use std::sync::Arc;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_wechat::{AppId, TokenCache};

use crate::{
    client::Client,
    error::Error,
    limits::Limits,
    protocol,
    shared::Shared,
    table::{App, Table},
};

/// A token hub: the apps, the clients, and a token of each app that is always there.
///
/// It is cheap to clone; all clones are one hub. [`service`](Self::service) goes into any axum or hyper server, and
/// [`serve_unix`](Self::serve_unix), [`serve_tcp`](Self::serve_tcp) and [`serve_tls`](Self::serve_tls) serve it.
///
/// ```
/// use tower_wechat::{TokenCache, issuer::StableToken};
/// use wechat_hub::{Client, ClientSecret, Hub, Right};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = fake_wechat::FakeWeChat::start().await;
/// # let (app, app_secret) = (fake_wechat::FakeWeChat::APP_ID, fake_wechat::FakeWeChat::APP_SECRET);
/// # let issuer = StableToken::new(app, app_secret).base_url(&wechat.url())?;
/// # /*
/// let issuer = StableToken::new(app, app_secret);
/// # */
/// let secret = ClientSecret::generate()?; // for the program that will ask
/// let hub = Hub::builder()
///     .app(app, TokenCache::new(issuer))
///     .client(Client::new("shop", secret.hash().to_string()).apps([app]).rights([Right::Token]))
///     .build()?;
/// let server = hub.serve_tcp("127.0.0.1:0")?;
/// println!("listening on http://{}", server.local_addr());
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Shared>);

impl Hub {
    /// A hub without apps and clients yet.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// The hub as a service: protocol v1 below `/v1/`. Mount it as it is, or below a prefix.
    ///
    /// The first call on a tokio runtime begins to keep the tokens warm.
    pub fn service(&self) -> Router {
        self.begin();
        protocol::router(self.clone())
    }

    /// Takes over apps, clients and limits of another hub that was not built yet. Requests under way go on; a client that
    /// is gone gets no more tokens from the next moment on. Connections keep the limit of `header_bytes` that they began with,
    /// and the hub its [`metrics`](HubBuilder::metrics).
    ///
    /// # Errors
    ///
    /// As [`build`](HubBuilder::build), and all stays as it was.
    pub fn reconfigure(&self, builder: HubBuilder) -> Result<(), Error> {
        let table = builder.table(Some(&self.table()))?;
        self.0.connections.limit(table.limits.connections);
        table.take_over(&self.table());
        self.0.table.store(Arc::new(table));
        self.0.changed.send_replace(());
        self.begin();
        Ok(())
    }

    /// What goes on at the moment.
    #[must_use]
    pub fn load(&self) -> Load {
        let (connections, idle_connections) = self.0.connections.count();
        let long_polls = self.table().clients().map(|known| known.polling()).sum();
        Load { connections, idle_connections, long_polls }
    }
}

/// What goes on in a hub at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Connections to the hub's own listeners.
    pub connections: usize,
    /// Those of them on which no request is being answered.
    pub idle_connections: usize,
    /// Questions that wait for a token of a later generation.
    pub long_polls: usize,
}

/// What a hub is made of.
#[derive(Default)]
#[must_use]
pub struct HubBuilder {
    apps: Vec<(AppId, App)>,
    clients: Vec<Client>,
    unix_client: Option<String>,
    limits: Limits,
    metrics: Option<PrometheusHandle>,
}

impl HubBuilder {
    /// An app whose token is kept warm: fetched before anybody asks, and replaced ahead of its end.
    pub fn app(mut self, id: impl Into<AppId>, cache: TokenCache) -> Self {
        self.apps.push((id.into(), App::new(cache, true)));
        self
    }

    /// An app whose token is fetched when somebody asks.
    pub fn app_on_demand(mut self, id: impl Into<AppId>, cache: TokenCache) -> Self {
        self.apps.push((id.into(), App::new(cache, false)));
        self
    }

    /// A program that may ask.
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Who a caller on a Unix socket is when it shows no credential: the client of this name. Nobody unless set.
    pub fn unix_client(self, name: impl Into<String>) -> Self {
        Self { unix_client: Some(name.into()), ..self }
    }

    /// How much to take from clients.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where `/metrics` of [`admin_service`](Hub::admin_service) reads: the handle of the recorder that the program has
    /// installed before it built the hub. The hub installs none, and without this there is nothing at `/metrics`.
    ///
    /// ```
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    ///
    /// let recorder = PrometheusBuilder::new().install_recorder()?;
    /// let hub = wechat_hub::Hub::builder().metrics(recorder).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(self, recorder: PrometheusHandle) -> Self {
        Self { metrics: Some(recorder), ..self }
    }

    /// The hub.
    ///
    /// # Errors
    ///
    /// For two apps of one id, two clients of one name or secret, a client without rights or apps or with an app that is
    /// not the hub's, and limits that make no sense.
    pub fn build(mut self) -> Result<Hub, Error> {
        let metrics = self.metrics.take();
        let table = self.table(None)?;
        Ok(Hub(Arc::new(Shared::new(table, metrics))))
    }

    fn table(self, before: Option<&Table>) -> Result<Table, Error> {
        Table::new(self.apps, self.clients, self.unix_client.as_deref(), self.limits, before)
    }
}
