//! [`Tickets`]: what pages sign with. Each stays the same as long as it lives.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::rules::random_text;

/// How long a ticket lives.
pub(crate) const LIFE: Duration = Duration::from_secs(7200);

/// By account, API and type: the text, and when its life is over.
#[derive(Default)]
pub(crate) struct Tickets(HashMap<[String; 3], (Arc<str>, Duration)>);

impl Tickets {
    pub(crate) fn present(&mut self, account: &str, api: &str, kind: &str, now: Duration) -> Arc<str> {
        let key = [account, api, kind].map(str::to_owned);
        let new = || (random_text(86).into(), now.saturating_add(LIFE));
        let (ticket, expires) = self.0.entry(key).or_insert_with(new);
        if *expires <= now {
            (*ticket, *expires) = new();
        }
        ticket.clone()
    }
}
