//! `GET /v1/apps/{app}/token`: the present token, or the next one as soon as it is there.

use std::{pin::pin, time::Duration};

use axum::{
    extract::{Query, Request, State},
    response::Response,
};
use http::request::Parts;
use serde::Deserialize;
use tokio::select;
use tower_wechat::{ErrorKind, TokenError};

use super::answer::{self, AppInPath, answer, nothing_newer};
use crate::{ask::Ask, client::Right, hub::Hub, peer::Peer, problem::Problem, serve::Stopping};

/// The longest wait; a proxy in between may give up sooner.
const LONGEST_WAIT: u64 = 300;

/// What can be asked, in seconds and generations.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// The token lives at least so long.
    min_ttl: u64,
    /// It is of a later generation.
    newer_than: Option<u64>,
    /// How long to wait for such a one.
    wait: u64,
}

pub(super) async fn handle(State(hub): State<Hub>, app: AppInPath, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let peer = head.extensions.get::<Peer>().copied();
    answer("a token", peer, token(hub, app, head).await)
}

async fn token(hub: Hub, app: AppInPath, head: Parts) -> Result<Response, Problem> {
    let mut ask = answer::ask(hub, app, &head, &[Right::Token])?;
    let told = tell(&mut ask, &head).await;
    told.map_err(|problem| problem.for_client(ask.client().name()))
}

async fn tell(ask: &mut Ask, head: &Parts) -> Result<Response, Problem> {
    let Query(asked) = Query::<Asked>::try_from_uri(&head.uri).map_err(|_| {
        Problem::bad_request(
            "`min_ttl`, `newer_than` and `wait` are whole numbers, and each is given once at most",
        )
    })?;
    let least = Duration::from_secs(asked.min_ttl);
    let token = ask.cache().token_with_min_ttl(least).await.map_err(|error| no_token(ask, least, &error))?;
    let Some(generation) = asked.newer_than.filter(|generation| token.generation() <= *generation) else {
        return answer::token(ask, &token);
    };
    if asked.wait == 0 {
        return Ok(nothing_newer());
    }
    let _permit = ask.client().poll()?;
    let mut changes = ask.changes();
    let stopping = head.extensions.get::<Stopping>().cloned();
    let mut over = pin!(Stopping::begun_or(stopping, Duration::from_secs(asked.wait.min(LONGEST_WAIT))));
    loop {
        // What was changed before is known now, and what is changed after wakes it.
        ask.again()?;
        select! {
            next = ask.cache().newer_than(generation) => return answer::token(ask, &next),
            () = &mut over => return Ok(nothing_newer()),
            // It cannot fail while there is the hub.
            _ = changes.changed() => {}
        }
    }
}

/// Where a token is there that lives shorter than no token lives, it is the question that is wrong.
fn no_token(ask: &Ask, least: Duration, error: &TokenError) -> Problem {
    let is_asked_too_much =
        !least.is_zero() && error.kind() == ErrorKind::Config && ask.cache().current().is_some();
    if is_asked_too_much { Problem::no_such_life() } else { Problem::no_token(error) }
}
