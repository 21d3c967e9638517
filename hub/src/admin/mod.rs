//! Looking at the hub: `/healthz`, `/readyz`, `/metrics`, and a status page at `/`. Nothing can be changed here, and no token
//! and no secret is shown.
//!
//! `look` is what there is to see at one moment; `ready`, `numbers` and `page` tell it to balancers, to Prometheus and to people.
//! `headers` keeps browsers from doing with it what they need not.

mod headers;
mod look;
mod numbers;
mod page;
mod ready;

use axum::{
    Router,
    extract::State,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode};

use self::look::Look;
use crate::hub::Hub;

impl Hub {
    /// What there is to see of the hub, for an address of its own that only those can reach who may know who uses it:
    ///
    /// | path | answer |
    /// |---|---|
    /// | `/healthz` | 200 as long as the process answers |
    /// | `/readyz` | 200 once every app that is [kept warm](crate::HubBuilder::app) has a good token; else, and after [`announce_end`](Self::announce_end), 503 with the reason |
    /// | `/metrics` | the [metrics](crate#metrics) in Prometheus's text format; 501 unless the hub was built with [`metrics`](crate::HubBuilder::metrics) |
    /// | `/` | a status page in English or Chinese, as the browser prefers, which needs no JavaScript |
    ///
    /// Nothing can be changed by it (what is not GET or HEAD gets 405), and it shows no token and no secret: tokens by their
    /// [`Fingerprint`](tower_wechat::Fingerprint), clients by their name. [`serve_admin`](Self::serve_admin) serves it.
    ///
    /// ```
    /// use axum::{body::Body, http::Request};
    /// use tower::ServiceExt;
    /// # use wechat_hub::Hub;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build()?;
    /// let router = axum::Router::new().nest("/hub", hub.admin_service());
    /// let request = Request::get("/hub/healthz").body(Body::empty())?;
    /// assert_eq!(router.oneshot(request).await?.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    pub fn admin_service(&self) -> Router {
        self.begin();
        Router::new()
            .route("/", get(status))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .fallback(|| async { (StatusCode::NOT_FOUND, "there are /, /healthz, /readyz and /metrics\n") })
            .layer(middleware::from_fn(headers::put))
            .with_state(self.clone())
    }
}

async fn ready(State(hub): State<Hub>) -> Response {
    ready::answer(&hub)
}

async fn metrics(State(hub): State<Hub>) -> Response {
    numbers::answer(&hub)
}

async fn status(State(hub): State<Hub>, headers: HeaderMap) -> Response {
    page::answer(&Look::at(&hub), &headers).into_response()
}
