//! [`HubNews`]: hears of the hub's next token as soon as there is one.

use std::time::Duration;

use tokio::time::sleep;

use super::ask::{ASK, Hub};
use crate::{
    clock::Deadline,
    error::TokenError,
    issuer::{MintFuture, Minted, News},
    token::AccessToken,
};

/// Before a hub is asked again that answers at once and has nothing to say.
const PAUSE: Duration = Duration::from_millis(300);
/// A hub that waits in vain waits at least so long, unless it is about to go.
const LEAST_WAIT: Duration = Duration::from_secs(5);

/// Waits for the hub's next token.
pub(super) struct HubNews {
    hub: Hub,
    /// Whether the generation that is known counts: a hub that was away may count from one again.
    is_sure: bool,
    quiet: Option<Deadline>,
}

impl HubNews {
    pub(super) fn new(hub: Hub) -> Self {
        Self { hub, is_sure: true, quiet: None }
    }

    /// One question: for the next token where the generation of the one that is held is known, else for the present one. None
    /// if that is the one that is held.
    async fn ask(&mut self, held: Option<&AccessToken>) -> Result<Option<Minted>, TokenError> {
        if let Some(end) = self.quiet {
            sleep(end.left(self.hub.reach.now())).await;
            self.quiet = None;
        }
        let began = self.hub.reach.now();
        let generation = held.filter(|_| self.is_sure).map(AccessToken::as_str);
        let generation = generation.and_then(|text| self.hub.known.generation_of(text));
        let told = match generation {
            Some(generation) => self.hub.next_after(generation).await,
            None => self.hub.present(ASK).await.map(Some),
        };
        self.is_sure = matches!(told, Ok(Some(_)));
        match told {
            Ok(Some(told)) if held.is_none_or(|held| held.as_str() != told.text) => {
                Ok(Some(Minted::new(told.text, told.life)))
            }
            Ok(_) => {
                // It is the same token, or there is none. Asked in vain, the hub has waited by itself.
                let took = self.hub.reach.now().ran_since(began);
                if generation.is_some() && took < LEAST_WAIT {
                    self.rest(PAUSE);
                }
                Ok(None)
            }
            Err(failure) => {
                self.rest(failure.pause());
                Err(failure.into_error())
            }
        }
    }

    fn rest(&mut self, pause: Duration) {
        self.quiet = Some(self.hub.reach.now().after(pause));
    }
}

impl News for HubNews {
    fn next<'a>(&'a mut self, held: Option<&'a AccessToken>) -> MintFuture<'a> {
        Box::pin(async move {
            loop {
                if let Some(minted) = self.ask(held).await? {
                    return Ok(minted);
                }
            }
        })
    }
}
