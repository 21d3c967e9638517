//! What an SDK is given: the real token, or a pass.

use std::{sync::Arc, time::Duration};

use arc_swap::Guard;
use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde::Serialize;
use tokio::time::sleep;
use tower_wechat::{AccessToken, AppId, ErrorKind, TokenError};

use super::asked::{Asked, Endpoint};
use crate::{
    app::App,
    ask::Ask,
    caller::{Shown, on_unix},
    client::Right,
    clock::unix_seconds,
    hub::Hub,
    known::Known,
    peer::Peer,
    problem::{Problem, json_answer},
    table::Table,
};

/// How long a pass is said to live, in seconds: as long as WeChat's tokens.
const PASS_LIFE: u64 = 7200;
/// How much longer it lives, in seconds: many SDKs use what they have up to the last second, and a call may be long under way.
const PASS_GRACE: u64 = 600;
/// How much sooner than it does a token is said to end. The hub has the next one minutes ahead of the end, so that it is there
/// when an SDK asks again, even one that asks at the very end.
const MARGIN: Duration = Duration::from_secs(15);

/// Before a wrong secret is refused.
const PAUSE: Duration = Duration::from_millis(250);

/// An answer with a token or a pass.
#[derive(Serialize)]
struct Granted<'a> {
    /// WeCom says so; WeChat says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errmsg: Option<&'static str>,
    access_token: &'a str,
    expires_in: u64,
}

/// Answers a question for a token.
pub(super) async fn grant(hub: Hub, request: Request, endpoint: Endpoint) -> Result<Response, Problem> {
    let table = Guard::into_inner(hub.table());
    let peer = request.extensions().get::<Peer>().copied();
    let limits = (table.limits.body_bytes, table.limits.header_timeout);
    let asked = endpoint.read(request, limits).await?;
    let id = AppId::from(asked.app()?);
    // The body may have been long on its way.
    let table = if Arc::ptr_eq(&table, &hub.table()) { table } else { Guard::into_inner(hub.table()) };
    let Some((known, shown)) = client(&table, &asked, peer) else {
        return Err(wrong_secret(&asked).await);
    };
    let name = known.name().to_owned();
    let granted = async {
        let is_of = |app: &App| endpoint.is_of(app.cache.platform());
        if table.apps.get(&id).is_some_and(|app| !is_of(app)) {
            return Err(Problem::no_such_app());
        }
        let right = right(&known);
        let mut ask = Ask::new(hub, table, (known, shown), id, right)?;
        match right {
            [Right::Token] => real_token(&mut ask, endpoint, asked.force_refresh).await,
            [Right::Proxy] => pass(&mut ask, endpoint).await,
            _ => Err(Problem::lacks_one_of("\"token\" or \"proxy\"")),
        }
    };
    granted.await.map_err(|problem| problem.for_client(&name))
}

fn client(table: &Table, asked: &Asked, peer: Option<Peer>) -> Option<(Arc<Known>, Shown)> {
    let (known, shown) = match asked.secret() {
        Some(secret) => (table.client(secret), Shown::Secret),
        None => (on_unix(table, peer.as_ref()), Shown::Nothing),
    };
    known.cloned().map(|known| (known, shown))
}

/// There is no such client. Some SDKs ask again and again then, without a pause.
async fn wrong_secret(asked: &Asked) -> Problem {
    if asked.secret().is_none() {
        return Problem::missing(41004, "there is no `secret` (at WeCom: `corpsecret`): it is the client's");
    }
    sleep(PAUSE).await;
    Problem::wrong_secret()
}

/// What the client gets: the real token if it may have it.
fn right(known: &Known) -> &'static [Right] {
    let has = |right| known.client.rights.contains(&right);
    if has(Right::Token) {
        &[Right::Token]
    } else if has(Right::Proxy) {
        &[Right::Proxy]
    } else {
        &[]
    }
}

/// The real token. One that the client was given before is made sure of first.
async fn real_token(ask: &mut Ask, endpoint: Endpoint, force: bool) -> Result<Response, Problem> {
    let given = ask.client().given(ask.id());
    let mut token = token(ask).await?;
    if force || given == Some(token.generation()) {
        let verified = ask.app().verify(ask.hub(), ask.id(), &token).await;
        // With another configuration there may be another secret, and another token.
        ask.again()?;
        verified.map_err(|error| Problem::no_token(&error))?;
        token = self::token(ask).await?;
    }
    ask.again()?;
    ask.client().gave(ask.id(), token.generation());
    ask.app().recent();
    ask.client().served();
    let life = token.expires_in();
    let told = life.saturating_sub(MARGIN.min(life / 10)).as_secs().max(1);
    Ok(granted(endpoint, token.as_str(), told))
}

/// A pass, once there is a token: if there is none, that is better said here than at each call.
async fn pass(ask: &mut Ask, endpoint: Endpoint) -> Result<Response, Problem> {
    token(ask).await?;
    ask.again()?;
    let end = unix_seconds() + PASS_LIFE + PASS_GRACE;
    let pass = ask.pass(end);
    ask.client().passed();
    Ok(granted(endpoint, &pass, PASS_LIFE))
}

async fn token(ask: &mut Ask) -> Result<AccessToken, Problem> {
    let problem = |error: &TokenError| Problem::no_token(error);
    match ask.cache().token().await {
        Err(error) if error.kind() == ErrorKind::Closed => {
            // The app was just replaced by another configuration.
            ask.again()?;
            ask.cache().token().await.map_err(|error| problem(&error))
        }
        token => token.map_err(|error| problem(&error)),
    }
}

fn granted(endpoint: Endpoint, access_token: &str, expires_in: u64) -> Response {
    let is_wecom = endpoint == Endpoint::GetToken;
    let (errcode, errmsg) = (is_wecom.then_some(0), is_wecom.then_some("ok"));
    json_answer(StatusCode::OK, &Granted { errcode, errmsg, access_token, expires_in })
}
