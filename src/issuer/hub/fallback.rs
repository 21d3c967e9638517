//! [`Fallback`]: whom to ask while the hub is away.

use std::{sync::Arc, time::Duration};

use crate::{
    error::TokenError,
    issuer::{Issuer, Mint, Minted},
};

/// An issuer that mints by itself once the hub has been away for a while.
pub(super) struct Fallback {
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) after: Duration,
}

impl Fallback {
    pub(super) fn is_due(&self, away_for: Option<Duration>) -> bool {
        away_for.is_some_and(|away| away >= self.after)
    }

    /// Asks it, since the hub is away for this reason.
    pub(super) async fn mint(&self, how: Mint, away: &TokenError) -> Result<Minted, TokenError> {
        self.issuer.mint(how).await.map_err(|error| {
            let message = format!("{}, and then {}", away.message(), error.message());
            error.with_message(message)
        })
    }
}
