//! [`Ask`]: a client that may ask for an app, and what it is answered.

use std::sync::Arc;

use arc_swap::Guard;
use axum::{
    extract::{Path, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use tokio::sync::watch;
use tower_wechat::{AccessToken, AppId, TokenCache};

use crate::{
    caller::{self, Shown},
    client::Right,
    hub::Hub,
    known::Known,
    peer::Peer,
    problem::Problem,
    table::{App, Table},
};

/// The app's name in a path. One that is no text is no app's.
pub(super) type AppInPath = Result<Path<String>, PathRejection>;

/// A client that may ask for an app.
pub(super) struct Ask {
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
    /// The client of this request, if it may ask for the app with all these rights.
    pub(super) fn new(
        hub: Hub,
        app: AppInPath,
        head: &Parts,
        rights: &'static [Right],
    ) -> Result<Self, Problem> {
        let table = Guard::into_inner(hub.table());
        let (known, shown) = caller::client(&table, &head.headers, head.extensions.get::<Peer>())?;
        let known = known.clone();
        let id = AppId::from(app.map_or_else(|_| String::new(), |Path(app)| app));
        let app = known.admit().and_then(|()| allowed(&table, &known, &id, rights));
        let app = app.map_err(|problem| problem.for_client(known.name()))?;
        Ok(Self { hub, table, known, shown, id, app, rights })
    }

    /// After a wait: whether all that holds still, by what the hub knows now.
    pub(super) fn again(&mut self) -> Result<(), Problem> {
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
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.hub.0.changed.subscribe()
    }

    pub(super) fn cache(&self) -> &TokenCache {
        &self.app.cache
    }

    pub(super) fn client(&self) -> &Known {
        &self.known
    }

    /// The longest body that it may send, and how long that may take.
    pub(super) fn body_limits(&self) -> (usize, std::time::Duration) {
        let limits = self.table.limits;
        (limits.body_bytes, limits.header_timeout)
    }

    /// The answer: this token, if the client may still have it.
    pub(super) fn token(&mut self, token: &AccessToken) -> Result<Response, Problem> {
        self.again()?;
        self.known.served();
        let mut response = self.app.answer(token).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// The app, if the client may ask for it with all these rights.
fn allowed(table: &Table, known: &Known, id: &AppId, rights: &[Right]) -> Result<Arc<App>, Problem> {
    rights.iter().try_for_each(|right| known.may(*right, id))?;
    table.apps.get(id).cloned().ok_or_else(Problem::no_such_app)
}

/// The answer that there is nothing newer.
pub(super) fn nothing_newer() -> Response {
    (StatusCode::NO_CONTENT, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
}

/// The answer, or the refusal, which is logged.
pub(super) fn answer(what: &str, peer: Option<Peer>, result: Result<Response, Problem>) -> Response {
    result.unwrap_or_else(|problem| {
        let status = problem.status().as_u16();
        metrics::counter!("wechat_hub_refusals_total", "status" => status.to_string()).increment(1);
        tracing::info!(
            target: "wechat_hub",
            status,
            client = problem.client(),
            peer = peer.map(tracing::field::display),
            "{what} refused: {}",
            problem.title(),
        );
        problem.into_response()
    })
}
