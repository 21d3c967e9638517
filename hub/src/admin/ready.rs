//! `/readyz`: whether clients may be sent here.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::hub::Hub;

/// 200, or 503 with the reason.
pub(super) fn answer(hub: &Hub) -> Response {
    if hub.is_ending() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the hub is ending\n").into_response();
    }
    let table = hub.table();
    let lacking = table.apps.iter().filter(|(_, app)| app.is_warm && app.cache.current().is_none());
    let mut lacking: Vec<_> = lacking.map(|(id, _)| format!("{:?}", id.as_str())).collect();
    if lacking.is_empty() {
        return "ready\n".into_response();
    }
    lacking.sort();
    let text = format!("no token yet for {}\n", lacking.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}
