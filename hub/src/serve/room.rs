//! [`Room`]: how much a listener takes.

use std::sync::Arc;

use super::connections::Connections;
use crate::{hub::Hub, limits::Limits};

/// Those who look at a hub are few: a balancer, a Prometheus, some browsers.
const ADMIN_CONNECTIONS: usize = 64;

/// How much a listener takes.
pub(super) struct Room {
    /// Its connections, and those of listeners that it shares their number with.
    pub(super) connections: Arc<Connections>,
    /// The limits of the next one.
    pub(super) limits: Box<dyn Fn() -> Limits + Send + Sync>,
}

impl Room {
    /// As the hub says at the time.
    pub(super) fn of_hub(hub: &Hub) -> Self {
        let connections = hub.connections().clone();
        let hub = hub.clone();
        Self { connections, limits: Box::new(move || hub.table().limits) }
    }

    /// A small one of its own.
    pub(super) fn of_admin() -> Self {
        Self { connections: Connections::new(ADMIN_CONNECTIONS), limits: Box::new(Limits::default) }
    }
}
