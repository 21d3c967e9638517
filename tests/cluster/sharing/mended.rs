//! What was wrong has been mended: back-off is over, whoever had met the failure.

use std::{
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;
use tower_wechat::{
    ErrorKind, Platform, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
    store::MemoryStore,
};

use crate::sharing::{TWO_HOURS, process, support::issuers::scripted};

/// Refuses until it is mended, and counts.
fn refusing(mended: &Arc<AtomicBool>, asked: &Arc<AtomicUsize>) -> impl Issuer + use<> {
    let (mended, asked) = (mended.clone(), asked.clone());
    scripted(move |_| {
        asked.fetch_add(1, Ordering::SeqCst);
        ready(if mended.load(Ordering::SeqCst) {
            Ok(Minted::new("T", TWO_HOURS))
        } else {
            Err(TokenError::permanent("the account is frozen").with_errcode(50007))
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_person_says_so() {
    let (mended, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let store = MemoryStore::new();
    let (one, other) =
        (process(refusing(&mended, &asked), &store), process(refusing(&mended, &asked), &store));
    for _ in 0..600 {
        assert!(one.token().await.is_err());
        sleep(Duration::from_secs(1)).await;
    }
    mended.store(true, Ordering::SeqCst);
    assert_eq!(one.token().await.unwrap_err().kind(), ErrorKind::BackedOff);
    let before = asked.load(Ordering::SeqCst);
    // Not the one that failed last: the failure is in the store.
    assert_eq!(other.token().await.unwrap_err().errcode(), Some(50007));
    other.retry_now();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(other.current().expect("it began at once").as_str(), "T");
    assert_eq!(one.token().await.unwrap().as_str(), "T", "the failure is gone for all");
    assert_eq!(asked.load(Ordering::SeqCst), before + 1);
}

#[tokio::test(start_paused = true)]
async fn somebody_says_so_though_it_is_not() {
    let (mended, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let cache = process(refusing(&mended, &asked), &MemoryStore::new());
    for _ in 0..10 {
        assert!(cache.token().await.is_err());
        sleep(Duration::from_secs(20)).await;
    }
    let before = asked.load(Ordering::SeqCst);
    cache.retry_now();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(asked.load(Ordering::SeqCst), before + 1, "asked once");
    let error = cache.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackedOff);
    assert!(error.retry_after().unwrap() > Duration::from_secs(60), "the pauses go on growing: {error}");
}

/// Nobody asks meanwhile; and the warmer would wait until the pause is over.
#[tokio::test(start_paused = true)]
async fn a_token_near_its_end_is_replaced_at_once() {
    let (mended, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let cache = process(refusing(&mended, &asked), &MemoryStore::new());
    let warm = cache.keep_warm();
    let first = cache.token().await.unwrap();
    mended.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(7180)).await;
    assert!(cache.health().held_back.is_some() && cache.current().is_some());
    mended.store(true, Ordering::SeqCst);
    let before = asked.load(Ordering::SeqCst);
    cache.retry_now();
    sleep(Duration::from_secs(1)).await;
    assert!(cache.current().unwrap().generation() > first.generation(), "it began at once");
    assert_eq!(asked.load(Ordering::SeqCst), before + 1);
    drop(warm);
}

#[tokio::test(start_paused = true)]
async fn outside_a_runtime_it_is_for_the_next_caller() {
    let (mended, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let cache = process(refusing(&mended, &asked), &MemoryStore::new());
    assert!(cache.token().await.is_err());
    mended.store(true, Ordering::SeqCst);
    let outside = cache.clone();
    std::thread::spawn(move || outside.retry_now()).join().unwrap();
    assert_eq!(cache.token().await.unwrap().as_str(), "T");
}

/// Knows by itself when it was mended.
#[derive(Clone)]
struct Knowing {
    secret: Arc<Mutex<&'static str>>,
    refused: Arc<Mutex<Option<&'static str>>>,
    looks: Arc<AtomicUsize>,
    platform: Platform,
}

impl Knowing {
    fn new() -> Self {
        Self {
            secret: Arc::new(Mutex::new("wrong")),
            refused: Arc::default(),
            looks: Arc::default(),
            platform: Platform::wechat(),
        }
    }
}

impl Issuer for Knowing {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        let secret = *self.secret.lock().unwrap();
        Box::pin(ready(if secret == "right" {
            Ok(Minted::new("T", TWO_HOURS))
        } else {
            *self.refused.lock().unwrap() = Some(secret);
            Err(TokenError::permanent("the secret is wrong").with_errcode(40125))
        }))
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("knowing", "", "wx", None)
    }

    fn was_mended(&self, failure: &TokenError) -> bool {
        self.looks.fetch_add(1, Ordering::SeqCst);
        failure.errcode() == Some(40125)
            && *self.refused.lock().unwrap() != Some(*self.secret.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn the_issuer_says_so() {
    let issuer = Knowing::new();
    let cache = process(issuer.clone(), &MemoryStore::new());
    for _ in 0..20 {
        assert!(cache.token().await.is_err());
        sleep(Duration::from_secs(20)).await;
    }
    *issuer.secret.lock().unwrap() = "right";
    assert_eq!(cache.token().await.unwrap().as_str(), "T", "the first caller is served");
    assert!(issuer.looks.load(Ordering::SeqCst) <= 25);
}

#[tokio::test(start_paused = true)]
async fn the_issuer_is_asked_once_a_second_at_most() {
    let issuer = Knowing::new();
    let cache = process(issuer.clone(), &MemoryStore::new());
    for _ in 0..2_000 {
        assert!(cache.token().await.is_err());
        sleep(Duration::from_millis(1)).await;
    }
    assert!(issuer.looks.load(Ordering::SeqCst) <= 3, "{:?}", issuer.looks);
}
