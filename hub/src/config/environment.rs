//! The environment: a variable for every value, over what the file says; or all by itself.

use std::{collections::BTreeMap, str::FromStr};

use super::{
    place::{Fault, Place, Value},
    raw::{App, Client, Raw},
};

const PREFIX: &str = "WECHAT_HUB_";

/// The variables that begin with `WECHAT_HUB_`, without that.
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own. A value that is no text is as good as none.
    pub(super) fn of_process() -> Self {
        let texts = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::new(texts)
    }

    /// An empty value is none: so a variable can be switched off where it cannot be removed.
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(PREFIX)?.to_owned();
            (!value.is_empty()).then_some((name, value))
        });
        Self(ours.collect())
    }

    /// Puts the variables over the file's values. `alone` where there is no file.
    pub(super) fn put_over(&mut self, raw: &mut Raw, alone: bool) -> Result<(), Fault> {
        let Raw { listen, admin, store, verify, limits, .. } = raw;
        self.put("PASS_KEY_FILE", &mut raw.pass_key_file)?;
        self.put("READABLE_SECRET_FILES", &mut raw.readable_secret_files)?;
        self.put("OPEN_USER_PATHS", &mut raw.open_user_paths)?;
        self.put("LISTEN_UNIX", &mut listen.unix)?;
        self.put("LISTEN_UNIX_CLIENT", &mut listen.unix_client)?;
        self.put("LISTEN_TCP", &mut listen.tcp)?;
        self.put("LISTEN_TLS_CERT", &mut listen.tls.cert)?;
        self.put("LISTEN_TLS_KEY", &mut listen.tls.key)?;
        self.put("LISTEN_INSECURE_PLAINTEXT", &mut listen.insecure_plaintext)?;
        self.put("ADMIN_TCP", &mut admin.tcp)?;
        self.put("STORE_KIND", &mut store.kind)?;
        self.put("STORE_DIR", &mut store.dir)?;
        self.put("STORE_URL", &mut store.url)?;
        self.put("STORE_URL_FILE", &mut store.url_file)?;
        self.put("VERIFY_PATH", &mut verify.path)?;
        self.put("VERIFY_AT_MOST_EVERY", &mut verify.at_most_every)?;
        self.put("VERIFY_A_DAY", &mut verify.a_day)?;
        self.put("LIMITS_HEADER_BYTES", &mut limits.header_bytes)?;
        self.put("LIMITS_BODY_BYTES", &mut limits.body_bytes)?;
        self.put("LIMITS_CONNECTIONS", &mut limits.connections)?;
        self.put("LIMITS_HEADER_TIMEOUT", &mut limits.header_timeout)?;
        self.put("LIMITS_LONG_POLLS_PER_CLIENT", &mut limits.long_polls_per_client)?;
        let app = self.app()?;
        let client = self.client(raw, app.as_ref())?;
        // Whoever can open the socket may use it: nothing else is needed.
        if alone && client.is_none() && app.is_some() && raw.listen.unix.is_some() {
            raw.listen.unix_client.get_or_insert_with(|| text("CLIENT_NAME", LOCAL));
            raw.client.push(Value { is: local(app.as_ref()), at: Place::Variable(NO_SECRET.to_owned()) });
        }
        raw.app.extend(app.map(|app| Value { is: app, at: place("APP_ID") }));
        raw.client.extend(client.map(|client| Value { is: client, at: place("CLIENT_NAME") }));
        Ok(())
    }

    fn app(&mut self) -> Result<Option<App>, Fault> {
        let mut app = App::default();
        self.put("APP_ID", &mut app.id)?;
        self.put("APP_KIND", &mut app.kind)?;
        self.put("APP_SECRET", &mut app.secret)?;
        self.put("APP_SECRET_FILE", &mut app.secret_file)?;
        self.put("APP_BASE_URL", &mut app.base_url)?;
        self.put("APP_KEEP_WARM", &mut app.keep_warm)?;
        let is_there = app.id.is_some()
            || app.secret.is_some()
            || app.secret_file.is_some()
            || app.kind.is_some()
            || app.base_url.is_some()
            || app.keep_warm.is_some();
        Ok(is_there.then_some(app))
    }

    /// A client, of the environment's app or of all apps of the file.
    fn client(&mut self, raw: &Raw, app: Option<&App>) -> Result<Option<Client>, Fault> {
        let mut client = Client::default();
        self.put("CLIENT_NAME", &mut client.name)?;
        self.put("CLIENT_SECRET_SHA256", &mut client.secret_sha256)?;
        self.put("CLIENT_RATE", &mut client.rate)?;
        client.apps = self.list("CLIENT_APPS");
        client.rights = self.list("CLIENT_RIGHTS");
        client.paths = self.list("CLIENT_PATHS");
        let is_there = client.name.is_some()
            || client.secret_sha256.is_some()
            || client.rights.is_some()
            || client.apps.is_some()
            || client.paths.is_some()
            || client.rate.is_some();
        client.apps.get_or_insert_with(|| {
            let of_file = raw.app.iter().filter_map(|app| app.is.id.clone());
            of_file.chain(app.and_then(|app| app.id.clone())).collect()
        });
        Ok(is_there.then_some(client))
    }

    /// The variables that nobody knows, once all others were taken. Kubernetes makes some of this name for a service that is
    /// called `wechat-hub`.
    pub(super) fn unknown(&self) -> Vec<String> {
        const OF_PROGRAM: [&str; 4] = ["CONFIG", "LOG_FORMAT", "URL", "CLIENT_SECRET"];
        let is_unknown = |name: &&String| {
            !OF_PROGRAM.contains(&name.as_str()) && !name.starts_with("PORT") && !name.starts_with("SERVICE_")
        };
        self.0.keys().filter(is_unknown).map(|name| format!("{PREFIX}{name}")).collect()
    }

    fn put<T: FromStr>(&mut self, name: &str, target: &mut Option<Value<T>>) -> Result<(), Fault> {
        let Some(value) = self.0.remove(name) else { return Ok(()) };
        let is = value
            .parse()
            .map_err(|_| Fault::new(format!("{PREFIX}{name}: the value is not of the right kind")))?;
        *target = Some(Value { is, at: place(name) });
        Ok(())
    }

    /// The parts between commas.
    fn list(&mut self, name: &str) -> Option<Vec<Value<String>>> {
        let list = self.0.remove(name)?;
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        Some(parts.map(|part| text(name, part)).collect())
    }
}

/// Where a client comes from that needs no secret: whoever can open the socket is it.
pub(super) const NO_SECRET: &str = "the socket's own client";

/// The client that everybody is who can open the socket, where nothing else is said.
const LOCAL: &str = "local";

fn local(app: Option<&App>) -> Client {
    let rights = ["token", "refresh", "proxy"].map(|right| text("CLIENT_RIGHTS", right));
    Client {
        name: Some(text("CLIENT_NAME", LOCAL)),
        apps: Some(app.and_then(|app| app.id.clone()).into_iter().collect()),
        rights: Some(rights.into()),
        ..Client::default()
    }
}

fn place(name: &str) -> Place {
    Place::Variable(format!("{PREFIX}{name}"))
}

fn text(name: &str, is: &str) -> Value<String> {
    Value { is: is.to_owned(), at: place(name) }
}
