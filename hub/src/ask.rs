//! [`Ask`]: a client that may ask for an app, and what it is answered.

use std::sync::Arc;

use arc_swap::Guard;
use tokio::sync::watch;
use tower_wechat::{AppId, TokenCache};

use crate::{app::App, caller::Shown, client::Right, hub::Hub, known::Known, problem::Problem, table::Table};

/// A client that may ask for an app.
pub(crate) struct Ask {
    hub: Hub,
    /// By which it was let in.
    table: Arc<Table>,
    known: Arc<Known>,
    shown: Shown,
    id: AppId,
    app: Arc<App>,
    rights: &'static [Right],
}

impl Ask {
    /// The client of this table, if it may ask for the app with all these rights.
    pub(crate) fn new(
        hub: Hub,
        table: Arc<Table>,
        (known, shown): (Arc<Known>, Shown),
        id: AppId,
        rights: &'static [Right],
    ) -> Result<Self, Problem> {
        let app = known.admit().and_then(|()| allowed(&table, &known, &id, rights));
        let app = app.map_err(|problem| problem.for_client(known.name()))?;
        Ok(Self { hub, table, known, shown, id, app, rights })
    }

    /// After a wait: whether all that holds still, by what the hub knows now.
    pub(crate) fn again(&mut self) -> Result<(), Problem> {
        let table = self.hub.table();
        if Arc::ptr_eq(&table, &self.table) {
            return Ok(());
        }
        let known = match self.shown {
            Shown::Secret => table.same(&self.known),
            Shown::Nothing => table.on_unix().filter(|now| now.name() == self.known.name()),
        };
        let known = known.ok_or_else(Problem::unknown_client)?;
        self.app = allowed(&table, known, &self.id, self.rights)?;
        self.table = Guard::into_inner(table);
        Ok(())
    }

    /// Told when the hub knows something else.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.hub.0.changed.subscribe()
    }

    pub(crate) fn cache(&self) -> &TokenCache {
        &self.app.cache
    }

    pub(crate) fn client(&self) -> &Known {
        &self.known
    }

    /// The longest body that it may send, and how long that may take.
    pub(crate) fn body_limits(&self) -> (usize, std::time::Duration) {
        let limits = self.table.limits;
        (limits.body_bytes, limits.header_timeout)
    }

    /// A pass for the client and the app, until `end` in seconds since 1970.
    pub(crate) fn pass(&self, end: u64) -> String {
        self.hub.pass_key().make(&self.known.client, &self.id, end)
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    pub(crate) fn id(&self) -> &AppId {
        &self.id
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }
}

/// The app, if the client may ask for it with all these rights.
fn allowed(table: &Table, known: &Known, id: &AppId, rights: &[Right]) -> Result<Arc<App>, Problem> {
    rights.iter().try_for_each(|right| known.may(*right, id))?;
    table.apps.get(id).cloned().ok_or_else(Problem::no_such_app)
}
