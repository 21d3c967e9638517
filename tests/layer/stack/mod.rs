//! The layer among the other layers of the tower world: under them, over them, and what it owes to each.

mod above;
mod below;
mod permits;
mod readiness;
mod retry_below;
mod scenario;
use crate::support;
mod two_layers;
mod types;
