//! [`Table`]: the apps and clients of a hub at one time. A reload replaces it as a whole.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;
use tower_wechat::{AccessToken, AppId, KeepWarm, TokenCache};

use crate::{
    client::Client, clock::unix_seconds, day::Day, error::Error, known::Known, limits::Limits,
    secret::SecretHash, told::Told,
};

/// An app, and its token.
pub(crate) struct App {
    pub(crate) cache: TokenCache,
    /// Whether its token is kept warm.
    pub(crate) is_warm: bool,
    warmth: OnceLock<KeepWarm>,
    day: Mutex<Day>,
    told: Told,
}

impl App {
    pub(crate) fn new(cache: TokenCache, is_warm: bool) -> Self {
        let day = Mutex::new(Day::new(&cache.stats(), unix_seconds()));
        Self { cache, is_warm, warmth: OnceLock::new(), day, told: Told::default() }
    }

    /// Begins to keep the token warm. Must be called on a tokio runtime.
    fn warm(&self) {
        if self.is_warm {
            self.warmth.get_or_init(|| self.cache.keep_warm());
        }
    }

    /// The answer that tells of this token of its.
    pub(crate) fn answer(&self, token: &AccessToken) -> Bytes {
        self.told.json(token, self.cache.platform())
    }

    /// Counts what has happened since the last time, and says what the last day has brought.
    pub(crate) fn sample(&self) -> Day {
        let mut day = self.day();
        day.sample(&self.cache.stats(), unix_seconds());
        day.clone()
    }

    /// Takes the place of another app of the same id.
    fn take_over(&self, before: &Self) {
        let mut day = before.sample();
        day.follow(&self.cache.stats());
        *self.day() = day;
    }

    fn day(&self) -> MutexGuard<'_, Day> {
        // Nothing panics while it is held.
        self.day.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a hub knows at one time.
pub(crate) struct Table {
    pub(crate) apps: HashMap<AppId, Arc<App>>,
    /// By name.
    clients: HashMap<String, Arc<Known>>,
    by_secret: HashMap<SecretHash, Arc<Known>>,
    /// Who a caller on a Unix socket is that shows no credential.
    on_unix: Option<Arc<Known>>,
    pub(crate) limits: Limits,
}

impl Table {
    /// Checks that apps and clients fit together. Clients that were known before stay who they were.
    pub(crate) fn new(
        apps: Vec<(AppId, App)>,
        clients: Vec<Client>,
        on_unix: Option<&str>,
        limits: Limits,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        if let Some(fault) = limits.fault() {
            return Err(Error::new(format!("limits: {fault}")));
        }
        let mut table = Self {
            apps: HashMap::new(),
            clients: HashMap::new(),
            by_secret: HashMap::new(),
            on_unix: None,
            limits,
        };
        for (id, app) in apps {
            if table.apps.insert(id.clone(), Arc::new(app)).is_some() {
                return Err(Error::new(format!("app {} is named twice: leave one of them out", id.as_str())));
            }
        }
        for client in clients {
            table.add(client, before)?;
        }
        if let Some(name) = on_unix {
            table.on_unix = table.clients.get(name).cloned();
            if table.on_unix.is_none() {
                return Err(Error::new(format!(
                    "the client {name:?} of the Unix socket is not among the clients"
                )));
            }
        }
        Ok(table)
    }

    fn add(&mut self, client: Client, before: Option<&Self>) -> Result<(), Error> {
        let name = client.name.clone();
        let fault = |fault: &str| Err(Error::new(format!("client {name:?}: {fault}")));
        if let Some(own) = client.fault() {
            return fault(own);
        }
        if let Some(app) = client.apps.iter().find(|app| !self.apps.contains_key(*app)) {
            return fault(&format!("its app {:?} is not among the hub's apps", app.as_str()));
        }
        if self.clients.contains_key(&name) {
            return fault("there are two of this name");
        }
        let same = before.and_then(|before| before.clients.get(&name));
        let same = same.filter(|known| known.client.secret == client.secret);
        let secret = client.secret;
        let most_polls = self.limits.long_polls_per_client;
        let known = Arc::new(Known::new(client, most_polls, same.map(|known| &**known)));
        self.clients.insert(name.clone(), known.clone());
        match secret.and_then(|secret| self.by_secret.insert(secret, known)) {
            Some(other) => {
                fault(&format!("it has the secret of client {:?}: each needs its own", other.name()))
            }
            None => Ok(()),
        }
    }

    /// The client that has this secret.
    pub(crate) fn client(&self, secret: &str) -> Option<&Arc<Known>> {
        self.by_secret.get(&SecretHash::of(secret))
    }

    /// The same client as it is now, if it still is one.
    pub(crate) fn same(&self, known: &Known) -> Option<&Arc<Known>> {
        self.clients.get(known.name()).filter(|now| now.client.secret == known.client.secret)
    }

    pub(crate) fn on_unix(&self) -> Option<&Arc<Known>> {
        self.on_unix.as_ref()
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = &Arc<Known>> {
        self.clients.values()
    }

    /// Takes the place of another table: its apps go on counting.
    pub(crate) fn take_over(&self, before: &Self) {
        for (id, app) in &self.apps {
            if let Some(before) = before.apps.get(id) {
                app.take_over(before);
            }
        }
    }

    /// Begins to keep tokens warm. Must be called on a tokio runtime.
    pub(crate) fn warm(&self) {
        self.apps.values().for_each(|app| app.warm());
    }
}
