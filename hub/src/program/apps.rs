//! [`Apps`]: a cache for each app of the configuration. An app that a new configuration has unchanged keeps its own.

use std::{collections::HashMap, path::Path, time::Duration};

use tokio::{task::JoinSet, time::sleep};
use tower_wechat::{
    AppId, AppSecret, TokenCache,
    issuer::{ClassicToken, Issuer, StableToken, WeCom},
    store::{FileStore, MemoryStore, RedisStore},
};

use crate::{
    config::{self, Config, Fault, Kind},
    hub::HubBuilder,
    telemetry::{Event, emit},
};

/// How long before its end a token is replaced: up to a quarter later, so that there is another one 217 s ahead. SDKs ask for
/// the next token up to 200 s before the end that they were told, which is up to 15 s before the real one. WeChat has no other
/// stable token than the present one earlier than 300 s before its end.
const AHEAD: Duration = Duration::from_secs(290);
const _: () = assert!(AHEAD.as_secs() * 3 / 4 > 200 + 15 && AHEAD.as_secs() < 300);

/// Between two apps that ask for a token at once: the pace at which a hub that starts asks for its apps.
const APART: Duration = Duration::from_millis(100);

/// The store that all apps share. The kind "memory" is one, too: so tokens have numbers that go on after a restart, and an
/// app whose secret was changed keeps its token.
enum Store {
    Memory(MemoryStore),
    File(FileStore),
    Redis(RedisStore),
}

/// The caches of a configuration.
pub(super) struct Apps {
    store: Store,
    present: HashMap<AppId, (config::App, TokenCache)>,
    /// Those of earlier configurations, which finish what they do.
    ending: JoinSet<()>,
}

impl Apps {
    /// Opens the store.
    pub(super) async fn open(config: &Config) -> Result<Self, Fault> {
        let at = &config.places.store;
        let store = match &config.store {
            config::Store::Memory => Store::Memory(MemoryStore::new()),
            config::Store::File(dir) => {
                Store::File(FileStore::open(dir).map_err(|error| at.fault(format!("store: {error}")))?)
            }
            config::Store::Redis(url) => {
                let store = RedisStore::connect(url.as_str()).await;
                Store::Redis(store.map_err(|error| at.fault(format!("store: {error}")))?)
            }
        };
        Ok(Self { store, present: HashMap::new(), ending: JoinSet::new() })
    }

    /// The hub of a configuration, and the caches that it would have.
    pub(super) fn plan(&self, config: &Config) -> Result<(HubBuilder, Plan), Fault> {
        let mut builder = HubBuilder::default()
            .limits(config.limits)
            .verify(config.verify.clone())
            .open_user_paths(config.open_user_paths);
        let mut next = HashMap::new();
        for app in &config.apps {
            let same = self.present.get(&app.id).filter(|(before, _)| before.is_same(app));
            let cache = same.map_or_else(|| self.cache(app), |(_, cache)| Ok(cache.clone()))?;
            builder = if app.keep_warm {
                builder.app(app.id.clone(), cache.clone())
            } else {
                builder.app_on_demand(app.id.clone(), cache.clone())
            };
            builder = builder.app_secret(app.id.clone(), secret(app));
            next.insert(app.id.clone(), (app.clone(), cache));
        }
        for client in &config.clients {
            builder = builder.client(client.clone());
        }
        if let Some(name) = &config.unix_client {
            builder = builder.unix_client(name);
        }
        Ok((builder, Plan(next)))
    }

    /// Takes the caches of a plan over. Those that are not in it finish what they do, and end.
    pub(super) fn take_over(&mut self, plan: Plan) {
        let before = std::mem::replace(&mut self.present, plan.0);
        while self.ending.try_join_next().is_some() {}
        for (id, (app, cache)) in before {
            if !self.present.get(&id).is_some_and(|(now, _)| now.is_same(&app)) {
                self.ending.spawn(async move { cache.shutdown().await });
            }
        }
    }

    /// Whether a failure or a spent budget forbids one of them to mint.
    pub(super) fn is_any_held_back(&self) -> bool {
        self.present.values().any(|(_, cache)| is_held_back(cache))
    }

    /// Ends the pauses after failures: what was wrong has been mended. Budgets that are spent stay so.
    pub(super) fn retry(&self) {
        let held_back: Vec<_> =
            self.present.values().map(|(_, cache)| cache.clone()).filter(is_held_back).collect();
        tokio::spawn(async move {
            for cache in held_back {
                cache.retry_now();
                if !is_held_back(&cache) {
                    emit(Event::Retried { app: cache.app().as_str() });
                }
                sleep(APART).await;
            }
        });
    }

    /// Waits for mints under way, and for their writes to the store.
    pub(super) async fn end(mut self) {
        for (_, cache) in self.present.into_values() {
            self.ending.spawn(async move { cache.shutdown().await });
        }
        while self.ending.join_next().await.is_some() {}
    }

    fn cache(&self, app: &config::App) -> Result<TokenCache, Fault> {
        let builder = TokenCache::builder(issuer(app)?).refresh_ahead(AHEAD);
        Ok(match &self.store {
            Store::Memory(store) => builder.store(store.clone()),
            Store::File(store) => builder.store(store.clone()),
            Store::Redis(store) => builder.store(store.clone()),
        }
        .build())
    }
}

fn is_held_back(cache: &TokenCache) -> bool {
    cache.health().held_back.is_some()
}

/// The caches that a configuration would have.
pub(super) struct Plan(HashMap<AppId, (config::App, TokenCache)>);

/// Who mints the app's tokens.
pub(super) fn issuer(app: &config::App) -> Result<Box<dyn Issuer>, Fault> {
    macro_rules! issuer {
        ($issuer:expr) => {{
            let mut issuer = $issuer;
            if let Some(url) = &app.base_url {
                issuer = issuer
                    .base_url(url)
                    .map_err(|error| Fault::new(format!("app {}: {error}", app.id.as_str())))?;
            }
            if let Some(file) = app.secret_file.clone() {
                let last = app.secret.clone();
                issuer = issuer.secret_source(move || reread(&file, &last));
            }
            Ok(Box::new(issuer))
        }};
    }
    let (id, secret) = (app.id.clone(), app.secret.clone());
    match app.kind {
        // The hub is the one that mints, so nobody else's token ends with that. Twenty times a day, and only where WeChat hands
        // out again what it has rejected.
        Kind::Stable => issuer!(StableToken::new(id, secret).allow_forced_refresh()),
        Kind::Classic => issuer!(ClassicToken::new(id, secret)),
        Kind::WeCom => issuer!(WeCom::new(id, secret)),
    }
}

/// What the calls take that carry the secret.
fn secret(app: &config::App) -> impl Fn() -> AppSecret + Send + Sync + 'static {
    let (file, last) = (app.secret_file.clone(), app.secret.clone());
    move || file.as_deref().map_or_else(|| last.clone(), |file| reread(file, &last))
}

/// The secret as it stands in the file now; as it was where that cannot be read.
fn reread(file: &Path, last: &AppSecret) -> AppSecret {
    config::read_secret(file).map_or_else(|_| last.clone(), AppSecret::from)
}
