//! What the layer does for a call, and how the caller hears of it.

use fake_wechat::{FakeWeChat, Fault};
use futures_util::future::join_all;

use super::support::{PROXY_SECRET, classic, for_sdks, get, post, serve};

#[tokio::test]
async fn a_revoke_costs_one_mint_and_no_call_whatever_the_number_of_callers() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    wechat.revoke();
    let target = format!("/cgi-bin/message/custom/send?access_token={pass}");
    let answers = join_all((0..200).map(|_| post(&server, &target, "{\"touser\":\"o\"}"))).await;
    for answer in &answers {
        answer.is_success();
    }
    let replayed =
        answers.iter().filter(|answer| answer.header("x-wechat-hub") == Some("replayed; errcode=40001"));
    assert!(replayed.count() >= 1);
    assert_eq!(wechat.mints(), 2);
}

#[tokio::test]
async fn where_the_api_rejects_every_token_wechats_own_answer_goes_through() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    wechat.reject_all(Some(40001));
    let target = format!("/cgi-bin/user/get?access_token={pass}");
    let answer = get(&server, &target).await;
    assert_eq!(answer.json()["errcode"], 40001);
    assert!(answer.json()["errmsg"].as_str().unwrap().starts_with("invalid credential"), "{answer:?}");
    assert_eq!(answer.header("x-wechat-hub"), Some("replayed; errcode=40001"));
    assert_eq!(
        (wechat.api_requests(), wechat.token_requests()),
        (2, 2),
        "two sends, one question for another token"
    );
    let again = get(&server, &target).await;
    let told = again.header("x-wechat-hub").unwrap();
    assert!(told.starts_with("not-replayed; errcode=40001; reason="), "{told}");
}

#[tokio::test]
async fn where_there_is_no_token_the_answer_says_why_and_is_no_rejection() {
    for (fault, errcode) in [
        (Fault::Errcode(40164), 40164),
        (Fault::Errcode(40125), 40125),
        // For an SDK this would mean that its pass was rejected.
        (Fault::Errcode(40001), 40125),
        (Fault::Busy, 45011),
        (Fault::Http(500), 45011),
        (Fault::Reset, 45011),
    ] {
        let wechat = FakeWeChat::start().await;
        let server = serve(for_sdks(&wechat));
        let pass = classic(&server, PROXY_SECRET).await.token();
        wechat.expire();
        wechat.fail_tokens(fault);
        // The present token is served until it is known to be none; WeChat's own answer goes through with the reason.
        let first = get(&server, &format!("/cgi-bin/user/get?access_token={pass}")).await;
        assert_eq!(first.json()["errcode"], 42001, "{first:?}");
        assert!(first.header("x-wechat-hub").unwrap().contains("reason=refresh_failed"), "{first:?}");

        // A hub that has just started has none at all.
        let cold = serve(for_sdks(&wechat));
        let lines = format!(
            "GET /cgi-bin/user/get HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {PROXY_SECRET}\r\n\r\n"
        );
        let answer = super::support::raw(&cold, lines).await.unwrap();
        answer.is_refused(errcode);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn an_error_of_wechats_goes_through_as_it_is() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    for (fault, status) in [(Fault::Busy, 200), (Fault::Errcode(48001), 200), (Fault::Http(503), 503)] {
        wechat.fail_next_apis(1, fault);
        let answer = get(&server, &format!("/cgi-bin/user/get?access_token={pass}")).await;
        assert_eq!((answer.status, answer.header("x-wechat-hub")), (status, Some("forwarded")), "{answer:?}");
    }
    assert_eq!((wechat.api_requests(), wechat.mints()), (3, 1));
}
