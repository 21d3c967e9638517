//! What a fetch does: it mints, and where a store is shared it first finds out who is to mint ([`election`](super::election)).

use std::time::Duration;

use super::{
    election::Election,
    mint::SAME_AGAIN,
    policy::Need,
    shared::{Outcome, Shared},
    sync::lock,
};
use crate::{
    clock::Moment,
    error::{ErrorKind, TokenError},
    store::Record,
    telemetry::Event,
    token::AccessToken,
};

/// What the fetch was started for.
pub(super) struct Order {
    pub(super) need: Need,
    /// The token that WeChat rejected, if that is why.
    pub(super) rejected: Option<AccessToken>,
}

/// Fetches.
pub(super) async fn run(shared: &Shared, order: &Order) -> Outcome {
    // What an earlier fetch has met is no excuse for this one.
    lock(&shared.history).trouble = None;
    let (started, before) = (shared.clock.now(), shared.slot());
    let refresh = Refresh { shared, order, started, before };
    match &shared.store {
        Some(store) => Election::new(&refresh, &**store).run().await,
        None => refresh.alone().await,
    }
}

/// One fetch.
pub(super) struct Refresh<'a> {
    pub(super) shared: &'a Shared,
    pub(super) order: &'a Order,
    started: Moment,
    /// The token that was there when the fetch began.
    pub(super) before: Option<AccessToken>,
}

impl Refresh<'_> {
    /// Mints without an election: for a cache that shares with nobody, or while the store is out of reach.
    pub(super) async fn alone(&self) -> Outcome {
        self.spend()?;
        match self.mint(self.floor().saturating_add(1), &mut self.forced_today(Vec::new())).await {
            Ok(token) => Ok(self.publish(token)),
            Err(error) => {
                let pause = self.failed(&error);
                Err(error.with_retry_after(pause))
            }
        }
    }

    /// A new token's generation must be above this.
    pub(super) fn floor(&self) -> u64 {
        let present = self.shared.slot().map_or(0, |token| token.generation());
        let rejected = self.order.rejected.as_ref().map_or(0, AccessToken::generation);
        present.max(rejected)
    }

    pub(super) fn timed_out(&self, text: impl Into<std::borrow::Cow<'static, str>>) -> TokenError {
        self.shared.error(ErrorKind::Timeout, text).with_transient(true)
    }

    pub(super) fn elapsed(&self) -> Duration {
        // By the monotonic clock alone: a wall clock that is set meanwhile must end nobody's patience.
        self.shared.clock.now().monotonic.saturating_duration_since(self.started.monotonic)
    }
}

impl Shared {
    pub(super) fn token_of(&self, record: &Record) -> AccessToken {
        let expiry = self.clock.now().after(record.left);
        let ahead = self.settings.refresh_ahead;
        AccessToken::new(
            record.token.clone(),
            record.generation,
            record.life,
            expiry,
            ahead,
            self.clock.clone(),
        )
    }

    /// Takes over a token that another process has minted.
    pub(super) fn adopt(&self, token: &AccessToken) {
        let rejected = |present: &AccessToken| self.is_rejected(present);
        let again = self.slot().filter(rejected).is_some_and(|present| present.as_str() == token.as_str());
        if self.install(token) {
            let mut history = lock(&self.history);
            history.succeeded();
            if again {
                // The very token that WeChat has rejected here: to ask for it once more would bring nothing new.
                history.unchanged(SAME_AGAIN, self.clock.now());
            }
            drop(history);
            self.report(Event::Shared { generation: token.generation() });
        }
    }
}
