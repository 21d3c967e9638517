//! A token that is asked for a second time: it is made sure of, and nobody makes the hub mint by asking.

use std::time::Duration;

use fake_wechat::{Answer, FakeWeChat, Fault};
use futures_util::future::join_all;
use tokio::time::timeout;
use tower_wechat::{TokenCache, issuer::StableToken};
use wechat_hub::{Hub, HubBuilder, Server, Verify};

use super::support::{APP, PROXY_SECRET, TOKEN_SECRET, classic, for_sdks, holder, serve, stable};

const VERIFICATION: &str = "/cgi-bin/get_api_domain_ip";

/// A hub that need not wait between two verifications.
fn at_once(hub: HubBuilder, change: impl FnOnce(&mut Verify)) -> Server {
    let mut verify = Verify::default();
    verify.at_most_every = Duration::ZERO;
    change(&mut verify);
    serve(hub.verify(verify))
}

fn verifications(wechat: &FakeWeChat) -> usize {
    wechat.seen().iter().filter(|seen| seen.path == VERIFICATION).count()
}

#[tokio::test]
async fn a_first_question_costs_nothing_and_a_second_one_verification() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let first = classic(&server, TOKEN_SECRET).await.token();
    assert_eq!((wechat.mints(), wechat.api_requests()), (1, 0));
    assert_eq!(classic(&server, TOKEN_SECRET).await.token(), first);
    assert_eq!((wechat.mints(), verifications(&wechat)), (1, 1));
}

#[tokio::test]
async fn a_herd_that_starts_cold_is_not_early() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let hold = wechat.hold_tokens();
    let asking = join_all((0..100).map(|_| classic(&server, TOKEN_SECRET)));
    let release = async {
        wechat.wait_for_token_requests(1).await;
        drop(hold);
    };
    let (answers, ()) = futures_util::future::join(asking, release).await;
    let first = answers[0].token();
    assert!(answers.iter().all(|answer| answer.token() == first));
    assert_eq!(wechat.mints(), 1);
    // Those that came before the token was there ask for the first time, all of them.
    assert!(verifications(&wechat) <= 1, "{}", verifications(&wechat));
}

#[tokio::test]
async fn a_revoke_costs_one_verification_and_one_mint_whatever_the_number_of_askers() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let old = classic(&server, TOKEN_SECRET).await.token();
    wechat.revoke();
    // All ask before there is an answer: who comes later has a call of its own, two seconds later.
    wechat.set_api_latency(Duration::from_secs(1));
    let answers = join_all((0..200).map(|_| classic(&server, TOKEN_SECRET))).await;
    for answer in answers {
        assert!(answer.token() != old && wechat.accepts(&answer.token()));
    }
    assert_eq!(wechat.mints(), 2);
    // The call that was rejected, and the same with the new token.
    assert_eq!(verifications(&wechat), 2);
}

#[tokio::test]
async fn a_question_that_comes_while_one_call_is_under_way_waits_for_the_next() {
    let wechat = FakeWeChat::start().await;
    let server = at_once(for_sdks(&wechat), |_| {});
    let old = classic(&server, TOKEN_SECRET).await.token();
    let hold = wechat.hold_apis();
    let first = classic(&server, TOKEN_SECRET);
    let second = async {
        wechat.wait_for_api_requests(1).await;
        // The call under way was answered before this, for all that the hub knows.
        let asking = classic(&server, TOKEN_SECRET);
        let revoke = async {
            wechat.wait_for_api_requests(2).await;
            drop(hold);
        };
        futures_util::future::join(asking, revoke).await.0
    };
    let (first, second) = futures_util::future::join(first, second).await;
    assert_eq!((first.token(), second.token()), (old.clone(), old));
    assert_eq!((verifications(&wechat), wechat.mints()), (2, 1));
}

#[tokio::test]
async fn nobody_makes_the_hub_mint_by_asking() {
    let wechat = FakeWeChat::start().await;
    let server = at_once(for_sdks(&wechat), |_| {});
    for _ in 0..30 {
        stable(&server, TOKEN_SECRET, true).await.token();
        stable(&server, PROXY_SECRET, true).await.token();
        classic(&server, TOKEN_SECRET).await.token();
    }
    assert_eq!((wechat.mints(), wechat.token_requests(), wechat.forced_requests()), (1, 1, 0));
}

#[tokio::test]
async fn who_has_passes_verifies_nothing() {
    let wechat = FakeWeChat::start().await;
    let server = at_once(for_sdks(&wechat), |_| {});
    for _ in 0..10 {
        classic(&server, PROXY_SECRET).await.token();
    }
    assert_eq!((wechat.mints(), wechat.api_requests()), (1, 0));
}

