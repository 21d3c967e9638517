//! All that a hub answers: protocol v1 below `/v1/`, WeChat's token endpoints, and every other path of WeChat's.

use axum::{Router, response::Response, routing::any};

use crate::{facade, hub::Hub, peer::Peer, problem::Problem, protocol, proxy};

pub(crate) fn router(hub: Hub) -> Router {
    Router::new()
        .merge(protocol::router())
        .merge(facade::router())
        .fallback(any(proxy::handle))
        .with_state(hub)
}

/// The answer to what is no sound request, in the shape that its path asks for.
pub(crate) fn refused<B>(request: &http::Request<B>, problem: Problem) -> Response {
    let path = request.uri().path();
    if path == "/" || path == "/v1" || path.starts_with("/v1/") {
        return protocol::refused(request, problem);
    }
    facade::refuse("a call", request.extensions().get::<Peer>().copied(), &problem)
}
