//! [`Table`]: the apps and clients of a hub at one time. A reload replaces it as a whole.

use std::{collections::HashMap, sync::Arc};

use tower_wechat::{AppId, TokenPool};

use crate::{
    app::App,
    client::Client,
    error::Error,
    known::Known,
    limits::Limits,
    pass::{Tag, tag},
    secret::SecretHash,
    upstream::Upstream,
    verify::Verify,
};

/// What holds for all apps and clients.
#[derive(Default)]
pub(crate) struct Settings {
    /// Who a caller on a Unix socket is that shows no credential.
    pub(crate) unix_client: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) verify: Arc<Verify>,
    pub(crate) open_user_paths: bool,
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
    pub(crate) open_user_paths: bool,
    pub(crate) upstream: Upstream,
    /// As they are named in passes.
    tagged_clients: HashMap<Tag, Arc<Known>>,
    tagged_apps: HashMap<Tag, AppId>,
    /// The one to whose platform calls with a user's token go that name none.
    for_users: Option<AppId>,
}

impl Table {
    /// Checks that apps and clients fit together. Clients that were known before stay who they were.
    pub(crate) fn new(
        apps: Vec<(AppId, App)>,
        clients: Vec<Client>,
        settings: Settings,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let Settings { unix_client, limits, verify, open_user_paths } = settings;
        if let Some(fault) = limits.fault() {
            return Err(Error::new(format!("limits: {fault}")));
        }
        if let Some(fault) = verify.fault() {
            return Err(Error::new(format!("verify: {fault}")));
        }
        let pool = TokenPool::new();
        let mut table = Self {
            apps: HashMap::new(),
            clients: HashMap::new(),
            by_secret: HashMap::new(),
            on_unix: None,
            limits,
            open_user_paths,
            upstream: Upstream::new(pool.clone(), before.map(|before| &before.upstream)),
            tagged_clients: HashMap::new(),
            tagged_apps: HashMap::new(),
            for_users: None,
        };
        for (id, app) in apps {
            pool.insert(id.clone(), app.cache.clone());
            app.verify_as(&verify, before.and_then(|before| before.apps.get(&id)).map(|app| &**app));
            if app.cache.platform().name() == "wechat" {
                table.for_users.get_or_insert_with(|| id.clone());
            }
            table.tagged_apps.insert(tag(id.as_str()), id.clone());
            if table.apps.insert(id.clone(), Arc::new(app)).is_some() {
                return Err(Error::new(format!("app {} is named twice: leave one of them out", id.as_str())));
            }
        }
        for client in clients {
            table.add(client, before)?;
        }
        if let Some(name) = unix_client {
            table.on_unix = table.clients.get(&name).cloned();
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
        self.tagged_clients.insert(tag(&name), known.clone());
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

    /// The client that a pass names.
    pub(crate) fn tagged_client(&self, tag: Tag) -> Option<&Arc<Known>> {
        self.tagged_clients.get(&tag)
    }

    /// The app that a pass names.
    pub(crate) fn tagged_app(&self, tag: Tag) -> Option<(&AppId, &Arc<App>)> {
        let id = self.tagged_apps.get(&tag)?;
        self.apps.get_key_value(id)
    }

    /// The app to whose platform a call with a user's token goes: the one that it names, or the first of WeChat's.
    pub(crate) fn app_for_users(&self, named: Option<&AppId>) -> Option<(&AppId, &Arc<App>)> {
        let named = named.and_then(|named| self.apps.get_key_value(named));
        named.or_else(|| self.apps.get_key_value(self.for_users.as_ref()?))
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