#[tokio::test]
async fn the_day_has_so_many_verifications_and_then_the_token_goes_out_as_it_is() {
    let wechat = FakeWeChat::start().await;
    let server = at_once(for_sdks(&wechat), |verify| verify.a_day = 3);
    for _ in 0..10 {
        classic(&server, TOKEN_SECRET).await.token();
    }
    assert_eq!(verifications(&wechat), 3);

    let none = FakeWeChat::start().await;
    let server = at_once(for_sdks(&none), |verify| verify.a_day = 0);
    for _ in 0..10 {
        classic(&server, TOKEN_SECRET).await.token();
    }
    assert_eq!(verifications(&none), 0);
}

#[tokio::test]
async fn verifications_are_so_far_apart_as_is_said_and_who_gave_up_waiting_costs_none() {
    let wechat = FakeWeChat::start().await;
    let server = at_once(for_sdks(&wechat), |verify| verify.at_most_every = Duration::from_secs(3));
    classic(&server, TOKEN_SECRET).await.token();
    classic(&server, TOKEN_SECRET).await.token();
    assert_eq!(verifications(&wechat), 1, "the first is at once");
    let waiting = timeout(Duration::from_millis(100), classic(&server, TOKEN_SECRET));
    assert!(waiting.await.is_err(), "the next is a second later");
    assert_eq!(verifications(&wechat), 1);
    classic(&server, TOKEN_SECRET).await.token();
    assert_eq!(verifications(&wechat), 2, "both have waited for the same one");
}

#[tokio::test]
async fn a_verification_that_fails_takes_no_token_away() {
    let wechat = FakeWeChat::start().await;
    let server = at_once(for_sdks(&wechat), |verify| verify.path = "/cgi-bin/getcallbackip".to_owned());
    let token = classic(&server, TOKEN_SECRET).await.token();
    for fault in [Fault::Http(502), Fault::Reset, Fault::Busy, Fault::Errcode(48001), Fault::Garbage] {
        wechat.fail_next_apis(1, fault);
        assert_eq!(classic(&server, TOKEN_SECRET).await.token(), token);
    }
    // An answer without end is given up.
    let endless = "x".repeat(200_000);
    wechat.set_answer("/cgi-bin/getcallbackip", Answer::json(endless));
    assert_eq!(classic(&server, TOKEN_SECRET).await.token(), token);
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn a_client_that_was_given_a_token_is_known_after_a_reload() {
    let wechat = FakeWeChat::start().await;
    let hub = for_sdks(&wechat).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    classic(&server, TOKEN_SECRET).await.token();
    hub.reconfigure(for_sdks(&wechat)).unwrap();
    classic(&server, TOKEN_SECRET).await.token();
    assert_eq!(verifications(&wechat), 1);
}

#[tokio::test]
async fn a_token_that_is_rejected_and_cannot_be_replaced_is_not_handed_out_again() {
    for (fault, errcode) in
        [(Fault::Errcode(45009), 45009), (Fault::Errcode(40164), 40164), (Fault::Busy, 45011)]
    {
        let wechat = FakeWeChat::start().await;
        let server = at_once(for_sdks(&wechat), |_| {});
        classic(&server, TOKEN_SECRET).await.token();
        wechat.revoke();
        wechat.fail_tokens(fault);
        for _ in 0..2 {
            let answer = classic(&server, TOKEN_SECRET).await;
            answer.is_refused(errcode);
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn another_configuration_while_one_waits_is_the_one_that_counts() {
    let wechat = FakeWeChat::start().await;
    let store = tower_wechat::store::MemoryStore::new();
    let cache = || {
        let issuer = StableToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
        TokenCache::builder(issuer).store(store.clone()).build()
    };
    let mut verify = Verify::default();
    verify.at_most_every = Duration::from_millis(500);
    let with = |cache: &TokenCache| {
        Hub::builder().app_on_demand(APP, cache.clone()).client(holder()).verify(verify.clone())
    };
    let old = cache();
    let hub = with(&old).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let dead = classic(&server, TOKEN_SECRET).await.token();
    assert_eq!(classic(&server, TOKEN_SECRET).await.token(), dead);
    wechat.revoke();
    let waiting = classic(&server, TOKEN_SECRET);
    let reload = async {
        // It waits for the next verification.
        tokio::time::sleep(Duration::from_millis(100)).await;
        hub.reconfigure(with(&cache())).unwrap();
        old.shutdown().await;
    };
    let (answer, ()) = futures_util::future::join(waiting, reload).await;
    assert!(answer.token() != dead && wechat.accepts(&answer.token()));
}
