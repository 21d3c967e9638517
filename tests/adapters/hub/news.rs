//! The next token, as the hub tells of it.

use std::time::Duration;

use tokio::time::timeout;
use tower_wechat::{
    TokenCache,
    issuer::{HubToken, Issuer, Mint},
};

use super::{APP, SECRET, pass, tcp, unix, warm};
use crate::support::hub::{Folder, Hub};

/// Long enough for all pauses of who listens to a hub that is well.
const A_WHILE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn the_next_token_is_there_before_a_rejection_and_no_request_waits_for_the_hub() {
    let (_folder, mut hub, issuer) = unix();
    let (cache, poll) = warm(issuer, &mut hub).await;
    let first = cache.current().unwrap();
    poll.tell("second", 2).await;
    let second = cache.newer_than(first.generation()).await;
    assert_eq!(second.as_str(), "second");
    let poll = hub.poll().await;
    assert!(poll.line().ends_with("?newer_than=2&wait=45"), "{}", poll.line());

    for _ in 0..1000 {
        assert_eq!(cache.token().await.unwrap().as_str(), "second");
        let refreshed = cache.refresh(&first).await.unwrap();
        assert_eq!(refreshed.generation(), second.generation(), "the next was there already");
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(hub.is_quiet(), "nothing was asked for that");
}

#[tokio::test]
async fn a_hub_by_tcp_tells_too() {
    let (mut hub, issuer) = tcp().await;
    let (cache, poll) = warm(issuer, &mut hub).await;
    let first = cache.current().unwrap();
    poll.tell("second", 2).await;
    assert_eq!(cache.newer_than(first.generation()).await.as_str(), "second");
}

#[tokio::test]
async fn where_there_is_nothing_new_the_hub_is_asked_again() {
    let (_folder, mut hub, issuer) = unix();
    let (cache, mut poll) = warm(issuer, &mut hub).await;
    let first = cache.current().unwrap();
    for round in 0..3 {
        poll.nothing_new().await;
        // At once, which is no answer of a hub that waits: so there is a pause, and then a look at what it has.
        hub.ask().await.tell("SENTINEL-1", 1).await;
        poll = hub.poll().await;
        assert!(poll.line().contains("newer_than=1&"), "{round}: {}", poll.line());
    }
    assert_eq!(cache.current().unwrap().generation(), first.generation());
    poll.tell("second", 2).await;
    assert_eq!(cache.newer_than(first.generation()).await.as_str(), "second");
}

#[tokio::test]
async fn a_hub_that_has_nothing_to_say_is_not_asked_without_a_pause() {
    let (_folder, mut hub, issuer) = unix();
    let (_cache, poll) = warm(issuer, &mut hub).await;
    poll.nothing_new().await;
    let mut asked = 0;
    let _ = timeout(A_WHILE, async {
        loop {
            hub.ask().await.tell("SENTINEL-1", 1).await;
            hub.poll().await.nothing_new().await;
            asked += 1;
        }
    })
    .await;
    assert!((1..=4).contains(&asked), "{asked} rounds in a second");
}

#[tokio::test]
async fn a_hub_that_forgot_how_far_it_had_counted_is_heard_all_the_same() {
    let (_folder, mut hub, issuer) = unix();
    let (cache, poll) = warm(issuer, &mut hub).await;
    let first = cache.current().unwrap();
    poll.nothing_new().await;
    hub.ask().await.tell("second", 0).await;
    assert_eq!(cache.newer_than(first.generation()).await.as_str(), "second");
    assert!(hub.poll().await.line().contains("newer_than=0&"));
}

#[tokio::test]
async fn a_newer_token_that_is_no_newer_one_is_not_taken_over() {
    let (_folder, mut hub, issuer) = unix();
    let (cache, poll) = warm(issuer, &mut hub).await;
    poll.tell("odd", 1).await;
    let asked = timeout(A_WHILE, hub.ask()).await;
    assert!(asked.is_err(), "it is left in peace for two seconds");
    assert_eq!(cache.current().unwrap().as_str(), "SENTINEL-1");
    hub.ask().await.tell("SENTINEL-1", 1).await;
    hub.poll().await;
}

#[tokio::test]
async fn a_hub_that_is_started_again_is_heard_within_a_second_and_held_tokens_are_served_meanwhile() {
    let (folder, mut hub, issuer) = unix();
    let (cache, poll) = warm(issuer, &mut hub).await;
    let first = cache.current().unwrap();
    drop((hub, poll));
    for _ in 0..20 {
        tokio::time::sleep(A_WHILE / 10).await;
        assert_eq!(cache.token().await.unwrap().as_str(), "SENTINEL-1", "it is good as ever");
    }
    let mut hub = Hub::unix(&folder.socket());
    let asked = timeout(Duration::from_millis(900), hub.ask()).await.expect("within a second");
    asked.tell("second", 1).await;
    assert_eq!(cache.newer_than(first.generation()).await.as_str(), "second");
    assert!(hub.poll().await.line().contains("newer_than=1&"));
}

#[tokio::test]
async fn a_cache_without_a_token_has_one_soon_after_the_hub_is_there() {
    let folder = Folder::new();
    let cache = TokenCache::new(HubToken::unix(folder.socket(), APP, SECRET));
    for _ in 0..3 {
        cache.token().await.unwrap_err();
        cache.retry_now();
    }
    let mut hub = Hub::unix(&folder.socket());
    let answering = async {
        loop {
            hub.ask().await.tell("first", 1).await;
        }
    };
    let waiting = super::during(answering, cache.newer_than(0));
    timeout(A_WHILE, waiting).await.expect("in spite of the pause after failures");
    assert_eq!(cache.token().await.unwrap().as_str(), "first");
}

#[tokio::test]
async fn what_a_hub_that_was_away_has_refused_to_give_is_mended_by_its_answer() {
    let (folder, mut hub, issuer) = unix();
    drop(hub);
    tokio::task::yield_now().await;
    let failure = issuer.mint(Mint::normal()).await.unwrap_err();
    assert!(!issuer.was_mended(&failure));
    hub = Hub::unix(&folder.socket());
    let refused = super::failure_of(&issuer, &mut hub, async |question| {
        question.problem("503 Service Unavailable", "").await;
    });
    let refused = refused.await;
    assert!(issuer.was_mended(&failure) && !issuer.was_mended(&refused));
}

#[tokio::test]
async fn a_hub_that_refuses_for_good_is_asked_twice_a_minute_at_the_most() {
    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found"] {
        let (_folder, mut hub, issuer) = unix();
        let (cache, poll) = warm(issuer, &mut hub).await;
        poll.problem(status, "{}").await;
        quiet_for(&mut hub, 29).await;
        pass(Duration::from_secs(10)).await;
        // With that it is well again.
        hub.ask().await.tell("SENTINEL-1", 1).await;
        hub.poll().await;
        assert!(cache.current().is_some(), "the held token is served all the while");
    }
}

