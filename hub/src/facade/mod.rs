//! WeChat's own token endpoints, so that an SDK that knows nothing of hubs can ask one: it has another base URL, and the
//! client's secret in place of the app's.
//!
//! `asked` reads the question in the shape of its endpoint, `grant` gives the real token or a pass, by the client's right. All
//! answers are in WeChat's shapes, refusals too.

mod asked;
mod grant;

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::any,
};

use self::asked::Endpoint;
use crate::{
    hub::Hub,
    peer::Peer,
    problem::{self, Problem},
};

/// The paths of the token endpoints, which are answered here and never forwarded.
pub(crate) const PATHS: [&str; 3] = ["/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/gettoken"];

/// The token endpoints.
pub(crate) fn router() -> Router<Hub> {
    let [token, stable_token, gettoken] = PATHS;
    Router::new()
        .route(token, any(|hub, request| answer(hub, request, Endpoint::Token)))
        .route(stable_token, any(|hub, request| answer(hub, request, Endpoint::StableToken)))
        .route(gettoken, any(|hub, request| answer(hub, request, Endpoint::GetToken)))
}

async fn answer(State(hub): State<Hub>, request: Request, endpoint: Endpoint) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    grant::grant(hub, request, endpoint).await.unwrap_or_else(|problem| refuse("a token", peer, &problem))
}

/// The refusal, in WeChat's shape, which is logged.
pub(crate) fn refuse(what: &str, peer: Option<Peer>, problem: &Problem) -> Response {
    problem::note(what, peer, problem);
    problem.in_wechats_shape()
}
