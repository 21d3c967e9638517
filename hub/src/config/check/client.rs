//! The clients.

use super::Checker;
use crate::{
    client::{Client, Right},
    config::{
        App, NO_SECRET,
        place::{Fault, Place, Value},
        raw,
    },
    error::Error,
    paths::Pattern,
    secret::SecretHash,
};

impl Checker<'_> {
    pub(super) fn clients(&self, raw: &[Value<raw::Client>], apps: &[App]) -> Result<Vec<Client>, Fault> {
        let mut clients: Vec<Client> = Vec::new();
        for client in raw {
            let checked = self.client(client, apps)?;
            for before in &clients {
                if before.name == checked.name {
                    return Err(self.fault(
                        &client.at,
                        format!("there are two clients {:?}: each needs its own name", before.name),
                    ));
                }
                if before.secret.is_some() && before.secret == checked.secret {
                    let message = format!(
                        "the clients {:?} and {:?} have the same secret: `wechat-hub secret` makes another",
                        before.name, checked.name
                    );
                    return Err(self.fault(&client.at, message));
                }
            }
            clients.push(checked);
        }
        Ok(clients)
    }

    fn client(&self, client: &Value<raw::Client>, apps: &[App]) -> Result<Client, Fault> {
        let raw::Client { name, secret_sha256, apps: its, rights, paths, rate } = &client.is;
        let name = name.as_ref().ok_or_else(|| self.fault(&client.at, "the client has no `name`"))?;
        let fault =
            |at: &Place, message: &str| Err(self.fault(at, format!("client {:?}: {message}", name.is)));
        let checked = match secret_sha256 {
            Some(hash) => {
                let hash =
                    hash.is.parse::<SecretHash>().map_err(|error| self.fault(&hash.at, error.to_string()))?;
                Client::new(name.is.clone(), hash.to_string())
            }
            None if matches!(&client.at, Place::Variable(name) if name == NO_SECRET) => {
                Client::without_secret(name.is.clone())
            }
            None => {
                return fault(
                    &name.at,
                    "it has no `secret_sha256`: `wechat-hub secret` makes a secret and its hash",
                );
            }
        };
        let its = its.as_deref().unwrap_or_default();
        if let Some(app) = its.iter().find(|app| !apps.iter().any(|known| known.id.as_str() == app.is)) {
            return fault(&app.at, &format!("its app {:?} is not among the apps of this hub", app.is));
        }
        let rights: Result<Vec<Right>, Fault> = rights
            .iter()
            .flatten()
            .map(|right| right.is.parse().map_err(|error: Error| self.fault(&right.at, error.to_string())))
            .collect();
        let mut checked = checked.apps(its.iter().map(|app| app.is.as_str())).rights(rights?);
        if let Some(paths) = paths {
            if paths.is_empty() {
                return fault(
                    &name.at,
                    "its `paths` are none, so that it may call nothing: name some, or leave them out",
                );
            }
            let patterns: Result<Vec<_>, _> = paths
                .iter()
                .map(|path| {
                    let fault = |error: Error| self.fault(&path.at, format!("client {:?}: {error}", name.is));
                    Pattern::parse(&path.is).map_err(fault)
                })
                .collect();
            checked.paths.add(patterns?);
        }
        checked.rate = rate.as_ref().map(|rate| rate.is);
        match checked.fault() {
            Some(wrong) => fault(&name.at, wrong),
            None => Ok(checked),
        }
    }
}
