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
    routing::{get, post},
};

use crate::{hub::Hub, problem::Problem};

/// Protocol v1 below `/v1/`.
pub(crate) fn router(hub: Hub) -> Router {
    Router::new()
        .route("/v1/apps/{app}/token", get(token::handle))
        .route("/v1/apps/{app}/refresh", post(refresh::handle))
        .fallback(|| async { Problem::no_such_path() })
        .method_not_allowed_fallback(|| async { Problem::no_such_method() })
        .with_state(hub)
}
