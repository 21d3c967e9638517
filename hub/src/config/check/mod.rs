//! Makes of a raw configuration one that fits together, or says what is wrong with it.

mod app;
mod client;
mod listen;
mod store;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    Config, PassKeyFile, Places, duration,
    place::{Fault, Place, Source, Value},
    raw::{self, Raw},
    secret_file::{exposed, read, read_secret},
};
use crate::{limits::Limits, pass::PassKey, verify::Verify};

pub(super) fn check(raw: Raw, source: &Source) -> Result<Config, Fault> {
    let Raw {
        pass_key_file,
        readable_secret_files,
        open_user_paths,
        listen,
        admin,
        store,
        verify,
        limits,
        app,
        client,
    } = raw;
    let checker = Checker { source, readable: readable_secret_files.is_some_and(|readable| readable.is) };
    let pass_key = checker.pass_key(pass_key_file.as_ref())?;
    let verify = checker.verify(&verify)?;
    let unix_client = listen.unix_client.as_ref().map(|name| name.is.clone());
    let unix = listen.unix.as_ref().map(|path| checker.path(&path.is));
    let tcp = checker.tcp(&listen)?;
    if unix.is_none() && tcp.is_none() {
        return Err(Fault::new(format!(
            "{}there is no address to listen at: name `unix` or `tcp` in `[listen]`, or set WECHAT_HUB_LISTEN_UNIX or \
             WECHAT_HUB_LISTEN_TCP",
            source.path().map(|path| format!("{}: ", path.display())).unwrap_or_default()
        )));
    }
    let places = Places {
        unix: source.where_is(listen.unix.as_ref()),
        tcp: source.where_is(listen.tcp.as_ref()),
        tls: source.where_is(listen.tls.cert.as_ref()),
        admin: source.where_is(admin.tcp.as_ref()),
        store: source.where_is(store.dir.as_ref().or(store.url.as_ref()).or(store.url_file.as_ref())),
    };
    let admin = admin.tcp.as_ref().map(|tcp| checker.address(tcp)).transpose()?;
    let store = checker.store(&store)?;
    let limits = checker.limits(&limits)?;
    let apps = checker.apps(&app)?;
    let clients = checker.clients(&client, &apps)?;
    if let Some(name) = &listen.unix_client
        && !clients.iter().any(|client| client.name == name.is)
    {
        return Err(source.fault(&name.at, format!("`unix_client`: there is no client {:?}", name.is)));
    }
    Ok(Config {
        unix,
        unix_client,
        tcp,
        admin,
        store,
        apps,
        clients,
        limits,
        pass_key,
        verify,
        open_user_paths: open_user_paths.is_some_and(|open| open.is),
        places,
        unknown_variables: Vec::new(),
    })
}

struct Checker<'s> {
    source: &'s Source,
    /// Whether others may read files with secrets.
    readable: bool,
}

