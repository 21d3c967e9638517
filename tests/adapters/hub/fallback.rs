//! What is done while the hub is away.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tower_wechat::{
    TokenError,
    issuer::{ClassicToken, HubToken, Issuer, Mint, Minted},
};

use super::{APP, SECRET, failure, failure_of, mint, pass, text, token, unix};
use crate::support::{
    hub::{Folder, Hub},
    issuers::{TWO_HOURS, scripted},
};

const MINUTE: Duration = Duration::from_secs(60);

fn with_fallback(issuer: HubToken, after: Duration) -> (HubToken, Arc<AtomicUsize>) {
    let mints = Arc::new(AtomicUsize::new(0));
    let count = mints.clone();
    let own = scripted(move |how: Mint| {
        count.fetch_add(1, SeqCst);
        let rejected = how.rejected().map_or("none", |rejected| rejected.as_str()).to_owned();
        ready(Ok(Minted::new(format!("own after {rejected}"), TWO_HOURS)))
    });
    (issuer.fallback(own, after), mints)
}

#[tokio::test]
async fn a_hub_that_is_away_for_the_time_given_is_replaced_until_it_answers() {
    let folder = Folder::new();
    let (issuer, mints) = with_fallback(HubToken::unix(folder.socket(), APP, SECRET), MINUTE);
    failure(&issuer).await;
    pass(Duration::from_secs(59)).await;
    failure(&issuer).await;
    assert_eq!(mints.load(SeqCst), 0);
    pass(Duration::from_secs(2)).await;
    assert_eq!(text(issuer.mint(Mint::normal()).await.unwrap()).await, "own after none");
    let rejecting = Mint::rejecting(token("bad").await);
    assert_eq!(text(issuer.mint(rejecting).await.unwrap()).await, "own after bad");

    let mut hub = Hub::unix(&folder.socket());
    let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| question.tell("first", 1).await);
    assert_eq!(minted.await.unwrap(), "first");
    drop(hub);
    tokio::task::yield_now().await;
    failure(&issuer).await;
    assert_eq!(mints.load(SeqCst), 2, "the time begins anew");
}

#[tokio::test]
async fn what_the_hub_refuses_is_no_reason() {
    let (_folder, mut hub, issuer) = unix();
    let (issuer, mints) = with_fallback(issuer, Duration::ZERO);
    for status in ["401 Unauthorized", "503 Service Unavailable", "429 Too Many Requests", "200 OK"] {
        failure_of(&issuer, &mut hub, async |question| question.problem(status, "{}").await).await;
        pass(MINUTE).await;
    }
    assert_eq!(mints.load(SeqCst), 0);
}

#[tokio::test]
async fn a_hub_that_hangs_costs_two_seconds_once_it_is_known() {
    let (_folder, mut hub, issuer) = unix();
    let (issuer, _) = with_fallback(issuer, Duration::ZERO);
    for (early, late) in [(5900, 200), (1900, 200)] {
        let mut minting = issuer.mint(Mint::normal());
        let _question = super::during(&mut minting, hub.ask()).await;
        pass(Duration::from_millis(early)).await;
        let waits = tokio::time::timeout(Duration::from_millis(10), &mut minting).await;
        assert!(waits.is_err(), "it is given up too early");
        pass(Duration::from_millis(late)).await;
        let minted = tokio::time::timeout(Duration::from_secs(1), minting).await.expect("given up in time");
        assert_eq!(text(minted.unwrap()).await, "own after none");
    }
}

#[tokio::test]
async fn a_fallback_that_fails_says_so_and_why_it_was_asked() {
    let folder = Folder::new();
    let own = scripted(|_| ready(Err(TokenError::permanent("the secret is wrong").with_errcode(40125))));
    let issuer = HubToken::unix(folder.socket(), APP, SECRET).fallback(own, Duration::ZERO);
    let error = issuer.mint(Mint::normal()).await.unwrap_err();
    assert_eq!(error.errcode(), Some(40125));
    let text = error.to_string();
    assert!(text.contains("no such socket") && text.contains("the secret is wrong"), "{text}");
}

#[test]
fn a_fallback_that_does_harm_is_held_to_its_own_measure() {
    let classic = ClassicToken::new(APP, "the-app-secret");
    let refreshes = classic.refreshes();
    let issuer = HubToken::unix("/run/hub.sock", APP, SECRET).fallback(classic, MINUTE);
    assert!(!issuer.mints_are_independent());
    assert_eq!(issuer.refreshes(), refreshes);
}
