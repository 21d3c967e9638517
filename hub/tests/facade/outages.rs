//! No token to be had: WeChat's shape, the platform's own code, and never a success.

use fake_wechat::{FakeWeChat, Fault};

use super::support::{PROXY_SECRET, TOKEN_SECRET, classic, for_sdks, serve, stable};

#[tokio::test]
async fn the_platforms_own_code_goes_through() {
    for errcode in [40164, 45009, 50007, 40125] {
        let wechat = FakeWeChat::start().await;
        wechat.fail_tokens(Fault::Errcode(errcode));
        let server = serve(for_sdks(&wechat));
        for secret in [TOKEN_SECRET, PROXY_SECRET] {
            let answer = classic(&server, secret).await;
            answer.is_refused(errcode);
            assert_eq!(answer.status, 200);
            assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1, "{answer:?}");
            assert!(answer.json()["errmsg"].as_str().unwrap().contains(&errcode.to_string()), "{answer:?}");
        }
        stable(&server, TOKEN_SECRET, false).await.is_refused(errcode);
    }
}

#[tokio::test]
async fn a_fault_without_a_code_has_one_that_no_sdk_repeats_a_call_for() {
    for fault in [Fault::Busy, Fault::Http(502), Fault::Reset, Fault::Garbage, Fault::Empty] {
        let wechat = FakeWeChat::start().await;
        wechat.fail_tokens(fault);
        let server = serve(for_sdks(&wechat));
        let answer = classic(&server, TOKEN_SECRET).await;
        answer.is_refused(45011);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_served_again_is_a_success_again() {
    let wechat = FakeWeChat::start().await;
    wechat.fail_next_tokens(1, Fault::Busy);
    let server = serve(for_sdks(&wechat));
    assert!(
        wechat.accepts(&classic(&server, TOKEN_SECRET).await.token()),
        "the platform was asked once more"
    );
    assert_eq!(wechat.mints(), 1);
}
