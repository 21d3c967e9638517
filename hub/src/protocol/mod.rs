//! Protocol v1: JSON over HTTP, described in `openapi.yaml`.
//!
//! A request's way: `router` finds the handler, `ask` finds the client and the app and sees to it that the one may ask for
//! the other, `token` or `refresh` answers.

mod ask;
mod body;
mod refresh;
mod token;

use axum::{
    Router,
    extract::Request,
    response::Response,
    routing::{get, post},
};

use crate::{hub::Hub, peer::Peer, problem::Problem};

/// Protocol v1 below `/v1/`.
pub(crate) fn router(hub: Hub) -> Router {
    Router::new()
        .route("/v1/apps/{app}/token", get(token::handle))
        .route("/v1/apps/{app}/refresh", post(refresh::handle))
        .fallback(async |request: Request| refused(&request, Problem::no_such_path()))
        .method_not_allowed_fallback(async |request: Request| refused(&request, Problem::no_such_method()))
        .with_state(hub)
}

/// The answer to what is no question of the protocol's.
pub(crate) fn refused<B>(request: &http::Request<B>, problem: Problem) -> Response {
    ask::answer("a request", request.extensions().get::<Peer>().copied(), Err(problem))
}
