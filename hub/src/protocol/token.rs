//! `GET /v1/apps/{app}/token`: the present token, or the next one as soon as it is there.

use std::time::Duration;

use axum::{
    extract::{Query, Request, State},
    response::Response,
};
use http::request::Parts;
use serde::Deserialize;
use tokio::{select, time::sleep};
use tower_wechat::{ErrorKind, TokenError};

use super::ask::{AppInPath, Ask, answer, nothing_newer};
use crate::{client::Right, hub::Hub, peer::Peer, problem::Problem, serve::Stopping};

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
    let ask = Ask::new(hub, app, &head, &[Right::Token])?;
    let Query(asked) = Query::<Asked>::try_from_uri(&head.uri).map_err(|_| {
        Problem::bad_request(
            "`min_ttl`, `newer_than` and `wait` are whole numbers, and each is given once at most",
        )
    })?;
    let least = Duration::from_secs(asked.min_ttl);
    let token = ask.cache().token_with_min_ttl(least).await.map_err(|error| no_token(&ask, least, &error))?;
    let Some(generation) = asked.newer_than.filter(|generation| token.generation() <= *generation) else {
        return Ok(ask.token(&token));
    };
    if asked.wait == 0 {
        return Ok(nothing_newer());
    }
    let _permit = ask.client().poll()?;
    let stopping = head.extensions.get::<Stopping>().cloned();
    let next = select! {
        next = ask.cache().newer_than(generation) => next,
        () = sleep(Duration::from_secs(asked.wait.min(LONGEST_WAIT))) => return Ok(nothing_newer()),
        () = Stopping::begun(stopping) => return Ok(nothing_newer()),
    };
    ask.again()?;
    Ok(ask.token(&next))
}

/// Where a token is there that lives shorter than no token lives, it is the question that is wrong.
fn no_token(ask: &Ask, least: Duration, error: &TokenError) -> Problem {
    let is_asked_too_much =
        !least.is_zero() && error.kind() == ErrorKind::Config && ask.cache().current().is_some();
    if is_asked_too_much {
        return Problem::no_such_life();
    }
    Problem::no_token(error).for_client(ask.client().name())
}
