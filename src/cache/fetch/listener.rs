//! Takes over tokens that the issuer's source tells of by itself, so that the next one is here before it is needed.
//!
//! One task for each cache that has such an issuer and no store, while somebody uses it. It holds the cache weakly and ends
//! with it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{follower::IDLE, mint};
use crate::{
    cache::state::State,
    issuer::{Minted, News},
};

/// How often to see whether anybody still wants to hear.
const LISTEN: Duration = Duration::from_secs(600);
/// One that is so late does not run any more: its runtime is kept, and nobody polls it.
const LATE: Duration = Duration::from_secs(20);
/// Before it is asked again where the source is away, or has told nothing new, in milliseconds: doubles from the first to the
/// second.
const PAUSE_MILLIS: (u64, u64) = (50, 500);

pub(in crate::cache) async fn run(cache: Weak<State>, mut news: Box<dyn News>) {
    let mut pause = PAUSE_MILLIS.0;
    while let Some(state) = cache.upgrade().filter(is_wanted) {
        state.note_look(LISTEN.saturating_add(LATE));
        let held = state.slot();
        drop(state);
        let Ok(told) = timeout(LISTEN, news.next(held.as_ref())).await else {
            continue;
        };
        let state = cache.upgrade();
        if state.zip(told.ok()).is_some_and(|(state, minted)| take_over(&state, minted)) {
            pause = PAUSE_MILLIS.0;
            continue;
        }
        // If a token is needed meanwhile, whoever needs it will say what is wrong.
        sleep(Duration::from_millis(fastrand::u64(pause / 2..=pause))).await;
        pause = (pause * 2).min(PAUSE_MILLIS.1);
    }
}

fn is_wanted(state: &Arc<State>) -> bool {
    !state.is_closed() && state.idle(state.clock.now()) < IDLE
}

/// Makes it the present token. False if it is that already, or can be none.
fn take_over(state: &State, minted: Minted) -> bool {
    let present = state.slot();
    if present.as_ref().is_some_and(|present| present.as_str() == minted.text) {
        return false;
    }
    let generation = present.map_or(0, |present| present.generation()).max(state.highest_rejected());
    let token = mint::token_of(state, minted, state.clock.now(), generation.saturating_add(1));
    token.is_ok_and(|token| {
        state.adopt(&token);
        true
    })
}
