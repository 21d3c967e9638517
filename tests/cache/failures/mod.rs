//! What goes wrong around a fetch, and what the callers see of it: a token, or one clear error in their own time.

#![allow(clippy::unchecked_time_subtraction, reason = "of constants")]

mod ahead;
mod cancelled;
mod endpoint;
mod pool;
mod pool_evicts;
mod pool_waits;
mod shutdown;
use crate::support;
mod wakeups;
