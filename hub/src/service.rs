//! All that a hub answers: protocol v1 below `/v1/`, WeChat's token endpoints, and every other path of WeChat's.

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use tower::Service;

use crate::{facade, hub::Hub, peer::Peer, problem::Problem, protocol, proxy};

/// What answers the requests of a listener.
#[derive(Clone)]
pub(crate) struct Answers {
    router: Router,
    /// The hub whose calls need no router.
    hub: Option<Hub>,
}

impl Answers {
    pub(crate) fn of_hub(hub: &Hub) -> Self {
        Self { router: hub.service(), hub: Some(hub.clone()) }
    }

    pub(crate) fn of_router(router: Router) -> Self {
        Self { router, hub: None }
    }

    pub(crate) async fn answer(mut self, request: Request) -> Response {
        match self.hub {
            Some(hub) if is_call(request.uri().path()) => proxy::handle(State(hub), request).await,
            _ => self.router.call(request).await.unwrap_or_else(|never| match never {}),
        }
    }
}

/// Whether a path is one that is sent on.
fn is_call(path: &str) -> bool {
    !is_of_protocol(path) && !facade::PATHS.contains(&path)
}

fn is_of_protocol(path: &str) -> bool {
    path == "/" || path == "/v1" || path.starts_with("/v1/")
}

pub(crate) fn router(hub: Hub) -> Router {
    Router::new()
        .merge(protocol::router())
        .merge(facade::router())
        .fallback(any(proxy::handle))
        .with_state(hub)
}

/// The answer to what is no sound request, in the shape that its path asks for.
pub(crate) fn refused<B>(request: &http::Request<B>, problem: Problem) -> Response {
    if is_of_protocol(request.uri().path()) {
        return protocol::refused(request, problem);
    }
    facade::refuse("a call", request.extensions().get::<Peer>().copied(), &problem)
}
