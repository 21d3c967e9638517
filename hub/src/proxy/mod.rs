//! The proxy: every WeChat path that is no token endpoint, called with what a client has and sent on with what WeChat wants.
//!
//! The way of a call:
//!
//! 1. `target`: can the call be forwarded at all? Its path must be readable in one way only.
//! 2. What authorises it? `secrets`: the app's secret, in whose place the client has put its own. `users`: a user's token,
//!    which is none of the hub's business. Else `caller`: a pass, a real token or the client's secret, which `query` takes out
//!    of the query and `headers` out of the head.
//! 3. `send`: the layer puts the real token in, heals a rejection and sends the call again. The body streams up as an
//!    `upload`; if nothing moves for a minute, the call ends.
//! 4. `download`: the answer streams down. In it nobody finds a token or a secret (`mask`), and what the hub has done is told
//!    in a header (`outcome`).

mod caller;
mod download;
mod headers;
mod mask;
mod outcome;
mod query;
mod secrets;
mod send;
mod target;
mod upload;
mod users;

use std::time::Duration;

use arc_swap::Guard;
use axum::{
    extract::{Request, State},
    response::Response,
};

pub(crate) use self::{outcome::Calls, query::encoded, upload::Upload, users::Users};
use crate::{facade::refuse, hub::Hub, peer::Peer, problem::Problem};

/// The longest that a call may stand still, in either direction.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Answers a call.
pub(crate) async fn handle(State(hub): State<Hub>, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    call(&hub, request).await.unwrap_or_else(|problem| refuse("a call", peer, &problem))
}

async fn call(hub: &Hub, request: Request) -> Result<Response, Problem> {
    let table = Guard::into_inner(hub.table());
    target::check(&request)?;
    if users::is_one(request.uri().path()) {
        return users::call(hub, &table, request).await;
    }
    if let Some(shown) = secrets::in_query(&request)? {
        return secrets::call(&table, request, shown).await;
    }
    if secrets::is_in_body(&request) {
        return secrets::call_with_body(&table, request).await;
    }
    let (caller, query) = caller::of(hub, &table, &request)?;
    send::authorized(&table, caller, request, &query).await
}
