//! A failure that belongs to one host, or to one secret, holds back no other.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower_wechat::{
    ErrorKind, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted, StableToken},
    store::MemoryStore,
};

use crate::sharing::{TWO_HOURS, process, support::issuers::scripted};

fn not_allowed() -> TokenError {
    TokenError::permanent("this machine's address is not on the list").with_errcode(40164).of_this_host()
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_allowed_takes_nobody_hostage() {
    let store = MemoryStore::new();
    let bad = process(scripted(|_| ready(Err(not_allowed()))), &store);
    let good = process(scripted(|_| ready(Ok(Minted::new("T", TWO_HOURS)))), &store);
    assert_eq!(bad.token().await.unwrap_err().errcode(), Some(40164));
    let asked = Instant::now();
    assert_eq!(good.token().await.unwrap().as_str(), "T");
    assert!(asked.elapsed() < Duration::from_secs(1), "waited {:?}", asked.elapsed());
    // And what the good one has got is the bad one's, too.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bad.token().await.unwrap().as_str(), "T");
}

#[tokio::test(start_paused = true)]
async fn the_bad_host_itself_asks_ever_more_rarely() {
    let (store, asked) = (MemoryStore::new(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let bad = process(
        scripted(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            ready(Err(not_allowed()))
        }),
        &store,
    );
    for _ in 0..3600 {
        assert!(bad.token().await.is_err());
        sleep(Duration::from_secs(1)).await;
    }
    let asked = asked.load(Ordering::SeqCst);
    assert!((10..=20).contains(&asked), "{asked} in an hour");
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_the_account_is_for_all() {
    let store = MemoryStore::new();
    let frozen = || ready(Err(TokenError::permanent("the account is frozen").with_errcode(50007)));
    let (one, asked) = (process(scripted(move |_| frozen()), &store), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let other = process(
        scripted(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            ready(Ok(Minted::new("T", TWO_HOURS)))
        }),
        &store,
    );
    assert_eq!(one.token().await.unwrap_err().kind(), ErrorKind::Token);
    assert_eq!(other.token().await.unwrap_err().errcode(), Some(50007));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// An app with this secret, of which one is right.
struct WithSecret(StableToken, bool);

impl WithSecret {
    fn new(secret: &str) -> Self {
        Self(StableToken::new("wxrotated", secret), secret == "right")
    }
}

impl Issuer for WithSecret {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        Box::pin(ready(if self.1 {
            Ok(Minted::new("T", TWO_HOURS))
        } else {
            Err(TokenError::permanent("the secret is wrong").with_errcode(40125))
        }))
    }

    fn platform(&self) -> &tower_wechat::Platform {
        self.0.platform()
    }

    fn account(&self) -> AccountKey {
        self.0.account()
    }

    fn credential(&self) -> Option<tower_wechat::Fingerprint> {
        self.0.credential()
    }
}

/// A rolling restart with a new secret: the old processes fail, the new ones do not, and all of them are one account.
#[tokio::test(start_paused = true)]
async fn a_rotated_secret_is_one_account_and_the_old_one_holds_nobody_back() {
    let store = MemoryStore::new();
    let (old, same, new) = (
        process(WithSecret::new("wrong"), &store),
        process(WithSecret::new("wrong"), &store),
        process(WithSecret::new("right"), &store),
    );
    assert_eq!(old.account(), new.account());
    assert_eq!(old.token().await.unwrap_err().kind(), ErrorKind::Token);
    assert_eq!(
        same.token().await.unwrap_err().errcode(),
        Some(40125),
        "whoever has the same secret need not ask"
    );
    assert_eq!(same.stats().mint_failures, 0);
    assert_eq!(new.token().await.unwrap().as_str(), "T");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(old.token().await.unwrap().as_str(), "T");
}

/// Another process has asked the stable endpoint, which handed out the same text again; then that is revoked. Whoever has
/// heard of it under the earlier number only must not take it for a better one.
#[tokio::test(start_paused = true)]
async fn a_text_that_was_rejected_is_no_better_under_a_later_number() {
    let store = MemoryStore::new();
    let text = Arc::new(AtomicUsize::new(1));
    let process = |store: &MemoryStore| {
        let text = text.clone();
        process(
            scripted(move |_| ready(Ok(Minted::new(format!("T{}", text.load(Ordering::SeqCst)), TWO_HOURS)))),
            store,
        )
    };
    let (one, other) = (process(&store), process(&store));
    let first = one.token().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let again = other.refresh(&other.token().await.unwrap()).await.unwrap();
    assert_eq!((first.as_str(), again.as_str()), ("T1", "T1"));
    assert!(again.generation() > first.generation());
    sleep(Duration::from_millis(1)).await;
    text.store(2, Ordering::SeqCst);
    let third = process(&store);
    let better = third.refresh(&first).await.unwrap();
    assert_eq!(better.as_str(), "T2", "the text was rejected after it was handed out again");
}
