//! `/metrics`: what the recorder has counted, and what is true at this moment, in Prometheus's text format.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header::CONTENT_TYPE};
use metrics::{Unit, describe_counter, describe_gauge, gauge};

use super::look::Look;
use crate::hub::Hub;

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
    gauge!("wechat_hub_connections").set(look.load.connections as f64);
    gauge!("wechat_hub_idle_connections").set(look.load.idle_connections as f64);
    for app in &look.apps {
        let account = || app.account.clone();
        let info = [
            ("app", app.id.as_str().to_owned()),
            ("account", account()),
            ("platform", app.platform.to_owned()),
        ];
        gauge!("wechat_hub_app_info", &info).set(1.0);
        gauge!("tower_wechat_token_expiry_seconds", "account" => account()).set(app.left() as f64);
        gauge!("wechat_hub_refreshes_left", "account" => account()).set(app.health.refreshes_left);
        gauge!("wechat_hub_futile_refreshes_left", "account" => account())
            .set(app.health.futile_refreshes_left);
        let is_held_back = app.health.held_back.is_some();
        gauge!("wechat_hub_held_back", "account" => account()).set(f64::from(u8::from(is_held_back)));
        let is_down = app.health.is_store_down;
        gauge!("wechat_hub_store_down", "account" => account()).set(f64::from(u8::from(is_down)));
    }
    for client in &look.clients {
        let name = || client.known.name().to_owned();
        gauge!("wechat_hub_long_polls", "client" => name()).set(client.known.polling() as f64);
        if let Some(seen) = client.known.last_seen() {
            gauge!("wechat_hub_client_seen_timestamp_seconds", "client" => name()).set(seen as f64);
        }
    }
}

/// Says what each of the hub's own metrics means.
fn describe() {
    describe_counter!("wechat_hub_tokens_served_total", "Tokens handed out, by client");
    describe_counter!("wechat_hub_refusals_total", "Requests refused, by HTTP status");
    for (name, meaning) in [
        ("wechat_hub_connections", "Connections to the hub's listeners, without those to its admin address"),
        ("wechat_hub_idle_connections", "Those of them on which no request is being answered"),
        ("wechat_hub_long_polls", "Questions that wait for a later token, by client"),
        ("wechat_hub_app_info", "1 for each app: which account it is in the other metrics, and its platform"),
        ("wechat_hub_refreshes_left", "Refreshes in answer to rejections that the budget has left"),
        ("wechat_hub_futile_refreshes_left", "How many of them may bring a token that is rejected, too"),
        ("wechat_hub_held_back", "Whether a failure or a spent budget forbids to replace the token"),
        ("wechat_hub_store_down", "Whether the store could not be used the last time"),
    ] {
        describe_gauge!(name, meaning);
    }
    for (name, meaning) in [
        ("wechat_hub_client_seen_timestamp_seconds", "When the client last asked for anything, since 1970"),
        ("tower_wechat_token_expiry_seconds", "What is left of the present token's life; zero without one"),
    ] {
        describe_gauge!(name, Unit::Seconds, meaning);
    }
}
