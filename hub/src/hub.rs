//! [`Hub`]: apps and clients, and the service that brings them together.

use std::{collections::HashMap, fmt, sync::Arc};

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_wechat::{AppId, AppSecret, TokenCache};

use crate::{
    app::App,
    client::Client,
    error::Error,
    limits::Limits,
    pass::PassKey,
    service,
    shared::Shared,
    table::{Settings, Table},
    verify::Verify,
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
/// # use fake_wechat::FakeWeChat;
/// # let wechat = FakeWeChat::start().await;
/// # let (app, app_secret) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
/// # let issuer = StableToken::new(app, app_secret).base_url(&wechat.url())?;
/// # /*
/// let issuer = StableToken::new(app, app_secret);
/// # */
/// let secret = ClientSecret::generate()?; // for the program that will ask
/// let shop = Client::new("shop", secret.hash().to_string())
///     .apps([app])
///     .rights([Right::Token]);
/// let hub = Hub::builder()
///     .app(app, TokenCache::new(issuer))
///     .client(shop)
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
    ///
    /// ```
    /// let hub = wechat_hub::Hub::builder().build()?;
    /// assert_eq!(hub.load().connections, 0);
    /// # Ok::<(), wechat_hub::Error>(())
    /// ```
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// The hub as a service: protocol v1 below `/v1/`, and WeChat's own endpoints at their paths. Mount it as it is, or below a
    /// prefix.
    ///
    /// The first call on a tokio runtime begins to keep the tokens warm.
    ///
    /// ```
    /// use axum::{Router, body::Body, http::{Request, StatusCode}};
    /// use tower::ServiceExt;
    /// use wechat_hub::Hub;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build()?;
    /// let router = Router::new().nest("/tokens", hub.service());
    ///
    /// let path = "/tokens/v1/apps/wx0123456789abcdef/token";
    /// let request = Request::get(path).body(Body::empty())?;
    /// let response = router.oneshot(request).await?;
    /// assert_eq!(response.status(), StatusCode::UNAUTHORIZED); // nobody's secret
    /// # Ok(())
    /// # }
    /// ```
    pub fn service(&self) -> Router {
        self.begin();
        service::router(self.clone())
    }

    /// Takes over apps, clients and limits of another hub that was not built yet. Requests under way go on; a client that
    /// is gone gets no more tokens from the next moment on. Connections keep the limit of `header_bytes` that they began with,
    /// and the hub its [`metrics`](HubBuilder::metrics) and its [`pass_key`](HubBuilder::pass_key).
    ///
    /// ```
    /// use tower_wechat::{TokenCache, issuer::StableToken};
    /// use wechat_hub::{Client, Hub, Right};
    ///
    /// let app = "wx0123456789abcdef";
    /// let cache = TokenCache::new(StableToken::new(app, "the-app-secret"));
    /// let builder = |clients: &[&str]| {
    ///     let hub = Hub::builder().app_on_demand(app, cache.clone());
    ///     clients.iter().fold(hub, |hub, name| {
    ///         let secret = format!("the secret of {name}");
    ///         let client = Client::new(*name, secret);
    ///         hub.client(client.apps([app]).rights([Right::Token]))
    ///     })
    /// };
    /// let hub = builder(&["shop"]).build()?;
    /// hub.reconfigure(builder(&["shop", "news"]))?;
    /// assert!(hub.reconfigure(builder(&["shop", "shop"])).is_err());
    /// # Ok::<(), wechat_hub::Error>(())
    /// ```
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
    ///
    /// ```
    /// let hub = wechat_hub::Hub::builder().build()?;
    /// let load = hub.load();
    /// println!("{} connections, {} long polls", load.connections, load.long_polls);
    /// # Ok::<(), wechat_hub::Error>(())
    /// ```
    #[must_use]
    pub fn load(&self) -> Load {
        let (connections, idle_connections) = self.0.connections.count();
        let long_polls = self.table().clients().map(|known| known.polling()).sum();
        Load { connections, idle_connections, long_polls }
    }
}

/// What goes on in a hub at one moment.
///
/// ```
/// let load = wechat_hub::Hub::builder().build()?.load();
/// let answering = load.connections - load.idle_connections;
/// assert_eq!((answering, load.long_polls), (0, 0));
/// # Ok::<(), wechat_hub::Error>(())
/// ```
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

/// Tells an app's secret.
pub(crate) type Secret = dyn Fn() -> AppSecret + Send + Sync;

