//! `HubToken` against hubs that say what the tests tell them to.

mod asks;
mod broken;
mod fallback;
mod hour;
mod news;
mod property;
mod refusals;
mod secrets;

use std::{future::Future, pin::pin, time::Duration};

use tokio::time::{advance, pause, resume};
use tower_wechat::{
    AccessToken, TokenCache, TokenError,
    issuer::{HubToken, Issuer, Mint, Minted},
};

use crate::support::{
    hub::{Folder, Hub, Question},
    issuers::{TWO_HOURS, scripted},
};

const APP: &str = "wx0123456789abcdef";
const SECRET: &str = "SENTINEL-client-secret";

/// A hub at a Unix socket, and an issuer that asks it.
fn unix() -> (Folder, Hub, HubToken) {
    let folder = Folder::new();
    let hub = Hub::unix(&folder.socket());
    let issuer = HubToken::unix(folder.socket(), APP, SECRET);
    (folder, hub, issuer)
}

async fn tcp() -> (Hub, HubToken) {
    let (hub, url) = Hub::tcp().await;
    (hub, HubToken::tcp(&url, APP, SECRET).unwrap())
}

/// Mints, while the hub answers one question so.
async fn mint<F: Future<Output = ()>>(
    issuer: &HubToken,
    hub: &mut Hub,
    how: Mint,
    answer: impl FnOnce(Question) -> F,
) -> Result<String, TokenError> {
    let answering = async { answer(hub.ask().await).await };
    let (minted, ()) = tokio::join!(issuer.mint(how), answering);
    Ok(text(minted?).await)
}

/// The error of a mint, after a look for what must not be in it.
async fn failure(issuer: &HubToken) -> TokenError {
    let error = issuer.mint(Mint::normal()).await.expect_err("a failure");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("SENTINEL"), "{shown}");
    assert!(shown.contains(APP) && shown.contains("the hub at"), "{shown}");
    error
}

/// The same, while the hub answers one question so.
async fn failure_of<F: Future<Output = ()>>(
    issuer: &HubToken,
    hub: &mut Hub,
    answer: impl FnOnce(Question) -> F,
) -> TokenError {
    let answering = async { answer(hub.ask().await).await };
    tokio::join!(failure(issuer), answering).0
}

/// A cache that has its first token from the hub, and the question for the next.
async fn warm(issuer: impl Issuer, hub: &mut Hub) -> (TokenCache, Question) {
    let cache = TokenCache::new(issuer);
    let serving = async {
        // The mint's, and that of who listens.
        for _ in 0..2 {
            hub.ask().await.tell("SENTINEL-1", 1).await;
        }
    };
    let (token, ()) = tokio::join!(cache.token(), serving);
    assert_eq!(token.unwrap().as_str(), "SENTINEL-1");
    let poll = hub.poll().await;
    assert!(poll.line().ends_with("?newer_than=1&wait=45"), "{}", poll.line());
    (cache, poll)
}

/// The text of a token, which a cache alone shows.
async fn text(minted: Minted) -> String {
    cached(minted).await.as_str().to_owned()
}

/// A token with this text.
async fn token(text: &str) -> AccessToken {
    cached(Minted::new(text, TWO_HOURS)).await
}

async fn cached(minted: Minted) -> AccessToken {
    TokenCache::new(scripted(move |_| std::future::ready(Ok(minted.clone())))).token().await.unwrap()
}

/// Moves the clock on. Real connections need a real one the rest of the time.
async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

/// Goes on with what does not end, until the other is done.
async fn during<F: Future, T>(endless: F, other: impl Future<Output = T>) -> T {
    tokio::select! {
        _ = pin!(endless) => unreachable!("it has nothing to end with"),
        done = other => done,
    }
}
