//! The mint itself: asking the issuer, a second time if need be, and by force where that is called for and allowed.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{Fetch, cause};
use crate::{
    cache::{
        budget, policy,
        state::{Outcome, State},
    },
    clock::Moment,
    error::TokenError,
    issuer::{Mint, Minted},
    store::Usage,
    telemetry::{Cause, Event},
    token::AccessToken,
};

/// How long to leave a busy endpoint, or a store, before the one more try, in milliseconds.
const PAUSE_MILLIS: std::ops::Range<u64> = 80..160;
/// The longest token. WeChat asks to reserve 512 characters.
const LONGEST_TOKEN: usize = 4096;

/// Asks the issuer.
pub(super) async fn mint(fetch: &Fetch<'_>, generation: u64, usage: &mut Usage) -> Outcome {
    let state = fetch.state;
    let limit = state.settings.fetch_timeout;
    let began = state.clock.now();
    let minted = timeout(limit, try_twice(fetch, generation, usage)).await.unwrap_or_else(|_| {
        let text = format!(
            "the token endpoint did not answer within {:.1} s (`fetch_timeout`); look at the network, DNS and proxy of this \
             host",
            limit.as_secs_f64()
        );
        Err(fetch.timed_out(text))
    });
    let (token, cause) = minted.map_err(|error| error.for_app(state.account.app()))?;
    let took = state.clock.now().ran_since(began);
    state.report(Event::Minted { cause, generation, life: token.life(), took });
    Ok(token)
}

async fn try_twice(
    fetch: &Fetch<'_>,
    generation: u64,
    usage: &mut Usage,
) -> Result<(AccessToken, Cause), TokenError> {
    let state = fetch.state;
    let rejected = fetch.need.rejected();
    let normal = rejected.map_or_else(Mint::normal, |rejected| Mint::rejecting(rejected.clone()));
    let token = match ask(state, normal.clone(), generation).await {
        Err(error) if may_try_again(fetch, &error) => {
            pause().await;
            ask(state, normal.clone(), generation).await?
        }
        first => first?,
    };
    let stuck = rejected.is_some_and(|rejected| rejected.as_str() == token.as_str());
    if stuck && state.issuer.can_force() && budget::take_forced(usage) {
        // Before it is known how it goes: one that fails counts, too.
        state.history().keep_usage(usage, state.clock.now());
        return Ok((ask(state, normal.forced(), generation).await?, Cause::Forced));
    }
    Ok((token, cause(state, fetch.need)))
}

async fn ask(state: &State, how: Mint, generation: u64) -> Outcome {
    // Its life counts from before it was asked for.
    let before = state.clock.now();
    let minted = no_panic(async { state.issuer.mint(how).await }).await?;
    token_of(state, minted, before, generation)
}

/// The token that an issuer has returned, if it can be one. Its life counts from `before`.
pub(super) fn token_of(state: &State, minted: Minted, before: Moment, generation: u64) -> Outcome {
    let Minted { text, expires_in } = minted;
    if text.trim().is_empty() || text.len() > LONGEST_TOKEN {
        let length = text.len();
        return Err(TokenError::permanent(format!(
            "the issuer returned a token of {length} bytes (1 to {LONGEST_TOKEN})"
        )));
    }
    if expires_in.is_zero() {
        return Err(TokenError::transient("the issuer returned a token that has expired already"));
    }
    let life = expires_in.min(policy::LONGEST_LIFE);
    let left = before.after(life).left(state.clock.now());
    if left.is_zero() {
        return Err(TokenError::transient("the token had expired before the issuer returned it"));
    }
    Ok(state.token(text.into(), generation, life, left))
}

fn may_try_again(fetch: &Fetch<'_>, error: &TokenError) -> bool {
    error.is_transient()
        && error.retry_after().is_none()
        && fetch.elapsed() < fetch.state.settings.wait_timeout
}

/// Leaves them alone for a moment.
pub(super) async fn pause() {
    sleep(Duration::from_millis(fastrand::u64(PAUSE_MILLIS))).await;
}

/// Turns a panic of the issuer into an error: the fetch must go on to tell those who wait.
async fn no_panic(mint: impl Future<Output = Result<Minted, TokenError>>) -> Result<Minted, TokenError> {
    let mut mint = pin!(mint);
    poll_fn(move |cx| {
        catch_unwind(AssertUnwindSafe(|| mint.as_mut().poll(cx))).unwrap_or_else(|_| {
            Poll::Ready(Err(TokenError::permanent("the issuer panicked; that is a bug in it")))
        })
    })
    .await
}
