//! What the token endpoints refuse, code by code.

use fake_wechat::{Answer, FakeWeChat, Fault};
use http::StatusCode;
use tower_wechat::{
    Platform, TokenCache, TokenError, WeChatError,
    issuer::{ClassicToken, Issuer, StableToken, WeCom},
};

use crate::catalogue::Catalogue;

/// What a cache says whose endpoint has this fault.
pub(crate) async fn fails(wechat: &FakeWeChat, issuer: impl Issuer, fault: Fault) -> TokenError {
    wechat.fail_tokens(fault);
    let error = TokenCache::new(issuer).token().await.expect_err("it fails");
    wechat.heal();
    error
}

pub(crate) fn stable(wechat: &FakeWeChat) -> StableToken {
    StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url()).expect("a URL")
}

fn wecom(wechat: &FakeWeChat) -> WeCom {
    WeCom::new(FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET).base_url(&wechat.url()).expect("a URL")
}

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let wechat = FakeWeChat::start().await;
    for (entry, code) in [
        ("secret", 40125),
        ("secret", 40001),
        ("app-id", 40013),
        ("frozen-secret", 40243),
        ("quota", 45009),
        ("per-minute", 45011),
        ("per-minute", 45033),
        ("busy", -1),
        ("barred", 50001),
        ("barred", 50004),
        ("barred", 50007),
        ("confirm", 89501),
        ("confirm", 89503),
        ("confirm", 89506),
        ("confirm", 89507),
        ("confirm", 89500),
        ("changed-request", 40002),
        ("parents-token", 42001),
        ("third-party", 61003),
        ("third-party", 61005),
        ("third-party", 61023),
        ("third-party", 61024),
        ("unknown-code", 47001),
    ] {
        seen.add(entry, fails(&wechat, stable(&wechat), Fault::Errcode(code)).await);
    }
    for (entry, code) in [("secret", 40001), ("secret", 40091), ("quota", 45009), ("unknown-code", 301_002)] {
        seen.add(entry, fails(&wechat, wecom(&wechat), Fault::Errcode(code)).await);
    }
    addresses(&mut seen, &wechat).await;
    answers(&mut seen, &wechat).await;
    let answer = br#"{"errcode":45015,"errmsg":"response out of time limit or subscription is canceled rid: 654df33c-64386a2f-29857782"}"#;
    seen.add("answer-of-an-api", WeChatError::parse(answer).expect("an error"));
    seen
}

async fn addresses(seen: &mut Catalogue, wechat: &FakeWeChat) {
    let refused = |code: i64, errmsg: &str| {
        let errmsg = format!("{errmsg} rid: 654df33c-64386a2f-29857782");
        Fault::Answer(Answer::json(serde_json::json!({ "errcode": code, "errmsg": errmsg }).to_string()))
    };
    let listed = "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist";
    seen.add("address", fails(wechat, stable(wechat), refused(40164, listed)).await);
    seen.add("address", fails(wechat, stable(wechat), refused(40164, "not in whitelist")).await);
    let trusted = "not allow to access from your ip, hint: [1692099979531331300516404], from ip: 203.0.113.7";
    seen.add("address", fails(wechat, wecom(wechat), refused(60020, trusted)).await);
    let body = br#"{"errcode":61004,"errmsg":"access clientip is not registered requestIP: 203.0.113.7"}"#;
    let error = TokenError::from_answer(StatusCode::OK, body, &Platform::component());
    seen.add("address", error.expect("an error"));
}

/// What is no answer of a token endpoint's.
async fn answers(seen: &mut Catalogue, wechat: &FakeWeChat) {
    let classic = || {
        ClassicToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url()).expect("a URL")
    };
    for (entry, fault) in [
        ("http-status", Fault::Http(502)),
        ("http-status", Fault::Http(429)),
        ("http-status", Fault::Http(302)),
        ("http-status", Fault::Http(407)),
        ("http-status", Fault::Http(404)),
        ("odd-answer", Fault::Empty),
        ("odd-answer", Fault::Garbage),
        ("odd-answer", Fault::Answer(Answer::json("{}"))),
        ("odd-answer", Fault::Answer(Answer::json(r#"{"access_token":"t\u0000","expires_in":7200}"#))),
        ("odd-answer", Fault::ExpiresIn(0)),
        ("odd-answer", Fault::Answer(Answer::json(format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 17))))),
        ("odd-answer", Fault::CutOff),
    ] {
        seen.add(entry, fails(wechat, classic(), fault).await);
    }
}
