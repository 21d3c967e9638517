//! Who makes a call, and for which app: what it shows is taken out of it.

use std::sync::Arc;

use axum::extract::Request;
use http::{HeaderMap, header::AUTHORIZATION};
use tower_wechat::AppId;

use super::{headers::APP, query};
use crate::{
    app::App,
    caller::{bearer, on_unix},
    client::Right,
    clock::unix_seconds,
    hub::Hub,
    known::Known,
    pass::{NotTaken, Pass},
    peer::Peer,
    problem::Problem,
    table::Table,
};

/// Who makes a call, and for which app.
pub(super) struct Caller {
    /// None where it cannot be told which of several clients it is.
    pub(super) known: Option<Arc<Known>>,
    pub(super) id: AppId,
    pub(super) app: Arc<App>,
}

/// What a call shows of itself.
enum Shown {
    Pass(Pass),
    /// A text that is no pass: an app's own token, if anything.
    Token(String),
    Client(Arc<Known>),
}

/// The caller, if it may make this call; and the query without what it has shown there.
pub(super) fn of(hub: &Hub, table: &Table, request: &Request) -> Result<(Caller, String), Problem> {
    let (in_query, rest) = query::take_token(request.uri().query().unwrap_or_default())?;
    let named = named_app(request.headers())?;
    let in_header = in_header(table, request.headers())?;
    let parameter = in_query.as_ref().map(|shown| shown.parameter.clone());
    let shown = match (in_query, in_header) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad_request(
                "the call shows two credentials: leave `Authorization` or the query's out",
            ));
        }
        (Some(shown), None) => {
            Pass::read(&shown.token).map_or_else(|| Shown::Token(shown.token), Shown::Pass)
        }
        (None, Some(shown)) => shown,
        (None, None) => {
            let own =
                on_unix(table, request.extensions().get::<Peer>()).ok_or_else(Problem::no_credential)?;
            Shown::Client(own.clone())
        }
    };
    let caller = match shown {
        Shown::Pass(pass) => by_pass(hub, table, pass)?,
        Shown::Token(text) => by_token(table, &text, request.uri().path())?,
        Shown::Client(known) => by_name(table, known, named.clone())?,
    };
    let may = may(&caller, request.uri().path(), named.as_ref());
    may.map_err(|problem| match &caller.known {
        Some(known) => problem.for_client(known.name()),
        None => problem,
    })?;
    // WeChat's own parameter, or the one in which the platform has the app's token.
    let is_right = |name: &str| name == "access_token" || name == caller.app.cache.platform().parameter();
    if parameter.is_some_and(|name| !is_right(&name)) {
        return Err(Problem::bad_request("a pass is shown as `access_token`, and not in another parameter"));
    }
    Ok((caller, rest))
}

/// Whether the client may call this path for the app.
fn may(caller: &Caller, path: &str, named: Option<&AppId>) -> Result<(), Problem> {
    if named.is_some_and(|named| *named != caller.id) {
        return Err(Problem::bad_pass(
            "what is shown is for another app than the one that `x-wechat-app` names",
        ));
    }
    let Some(known) = &caller.known else { return Ok(()) };
    known.admit()?;
    known.may(Right::Proxy, &caller.id)?;
    known.may_call(path)
}

/// The app that a header names.
fn named_app(headers: &HeaderMap) -> Result<Option<AppId>, Problem> {
    let mut values = headers.get_all(APP).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Problem::bad_request("there is more than one `x-wechat-app` header")),
        (Some(value), None) => value.to_str().map(|app| Some(app.into())).map_err(|_| Problem::no_such_app()),
        (None, None) => Ok(None),
    }
}

/// What the `Authorization` header shows.
fn in_header(table: &Table, headers: &HeaderMap) -> Result<Option<Shown>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (_, Some(_)) => return Err(Problem::bad_request("there is more than one `Authorization` header")),
        (Some(value), None) => value,
        (None, None) => return Ok(None),
    };
    let credential = value.to_str().ok().and_then(bearer).ok_or_else(Problem::unknown_client)?;
    let shown = match Pass::read(credential) {
        Some(pass) => Shown::Pass(pass),
        None => Shown::Client(table.client(credential).cloned().ok_or_else(Problem::unknown_client)?),
    };
    Ok(Some(shown))
}

fn by_pass(hub: &Hub, table: &Table, pass: Pass) -> Result<Caller, Problem> {
    let unknown = || {
        Problem::bad_pass(
            "the pass is none of this hub's, or its client has another secret now: ask for another one",
        )
    };
    let known = table.tagged_client(pass.client).ok_or_else(unknown)?;
    let (id, app) = table.tagged_app(pass.app).ok_or_else(unknown)?;
    match pass.check(hub.pass_key(), &known.client, id, unix_seconds()) {
        Ok(()) => Ok(Caller { known: Some(known.clone()), id: id.clone(), app: app.clone() }),
        Err(NotTaken::Forged) => Err(unknown()),
        Err(NotTaken::Ended) => {
            Err(Problem::bad_pass("the pass has ended: ask for another one").for_client(known.name()))
        }
    }
}

/// A client, for the app that it names or the only one that it has.
fn by_name(table: &Table, known: Arc<Known>, named: Option<AppId>) -> Result<Caller, Problem> {
    let only = || match &known.client.apps[..] {
        [only] => Some(only.clone()),
        _ => None,
    };
    let id = named.or_else(only).ok_or_else(|| {
        Problem::missing(41002, "the client has more than one app: name one in `x-wechat-app`")
            .for_client(known.name())
    })?;
    let app = table.apps.get(&id).filter(|_| known.client.apps.contains(&id)).cloned();
    let app = app.ok_or_else(|| Problem::no_such_app().for_client(known.name()))?;
    Ok(Caller { known: Some(known), id, app })
}

/// Whoever has the app's own token. Clients have it that may get it, and one of those must have the right to call this.
fn by_token(table: &Table, text: &str, path: &str) -> Result<Caller, Problem> {
    let (id, app) = table.apps.iter().find(|(_, app)| app.recent().has(text)).ok_or_else(|| {
        Problem::bad_pass(
            "what is shown is no pass, and no token of an app of this hub's: ask for another one",
        )
    })?;
    let may = |known: &Known, right| known.may(right, id).is_ok();
    let holders: Vec<_> =
        table.clients().filter(|known| may(known, Right::Token) && may(known, Right::Proxy)).collect();
    let known = match holders[..] {
        [] => return Err(Problem::lacks(Right::Proxy)),
        [only] => Some(only.clone()),
        // It may be any of them.
        _ if holders.iter().any(|known| known.may_call(path).is_ok()) => None,
        _ => return Err(Problem::path_not_allowed()),
    };
    Ok(Caller { known, id: id.clone(), app: app.clone() })
}
