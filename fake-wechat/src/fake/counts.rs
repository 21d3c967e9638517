//! What was asked of the platform.

use std::collections::BTreeMap;

use super::FakeWeChat;
use crate::log::Seen;

impl FakeWeChat {
    /// How many tokens were issued anew, of all accounts.
    #[must_use]
    pub fn mints(&self) -> u64 {
        self.state().tokens(|tokens, _| tokens.mints(None))
    }

    /// How many tokens were issued anew for this app or corp id.
    #[must_use]
    pub fn mints_of(&self, app: &str) -> u64 {
        self.state().tokens(|tokens, _| tokens.mints(Some(app)))
    }

    /// How many calls reached a token endpoint, whatever the answer.
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        self.state().token_gate.arrived()
    }

    /// How many of those asked the stable endpoint, with the right id and secret, for a forced refresh.
    #[must_use]
    pub fn forced_requests(&self) -> u64 {
        self.state().tokens(|tokens, _| tokens.forced_requests())
    }

    /// How many calls reached an API, whatever the answer.
    #[must_use]
    pub fn api_requests(&self) -> u64 {
        self.state().api_gate.arrived()
    }

    /// How often token endpoints answered each code, zero left out. Answers of a test's own are not counted.
    #[must_use]
    pub fn token_errors(&self) -> BTreeMap<i64, u64> {
        self.state().token_gate.errors()
    }

    /// How often APIs answered each code, zero left out. Answers of a test's own are not counted.
    #[must_use]
    pub fn api_errors(&self) -> BTreeMap<i64, u64> {
        self.state().api_gate.errors()
    }

    /// Comes back when that many calls, in all, have reached a token endpoint.
    pub async fn wait_for_token_requests(&self, count: u64) {
        self.state().token_gate.wait_for(count).await;
    }

    /// Comes back when that many calls, in all, have reached an API.
    pub async fn wait_for_api_requests(&self, count: u64) {
        self.state().api_gate.wait_for(count).await;
    }

    /// The API requests in the order in which they came, the latest 10 000 unless the builder said otherwise.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.state().lock().log.all()
    }

    /// Forgets what was seen. Counters stay.
    pub fn clear_seen(&self) {
        self.state().lock().log.clear();
    }
}
