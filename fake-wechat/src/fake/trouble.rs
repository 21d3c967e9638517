//! Faults, delays and holds.

use std::time::Duration;

use super::FakeWeChat;
use crate::{faults::Fault, gate::Hold, state::Early};

impl FakeWeChat {
    /// How long token endpoints take to answer from now on.
    pub fn set_token_latency(&self, latency: Duration) {
        self.state().token_gate.set_latency(latency);
    }

    /// How long APIs take to answer from now on.
    pub fn set_api_latency(&self, latency: Duration) {
        self.state().api_gate.set_latency(latency);
    }

    /// Has every call to a token endpoint fail like this, until [`heal`](Self::heal).
    pub fn fail_tokens(&self, fault: Fault) {
        self.state().token_gate.fail(fault);
    }

    /// Has the next calls to a token endpoint fail like this. Calls add up, and come before
    /// [`fail_tokens`](Self::fail_tokens).
    pub fn fail_next_tokens(&self, count: usize, fault: Fault) {
        self.state().token_gate.fail_next(count, fault);
    }

    /// Has every API call fail like this, until [`heal`](Self::heal).
    pub fn fail_apis(&self, fault: Fault) {
        self.state().api_gate.fail(fault);
    }

    /// Has the next API calls fail like this. Calls add up, and come before [`fail_apis`](Self::fail_apis).
    pub fn fail_next_apis(&self, count: usize, fault: Fault) {
        self.state().api_gate.fail_next(count, fault);
    }

    /// Ends all faults and [`reject_all`](Self::reject_all). What hangs already goes on hanging.
    pub fn heal(&self) {
        self.state().heal();
    }

    /// Keeps calls to token endpoints waiting until the hold is released or dropped. They are counted as they arrive.
    pub fn hold_tokens(&self) -> Hold {
        self.state().token_gate.hold()
    }

    /// Keeps API calls waiting until the hold is released or dropped. They are counted as they arrive; their token is
    /// judged when they go on.
    pub fn hold_apis(&self) -> Hold {
        self.state().api_gate.hold()
    }

    /// Has every API call answered with this code, whatever its token; `None` switches that off.
    pub fn reject_all(&self, errcode: Option<i64>) {
        self.state().lock().manner.reject_all = errcode;
    }

    /// Rejects a bad token before the upload is read, and reads that while the answer is on its way.
    pub fn answer_before_reading(&self, on: bool) {
        self.state().lock().manner.early = on.then_some(Early::Drain);
    }

    /// Rejects a bad token before the upload is read, and does not read it: the connection ends after the answer.
    pub fn answer_without_reading(&self, on: bool) {
        self.state().lock().manner.early = on.then_some(Early::Close);
    }
}
