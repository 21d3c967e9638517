//! What clients are answered, and whether they may ask.

use arc_swap::Guard;
use axum::{
    extract::{Path, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use tower_wechat::{AccessToken, AppId};

use crate::{
    ask::Ask,
    caller,
    client::Right,
    hub::Hub,
    peer::Peer,
    problem::{self, Problem},
};

/// The app's name in a path. One that is no text is no app's.
pub(super) type AppInPath = Result<Path<String>, PathRejection>;

/// The client of this request, if it may ask for the app with all these rights.
pub(super) fn ask(hub: Hub, app: AppInPath, head: &Parts, rights: &'static [Right]) -> Result<Ask, Problem> {
    let table = Guard::into_inner(hub.table());
    let client = caller::client(&table, &head.headers, head.extensions.get::<Peer>())?;
    let id = AppId::from(app.map_or_else(|_| String::new(), |Path(app)| app));
    Ask::new(hub, table, client, id, rights)
}

/// The answer: this token, if the client may still have it.
pub(super) fn token(ask: &mut Ask, token: &AccessToken) -> Result<Response, Problem> {
    ask.again()?;
    ask.client().served();
    ask.app().recent();
    let mut response = ask.app().answer(token).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The answer that there is nothing newer.
pub(super) fn nothing_newer() -> Response {
    (StatusCode::NO_CONTENT, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
}

/// The answer, or the refusal, which is logged.
pub(super) fn answer(what: &str, peer: Option<Peer>, result: Result<Response, Problem>) -> Response {
    result.unwrap_or_else(|problem| {
        problem::note(what, peer, &problem);
        problem.into_response()
    })
}