impl Checker<'_> {
    /// A file's name is relative to the configuration's folder.
    fn path(&self, name: &str) -> PathBuf {
        self.source.folder().join(name)
    }

    fn fault(&self, at: &Place, message: impl Into<String>) -> Fault {
        self.source.fault(at, message)
    }

    /// That others cannot read a file with a secret in it.
    fn hidden(&self, path: &Path, at: &Place) -> Result<(), Fault> {
        match exposed(path).filter(|_| !self.readable) {
            Some(exposed) => Err(self.fault(at, exposed)),
            None => Ok(()),
        }
    }

    /// That a value which is a secret stands where others cannot read it.
    fn hidden_value(&self, at: &Place) -> Result<(), Fault> {
        match (at, self.source.path()) {
            (Place::File(_), Some(path)) => self.hidden(path, at),
            _ => Ok(()),
        }
    }

    /// The key of the passes: in the file that is named, or in `pass_key` beside the configuration, if it is there yet.
    fn pass_key(&self, named: Option<&Value<String>>) -> Result<PassKeyFile, Fault> {
        let beside = || self.source.path().map(|_| self.path("pass_key"));
        let Some(path) = named.map(|file| self.path(&file.is)).or_else(beside) else {
            return Ok(PassKeyFile::default());
        };
        if named.is_none() && !path.exists() {
            return Ok(PassKeyFile { path: Some(path), bytes: None });
        }
        let fault = |what: String| {
            let message = format!("`pass_key_file` {}: {what}", path.display());
            named.map_or_else(|| Fault::new(message.clone()), |file| self.fault(&file.at, message.clone()))
        };
        let made_by = |what: String| fault(format!("{what}: `head -c 32 /dev/urandom` makes a key"));
        let bytes = Zeroizing::new(read(&path).map_err(made_by)?);
        PassKey::from_bytes(&bytes).map_err(|error| fault(error.to_string()))?;
        match exposed(&path).filter(|_| !self.readable) {
            Some(exposed) => Err(named
                .map_or_else(|| Fault::new(exposed.clone()), |file| self.fault(&file.at, exposed.clone()))),
            None => Ok(PassKeyFile { path: Some(path), bytes: Some(bytes) }),
        }
    }

    fn verify(&self, verify: &raw::Verify) -> Result<Verify, Fault> {
        let mut checked = Verify::default();
        if let Some(path) = &verify.path {
            checked.path.clone_from(&path.is);
        }
        if let Some(every) = &verify.at_most_every {
            checked.at_most_every = duration(&every.is).ok_or_else(|| self.fault(&every.at, NO_DURATION))?;
        }
        if let Some(a_day) = &verify.a_day {
            checked.a_day = a_day.is;
        }
        let Some(fault) = checked.fault() else { return Ok(checked) };
        let is_of_path = fault.contains("`path`");
        let at = if is_of_path { &verify.path } else { &verify.at_most_every };
        Err(at
            .as_ref()
            .map_or_else(|| Fault::new(fault), |value| self.fault(&value.at, format!("`[verify]`: {fault}"))))
    }

    /// The secret in a file that a value names.
    fn secret_in(&self, file: &Value<String>, key: &str) -> Result<String, Fault> {
        let path = self.path(&file.is);
        let secret = read_secret(&path);
        let secret =
            secret.map_err(|what| self.fault(&file.at, format!("`{key}` {}: {what}", path.display())))?;
        self.hidden(&path, &file.at)?;
        Ok(secret)
    }

    fn limits(&self, limits: &raw::Limits) -> Result<Limits, Fault> {
        let mut checked = Limits::default();
        let set = |target: &mut usize, value: &Option<Value<usize>>| {
            if let Some(value) = value {
                *target = value.is;
            }
        };
        set(&mut checked.header_bytes, &limits.header_bytes);
        set(&mut checked.body_bytes, &limits.body_bytes);
        set(&mut checked.connections, &limits.connections);
        set(&mut checked.long_polls_per_client, &limits.long_polls_per_client);
        if let Some(timeout) = &limits.header_timeout {
            checked.header_timeout =
                duration(&timeout.is).ok_or_else(|| self.fault(&timeout.at, NO_DURATION))?;
        }
        let Some(fault) = checked.fault() else { return Ok(checked) };
        let of_number = |number: &Option<Value<usize>>| number.as_ref().map(|value| value.at.clone());
        let places = [
            ("header_bytes", of_number(&limits.header_bytes)),
            ("body_bytes", of_number(&limits.body_bytes)),
            ("connections", of_number(&limits.connections)),
            ("long_polls_per_client", of_number(&limits.long_polls_per_client)),
            ("header_timeout", limits.header_timeout.as_ref().map(|value| value.at.clone())),
        ];
        let at = places.into_iter().find(|(name, _)| fault.contains(name)).and_then(|(_, at)| at);
        Err(at.map_or_else(|| Fault::new(fault), |at| self.fault(&at, fault)))
    }
}

const NO_DURATION: &str = "a time is written like \"10s\" or \"500ms\"";
