//! `POST /v1/apps/{app}/refresh`: a token was rejected, and a better one is wanted.
//!
//! Idempotent: only the rejection of the present token costs a mint. Whoever names one that was replaced, or one that this
//! hub has never seen, gets the present one.

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;
use tower_wechat::{AccessToken, ErrorKind, TokenError};

use super::answer::{self, AppInPath, answer};
use crate::{ask::Ask, body, client::Right, hub::Hub, peer::Peer, problem::Problem};

/// What the body says.
#[derive(Deserialize)]
struct Asked {
    rejected: Rejected,
}

/// Which token was rejected.
#[derive(Deserialize)]
#[serde(try_from = "Written")]
enum Rejected {
    Generation(u64),
    Text(String),
}

/// The same as JSON has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Integer(u64),
    /// A number with a point is an integer, too, if it is one (`264.0`): JSON knows no difference.
    Number(f64),
    Text(String),
}

/// Numbers up to this are exact with a point, too.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl TryFrom<Written> for Rejected {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Integer(generation) => Ok(Self::Generation(generation)),
            // In these bounds nothing is cut off.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Written::Number(number) if number.fract() == 0.0 && (0.0..=EXACT).contains(&number) => {
                Ok(Self::Generation(number as u64))
            }
            Written::Number(_) => Err("no generation"),
            Written::Text(text) => Ok(Self::Text(text)),
        }
    }
}

impl Rejected {
    fn is(&self, token: &AccessToken) -> bool {
        match self {
            Self::Generation(generation) => token.generation() == *generation,
            Self::Text(text) => token.as_str() == text,
        }
    }

    /// Whether this hub may just not have heard of it yet.
    fn may_be_newer_than(&self, token: &AccessToken) -> bool {
        match self {
            Self::Generation(generation) => token.generation() < *generation,
            Self::Text(_) => true,
        }
    }
}

pub(super) async fn handle(State(hub): State<Hub>, app: AppInPath, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    answer("a refresh", peer, refresh(hub, app, request).await)
}

async fn refresh(hub: Hub, app: AppInPath, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    // The answer has the token in it.
    let mut ask = answer::ask(hub, app, &head, &[Right::Refresh, Right::Token])?;
    let replaced = replace(&mut ask, body).await;
    replaced.map_err(|problem| problem.for_client(ask.client().name()))
}

async fn replace(ask: &mut Ask, body: Body) -> Result<Response, Problem> {
    let body = body::read(body, ask.body_limits()).await?;
    let Asked { rejected } = body::json_object(&body).ok_or_else(|| {
        Problem::bad_request(
            "the body is `{\"rejected\": …}` with the generation (a number) or the text of a token",
        )
    })?;
    // The body may have been long on its way, and nobody mints for who may not have the token.
    ask.again()?;
    let mut better = better(ask, &rejected).await;
    if better.as_ref().is_err_and(|error| error.kind() == ErrorKind::Closed) {
        // The app was just replaced by another configuration.
        ask.again()?;
        better = self::better(ask, &rejected).await;
    }
    answer::token(ask, &better.map_err(|error| Problem::no_token(&error))?)
}

/// The present token, or the next one if it was the present one that was rejected.
async fn better(ask: &Ask, rejected: &Rejected) -> Result<AccessToken, TokenError> {
    let mut present = ask.cache().token().await?;
    if !rejected.is(&present) && rejected.may_be_newer_than(&present) {
        // Another hub over the same store may have handed it out a moment ago.
        ask.cache().look().await;
        present = ask.cache().token().await?;
    }
    if rejected.is(&present) { ask.cache().refresh(&present).await } else { Ok(present) }
}
