//! `/metrics`: what the recorder has counted, and what is true at this moment, in Prometheus's text format.

use super::look::Look;
use crate::{
    hub::Hub,
    telemetry::metric::{
        APP_INFO, CLIENT_SEEN, CONNECTIONS, FUTILE_REFRESHES_LEFT, HELD_BACK, IDLE_CONNECTIONS, LONG_POLLS,
        READY, REFRESHES_LEFT, STORE_DOWN, TOKEN_EXPIRY, describe,
    },
};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header::CONTENT_TYPE};

pub(super) fn answer(hub: &Hub) -> Response {
    let Some(recorder) = hub.metrics() else {
        let text = "no metrics: the hub was built without the handle of a recorder (`HubBuilder::metrics`)\n";
        return (StatusCode::NOT_IMPLEMENTED, text).into_response();
    };
    set(&Look::at(hub));
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response()
}

/// Sets what is true at this moment. Labels are the configuration's apps and clients, so there are not many.
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn set(look: &Look) {
    describe();
    READY.gauge([]).set(is(look.is_ready()));
    CONNECTIONS.gauge([]).set(look.load.connections as f64);
    IDLE_CONNECTIONS.gauge([]).set(look.load.idle_connections as f64);
    for app in &look.apps {
        let (id, account) = (app.id.as_str(), app.account.as_str());
        APP_INFO.gauge([id, account, app.platform]).set(1.0);
        TOKEN_EXPIRY.gauge([account]).set(app.left() as f64);
        REFRESHES_LEFT.gauge([account]).set(app.health.refreshes_left);
        FUTILE_REFRESHES_LEFT.gauge([account]).set(app.health.futile_refreshes_left);
        HELD_BACK.gauge([account]).set(is(app.health.held_back.is_some()));
        STORE_DOWN.gauge([account]).set(is(app.health.is_store_down));
    }
    for client in &look.clients {
        let name = client.known.name();
        LONG_POLLS.gauge([name]).set(client.known.polling() as f64);
        if let Some(seen) = client.known.last_seen() {
            CLIENT_SEEN.gauge([name]).set(seen as f64);
        }
    }
}

fn is(it: bool) -> f64 {
    f64::from(u8::from(it))
}
