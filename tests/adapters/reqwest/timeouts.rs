//! A request's own time-out is for all of it: the wait for a token, both sends, the wait for a second token.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};
use tower_wechat::{NotReplayed, issuer::Minted};

use super::*;
use crate::reqwest::support::issuers::{TWO_HOURS, scripted};

const PATIENCE: Duration = Duration::from_millis(300);
const MINT: Duration = Duration::from_secs(3);

/// Mints at once, and after three seconds where a token was rejected or `cold` is slow, too.
fn slow(cold: bool) -> TokenCache {
    TokenCache::new(scripted(move |how| async move {
        if cold || how.rejected().is_some() {
            sleep(MINT).await;
        }
        Ok(Minted::new(if how.rejected().is_some() { "second" } else { "first" }, TWO_HOURS))
    }))
}

fn hasty() -> Request {
    http().post("https://api.weixin.qq.com/cgi-bin/x").timeout(PATIENCE).body("whole").build().unwrap()
}

/// How long it took in paused time, in which timers are exact to the millisecond.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    #[allow(clippy::disallowed_methods)] // Tokio's paused time, to see when.
    let now = Instant::now;
    let before = now();
    let done = work.await;
    (done, now() - before)
}

fn about(took: Duration) {
    assert!((PATIENCE..PATIENCE + Duration::from_millis(10)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn it_covers_the_wait_for_a_token() {
    let cache = slow(true);
    // Nothing is sent, so paused time does no harm to a real client.
    let client = wechat_client(&cache);
    let (answer, took) = timed(client.execute(hasty())).await;
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.downcast_ref::<TokenError>().unwrap().is_transient());
    assert!(error.to_string().contains("the request's own time-out"), "{error}");
    about(took);

    let (answer, took) = timed(client.clone().oneshot(hasty())).await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Timeout, "as a tower service, too");
    about(took);

    // The fetch goes on for the next caller.
    let (token, took) = timed(cache.token()).await;
    assert_eq!(token.unwrap().as_str(), "first");
    assert!(took + 2 * PATIENCE <= MINT + Duration::from_millis(10), "{took:?}");
    assert_eq!(cache.stats().mints(), 1);
}

/// Answers at once that the token is not good.
fn rejecting()
-> impl Service<Request, Response = Response, Error = reqwest::Error, Future: Send> + Clone + Send {
    tower::service_fn(|_: Request| async {
        Ok::<_, reqwest::Error>(Response::from(http::Response::new(r#"{"errcode":40001}"#)))
    })
}

#[tokio::test(start_paused = true)]
async fn it_covers_the_wait_for_a_second_token() {
    let cache = slow(false);
    cache.token().await.unwrap();
    let client = WeChatAuthLayer::new(&cache).layer(rejecting());
    let (answer, took) = timed(client.execute(hasty())).await;
    let response = answer.unwrap();
    about(took);
    assert_eq!(outcome(&response).not_replayed(), Some(NotReplayed::TimedOut));
    assert_eq!(outcome(&response).errcode(), 40001);
    assert_eq!(errcode(response).await, 40001, "WeChat's first answer");
}

#[tokio::test(start_paused = true)]
async fn replay_timeout_holds_where_it_is_the_shorter_one() {
    let cache = slow(false);
    cache.token().await.unwrap();
    let replay_timeout = PATIENCE / 3;
    let client = WeChatAuthLayer::new(&cache).replay_timeout(replay_timeout).layer(rejecting());
    let (answer, took) = timed(client.execute(hasty())).await;
    assert_eq!(outcome(&answer.unwrap()).not_replayed(), Some(NotReplayed::TimedOut));
    assert!((replay_timeout..PATIENCE).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn without_one_of_its_own_a_request_waits_as_long_as_it_takes() {
    for cold in [true, false] {
        let cache = slow(cold);
        if !cold {
            cache.token().await.unwrap();
        }
        let mut request = hasty();
        *request.timeout_mut() = None;
        let client = WeChatAuthLayer::new(&cache).layer(rejecting());
        let (answer, took) = timed(client.execute(request)).await;
        assert!(outcome(&answer.unwrap()).replayed());
        assert!(took >= MINT);
    }
}

#[tokio::test]
async fn the_same_over_sockets() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let request = || {
        let mut request = message(&wechat);
        *request.timeout_mut() = Some(PATIENCE);
        request
    };
    let held = wechat.hold_tokens();
    let error = wechat_client(&cache).execute(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(wechat.api_requests(), 0);
    drop(held);
    cache.token().await.unwrap();

    wechat.revoke();
    let _held = wechat.hold_tokens();
    let response = wechat_client(&cache).execute(request()).await.unwrap();
    assert_eq!(outcome(&response).not_replayed(), Some(NotReplayed::TimedOut));
    assert_eq!(errcode(response).await, 40001);
}