/// Apps, clients and settings of a hub that is yet to be built; made by [`Hub::builder`].
///
/// ```
/// use tower_wechat::{TokenCache, issuer::{StableToken, WeCom}};
/// use wechat_hub::{Client, Hub, Limits, PassKey, Right, Verify};
///
/// let shop = "wx0123456789abcdef";
/// let stable = TokenCache::new(StableToken::new(shop, "the-app-secret"));
/// let corp = "ww0123456789abcdef";
/// let wecom = TokenCache::new(WeCom::new(corp, "the-corp-secret"));
/// let hub = Hub::builder()
///     .app(shop, stable) // kept warm
///     .app_on_demand(corp, wecom)
///     .client(Client::new("bot", "a-secret").apps([shop]).rights([Right::Proxy]))
///     .unix_client("bot")
///     .limits(Limits::default())
///     .verify(Verify::default())
///     .pass_key(PassKey::generate()?)
///     .open_user_paths(false)
///     .build()?;
/// # drop(hub);
/// # Ok::<(), wechat_hub::Error>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct HubBuilder {
    apps: Vec<(AppId, App)>,
    clients: Vec<Client>,
    secrets: HashMap<AppId, Arc<Secret>>,
    settings: Settings,
    pass_key: Option<PassKey>,
    metrics: Option<PrometheusHandle>,
}

/// The apps, without anything that is secret.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table();
        f.debug_struct("Hub").field("apps", &table.apps.keys()).finish_non_exhaustive()
    }
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let apps: Vec<_> = self.apps.iter().map(|(id, _)| id).collect();
        f.debug_struct("HubBuilder").field("apps", &apps).finish_non_exhaustive()
    }
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
        self.with(|settings| settings.unix_client = Some(name.into()))
    }

    /// How much to take from clients; [`Limits::default`] unless set.
    pub fn limits(self, limits: Limits) -> Self {
        self.with(|settings| settings.limits = limits)
    }

    /// Where the hub finds an app's secret for the calls that carry it: in place of a client's own secret it is put into the
    /// logins of mini programs (`/sns/jscode2session`) and web sites (`/sns/oauth2/access_token`), and into `clear_quota/v2`.
    /// Without it such calls are refused. It is asked for at each of them.
    ///
    /// ```
    /// use tower_wechat::{AppSecret, TokenCache, issuer::StableToken};
    /// use wechat_hub::Hub;
    ///
    /// let app = "wx0123456789abcdef";
    /// let secret = AppSecret::from("the-app-secret");
    /// let issuer = StableToken::new(app, secret.clone());
    /// let hub = Hub::builder()
    ///     .app(app, TokenCache::new(issuer))
    ///     .app_secret(app, move || secret.clone())
    ///     .build()?;
    /// # drop(hub);
    /// # Ok::<(), wechat_hub::Error>(())
    /// ```
    pub fn app_secret(
        mut self,
        app: impl Into<AppId>,
        secret: impl Fn() -> AppSecret + Send + Sync + 'static,
    ) -> Self {
        self.secrets.insert(app.into(), Arc::new(secret));
        self
    }

    /// The key of the hub's passes. Without it the hub makes one of its own, and its passes end with it.
    pub fn pass_key(self, key: PassKey) -> Self {
        Self { pass_key: Some(key), ..self }
    }

    /// How to make sure that a token is still good which a client asks for a second time; [`Verify::default`] unless set.
    pub fn verify(self, verify: Verify) -> Self {
        self.with(|settings| settings.verify = Arc::new(verify))
    }

    /// Whether calls with a user's token (`/sns/userinfo`, `/sns/auth`, `/sns/oauth2/refresh_token`), which show nothing of the
    /// client's, are taken from other addresses than loopback: they are not, unless set. Whoever can reach the hub can make
    /// them then.
    pub fn open_user_paths(self, open: bool) -> Self {
        self.with(|settings| settings.open_user_paths = open)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
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

    /// Builds the hub. It does nothing until it is served or mounted.
    ///
    /// # Errors
    ///
    /// For two apps of one id, two clients of one name or secret, a client without rights or apps or with an app that is
    /// not the hub's, a name, a secret, a right or a path that can be none, an `unix_client` that is no client, an `app_secret`
    /// of an app that is not the hub's; limits or a `verify` that make no sense; and if the operating system has no random
    /// bytes for a pass key.
    pub fn build(mut self) -> Result<Hub, Error> {
        let metrics = self.metrics.take();
        let pass_key = self.pass_key.take().map_or_else(PassKey::generate, Ok)?;
        let table = self.table(None)?;
        Ok(Hub(Arc::new(Shared::new(table, pass_key, metrics))))
    }

    fn table(mut self, before: Option<&Table>) -> Result<Table, Error> {
        for (id, app) in &mut self.apps {
            app.know_secret(self.secrets.remove(id));
        }
        if let Some(id) = self.secrets.keys().next() {
            let message =
                format!("there is a secret of app {}, which is not among the hub's apps", id.as_str());
            return Err(Error::new(message));
        }
        Table::new(self.apps, self.clients, self.settings, before)
    }
}
