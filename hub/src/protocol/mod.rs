//! Protocol v1: JSON over HTTP, described in `openapi.yaml`.
//!
//! A request's way: `router` finds the handler, `answer` finds the client and the app and sees to it that the one may ask for
//! the other, `token` or `refresh` answers.

mod answer;

mod refresh;
mod token;

use axum::{
    Router,
    extract::Request,
    response::Response,
    routing::{any, get, post},
};

use crate::{hub::Hub, peer::Peer, problem::Problem};

/// Protocol v1 below `/v1/`.
pub(crate) fn router() -> Router<Hub> {
    Router::new()
        .route("/v1/apps/{app}/token", get(token::handle))
        .route("/v1/apps/{app}/refresh", post(refresh::handle))
        .route("/", any(no_such_path))
        .route("/v1", any(no_such_path))
        .route("/v1/", any(no_such_path))
        .route("/v1/{*path}", any(no_such_path))
        .method_not_allowed_fallback(async |request: Request| refused(&request, Problem::no_such_method()))
}

async fn no_such_path(request: Request) -> Response {
    refused(&request, Problem::no_such_path())
}

/// The answer to what is no question of the protocol's.
pub(crate) fn refused<B>(request: &http::Request<B>, problem: Problem) -> Response {
    answer::answer("a request", request.extensions().get::<Peer>().copied(), Err(problem))
}