#[tokio::test]
async fn a_hub_that_says_for_how_long_is_left_alone_for_so_long() {
    let (_folder, mut hub, issuer) = unix();
    let (_cache, poll) = warm(issuer, &mut hub).await;
    poll.answer("429 Too Many Requests", "retry-after: 100\r\n", "").await;
    quiet_for(&mut hub, 99).await;
    pass(Duration::from_secs(30)).await;
    hub.ask().await.tell("SENTINEL-1", 1).await;
}

/// Lets so many seconds pass, in which nobody may ask.
async fn quiet_for(hub: &mut Hub, secs: u64) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..secs {
        pass(Duration::from_secs(1)).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(hub.is_quiet(), "it is left in peace");
    }
}

#[tokio::test]
async fn a_wait_that_is_not_answered_is_given_up_after_its_time_and_some() {
    let (_folder, mut hub, issuer) = unix();
    let (_cache, poll) = warm(issuer, &mut hub).await;
    pass(Duration::from_secs(54)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(hub.is_quiet(), "it goes on");
    pass(Duration::from_secs(2)).await;
    poll.hung_up().await;
    hub.ask().await.tell("SENTINEL-1", 1).await;
}

#[tokio::test]
async fn the_wait_ends_with_the_cache() {
    let (_folder, mut hub, issuer) = unix();
    let (cache, poll) = warm(issuer, &mut hub).await;
    drop(cache);
    poll.hung_up().await;

    let (_folder, mut hub, issuer) = unix();
    let (cache, poll) = warm(issuer, &mut hub).await;
    cache.shutdown().await;
    poll.hung_up().await;
    assert!(hub.is_quiet());
}
