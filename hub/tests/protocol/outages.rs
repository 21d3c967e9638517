//! What token servers are known to get wrong around a refresh, a failure and an outage.

use std::time::Duration;

use fake_wechat::{FakeWeChat, Fault};
use futures_util::future::join_all;
use tokio::time::sleep;
use tower_wechat::{
    TokenCache,
    issuer::{ClassicToken, Issuer, StableToken},
    store::MemoryStore,
    testing::ManualClock,
};
use wechat_hub::{Hub, Server};

use super::support::{APP, all, refresh, token};

fn serve(cache: TokenCache) -> Server {
    let hub = Hub::builder().app_on_demand(APP, cache).client(all()).build().unwrap();
    hub.serve_tcp("127.0.0.1:0").unwrap()
}

/// A hub whose clock the test moves.
fn with_clock(wechat: &FakeWeChat) -> (Server, ManualClock) {
    let clock = ManualClock::new();
    let issuer = ClassicToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    (serve(TokenCache::builder(issuer).clock(&clock).build()), clock)
}

/// Asks until there is a token.
async fn in_the_end(server: &Server) -> String {
    for _ in 0..500 {
        let answer = token(server, "").await;
        if answer.status == 200 {
            return answer.token();
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("there is no token in the end");
}

#[tokio::test]
async fn the_old_token_is_served_while_the_next_is_minted_and_after_a_mint_that_failed() {
    let wechat = FakeWeChat::start().await;
    let (server, clock) = with_clock(&wechat);
    let old = token(&server, "").await.token();
    clock.set_forward(Duration::from_secs(7100));
    let hold = wechat.hold_tokens();
    for answer in join_all((0..100).map(|_| token(&server, ""))).await {
        assert_eq!(answer.token(), old, "nobody waits");
    }
    wechat.wait_for_token_requests(2).await;
    wechat.fail_next_tokens(2, Fault::Http(500));
    hold.release();
    wechat.wait_for_token_requests(3).await;
    assert_eq!(token(&server, "").await.token(), old, "one failure takes no good token away");
}

#[tokio::test]
async fn no_failure_is_taken_for_a_token_or_kept() {
    let wechat = FakeWeChat::start().await;
    for fault in [
        Fault::Busy,
        Fault::Garbage,
        Fault::Empty,
        Fault::Http(502),
        Fault::Reset,
        Fault::CutOff,
        Fault::ExpiresIn(0),
    ] {
        let (server, _clock) = with_clock(&wechat);
        wechat.fail_tokens(fault.clone());
        token(&server, "").await.is_problem(503);
        wechat.heal();
        assert!(wechat.accepts(&in_the_end(&server).await), "{fault:?}");
    }
}

#[tokio::test]
async fn while_the_platform_is_down_it_is_not_asked_by_every_caller() {
    let wechat = FakeWeChat::start().await;
    let (server, _clock) = with_clock(&wechat);
    wechat.fail_tokens(Fault::Http(500));
    for _ in 0..3 {
        for answer in join_all((0..300).map(|_| token(&server, ""))).await {
            answer.is_problem(503);
        }
    }
    assert!(wechat.token_requests() <= 8, "{} for 900 callers", wechat.token_requests());
}

#[tokio::test]
async fn a_platform_that_hangs_holds_nobody_up_for_ever() {
    let wechat = FakeWeChat::start().await;
    let issuer = StableToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    let server = serve(TokenCache::builder(issuer).wait_timeout(Duration::from_millis(300)).build());
    wechat.fail_tokens(Fault::Hang);
    for answer in join_all((0..50).map(|_| token(&server, ""))).await {
        answer.is_problem(503);
    }
    assert_eq!(wechat.token_requests(), 1);
}

#[tokio::test]
async fn a_rejected_token_is_replaced_even_where_the_endpoint_hands_it_out_again() {
    let wechat = FakeWeChat::start().await;
    let issuer =
        StableToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap().allow_forced_refresh();
    let server = serve(TokenCache::new(issuer));
    let old = token(&server, "").await.token();
    wechat.revoke_unnoticed();
    let better = refresh(&server, old.as_str()).await.token();
    assert!(better != old && wechat.accepts(&better));
    assert_eq!(wechat.forced_requests(), 1);
    assert_eq!(refresh(&server, old.as_str()).await.token(), better);
    assert_eq!(wechat.forced_requests(), 1, "once");
}

#[tokio::test]
async fn classic_and_stable_tokens_of_one_app_are_kept_apart() {
    let wechat = FakeWeChat::start().await;
    let store = MemoryStore::new();
    let over = |issuer: Box<dyn Issuer>| serve(TokenCache::builder(issuer).store(store.clone()).build());
    let stable = StableToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    let classic = ClassicToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    let (stable, classic) = (over(Box::new(stable)), over(Box::new(classic)));
    let [first, second] = [token(&stable, "").await.token(), token(&classic, "").await.token()];
    assert_ne!(first, second);
    wechat.revoke();
    assert_ne!(refresh(&classic, second.as_str()).await.token(), second);
    assert_eq!(token(&stable, "").await.token(), first);
}
