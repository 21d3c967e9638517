//! Token endpoints and what ends a token's life.

use super::*;

#[tokio::test]
async fn a_classic_token_looks_like_wechats() {
    let fake = FakeWeChat::start().await;
    let got = fake.get(&classic_url()).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.header("content-type"), "application/json; encoding=utf-8");
    assert!(got.json().get("errcode").is_none(), "{}", got.json());
    let token = granted(&got);
    assert_eq!(token.expires_in, 7200);
    assert_eq!(token.text.len(), 136);
    assert!(token.text.as_bytes()[..2].iter().all(u8::is_ascii_digit));
    assert_eq!(token.text.as_bytes()[2], b'_');
    assert!(token.text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    assert_eq!(fake.call(&token.text).await, 0);
}

#[tokio::test]
async fn each_classic_call_mints_and_the_token_before_dies_after_five_minutes() {
    let fake = FakeWeChat::start().await;
    let first = fake.classic().await;
    let second = fake.classic().await;
    assert_ne!(first, second);
    assert_eq!((fake.mints(), fake.token_requests()), (2, 2));
    fake.advance(secs(290));
    assert_eq!(fake.call(&first.text).await, 0);
    fake.advance(secs(10));
    assert_eq!(fake.call(&first.text).await, 40001);
    assert_eq!(fake.call(&second.text).await, 0);
    fake.advance(secs(6900));
    assert_eq!(fake.call(&second.text).await, 42001);
    assert_eq!(fake.call(&first.text).await, 40001, "superseded before it expired");
}

#[tokio::test]
async fn without_overlap_the_token_before_dies_at_once() {
    let fake = FakeWeChat::builder().overlap(Duration::ZERO).start().await;
    let first = fake.classic().await;
    fake.classic().await;
    assert_eq!(fake.call(&first.text).await, 40001);
}

#[tokio::test]
async fn the_classic_quota_is_2000_a_day() {
    let fake = FakeWeChat::builder().classic_quota(3).start().await;
    for _ in 0..3 {
        fake.classic().await;
    }
    let refused = fake.get(&classic_url()).await;
    assert_eq!(refused.errcode(), 45009);
    assert_eq!(fake.mints(), 3);
    fake.advance(secs(86_400));
    fake.classic().await;
    assert_eq!(Rules::default().classic_quota, 2000);
}

#[tokio::test]
async fn a_stable_token_stays_until_its_last_five_minutes() {
    let fake = FakeWeChat::start().await;
    let first = fake.stable().await;
    assert_eq!(first.expires_in, 7200);
    fake.advance(secs(6890));
    let same = fake.stable().await;
    assert_eq!(same.text, first.text);
    assert!((300..=310).contains(&same.expires_in), "{same:?}");
    fake.advance(secs(10));
    let second = fake.stable().await;
    assert_ne!(second.text, first.text);
    assert_eq!(second.expires_in, 7200);
    assert_eq!(fake.call(&first.text).await, 0, "both are good for the overlap");
    fake.advance(secs(300));
    assert_ne!(fake.call(&first.text).await, 0);
    assert_eq!((fake.mints(), fake.token_requests()), (2, 3));
}

#[tokio::test]
async fn stable_and_classic_tokens_leave_each_other_alone() {
    let fake = FakeWeChat::builder().overlap(Duration::ZERO).start().await;
    let stable = fake.stable().await;
    let classic = fake.classic().await;
    fake.forced().await;
    fake.classic().await;
    assert_ne!(stable.text, classic.text);
    let fresh = fake.stable().await;
    fake.classic().await;
    assert_eq!(fake.call(&fresh.text).await, 0);
}

#[tokio::test]
async fn a_forced_refresh_ends_the_token_before() {
    let fake = FakeWeChat::start().await;
    let first = fake.stable().await;
    let second = granted(&fake.forced().await);
    assert_ne!(second.text, first.text);
    assert_eq!(fake.call(&first.text).await, 40001);
    assert_eq!(fake.stable().await.text, second.text);
}

#[tokio::test]
async fn forced_refreshes_are_30_seconds_apart_and_20_a_day() {
    let fake = FakeWeChat::builder().forced_overlap(secs(300)).start().await;
    let first = granted(&fake.forced().await);
    fake.advance(secs(25));
    let too_soon = granted(&fake.forced().await);
    assert_eq!(too_soon.text, first.text);
    for round in 2..=20 {
        fake.advance(secs(30));
        fake.forced().await;
        assert_eq!(fake.mints(), round);
    }
    assert_eq!(fake.forced_requests(), 21, "one of them came too soon");
    assert_eq!(fake.call(&first.text).await, 40001, "overlap is long over");
    fake.advance(secs(30));
    assert_eq!(fake.forced().await.errcode(), 45009);
    let present = fake.stable().await;
    assert_eq!(fake.call(&present.text).await, 0, "the refusal cost nobody a token");
    fake.advance(secs(86_400));
    granted(&fake.forced().await);
}

#[tokio::test]
async fn wecom_hands_out_the_same_token_as_long_as_it_lives() {
    let fake = FakeWeChat::start().await;
    let got = fake.get(&wecom_url()).await;
    assert_eq!((got.errcode(), got.json()["errmsg"].as_str()), (0, Some("ok")));
    let first = granted(&got);
    fake.advance(secs(7000));
    let same = fake.wecom().await;
    assert_eq!(same.text, first.text);
    assert!((190..=200).contains(&same.expires_in), "{same:?}");
    fake.advance(secs(200));
    assert_eq!(fake.call(&first.text).await, 42001);
    assert_ne!(fake.wecom().await.text, first.text);
    assert_eq!(fake.mints_of(FakeWeChat::CORP_ID), 2);
    assert_eq!(fake.mints_of(FakeWeChat::APP_ID), 0);
}

#[tokio::test]
async fn wecom_may_mint_anew_and_keeps_the_tokens_before() {
    let fake = FakeWeChat::builder().wecom_mints_anew().start().await;
    let first = fake.wecom().await;
    assert_ne!(fake.wecom().await.text, first.text);
    fake.advance(secs(1000));
    assert_eq!(fake.call(&first.text).await, 0);
}

#[tokio::test]
async fn apps_of_one_corp_have_tokens_of_their_own() {
    let fake = FakeWeChat::builder().corp("ww1", "one").corp("ww1", "two").start().await;
    let one = granted(&fake.get("/cgi-bin/gettoken?corpid=ww1&corpsecret=one").await);
    let two = granted(&fake.get("/cgi-bin/gettoken?corpid=ww1&corpsecret=two").await);
    assert_ne!(one, two);
    assert_eq!(fake.mints_of("ww1"), 2);
    assert_eq!(fake.call("never-minted").await, 40014, "there is nothing but WeCom here");
}

#[tokio::test]
async fn mistakes_at_the_token_endpoints_have_their_codes() {
    let fake = FakeWeChat::start().await;
    let (id, secret) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    let grant = "grant_type=client_credential";
    for (path, errcode) in [
        (format!("/cgi-bin/token?appid={id}&secret={secret}"), 40002),
        (format!("/cgi-bin/token?{grant}&secret={secret}"), 41002),
        (format!("/cgi-bin/token?{grant}&appid={id}"), 41004),
        (format!("/cgi-bin/token?{grant}&appid=wx1&secret={secret}"), 40013),
        (format!("/cgi-bin/token?{grant}&appid={id}&secret=x"), 40125),
        ("/cgi-bin/stable_token".to_owned(), 43002),
        ("/cgi-bin/gettoken?corpsecret=x".to_owned(), 41002),
        (format!("/cgi-bin/gettoken?corpid={}", FakeWeChat::CORP_ID), 41004),
        ("/cgi-bin/gettoken?corpid=ww1&corpsecret=x".to_owned(), 40013),
        (format!("/cgi-bin/gettoken?corpid={}&corpsecret=x", FakeWeChat::CORP_ID), 40001),
    ] {
        let got = fake.get(&path).await;
        assert_eq!((got.status, got.errcode()), (StatusCode::OK, errcode), "{path}");
    }
    for (body, errcode) in [
        (json!({}), 40002),
        (json!({ "grant_type": "client_credential", "secret": "x" }), 41002),
        (json!({ "grant_type": "client_credential", "appid": id }), 41004),
        (json!({ "grant_type": "client_credential", "appid": "wx1", "secret": "x" }), 40013),
        (json!({ "grant_type": "client_credential", "appid": id, "secret": "x" }), 40125),
    ] {
        assert_eq!(fake.post("/cgi-bin/stable_token", body.to_string()).await.errcode(), errcode);
    }
    assert_eq!(fake.post("/cgi-bin/stable_token", "grant_type=x").await.errcode(), 47001);
    assert_eq!(fake.post(&classic_url(), "").await.errcode(), 43001);
    assert_eq!((fake.mints(), fake.token_requests()), (0, 17));
}

#[tokio::test]
async fn a_wrong_secret_may_be_40001_and_an_address_may_be_refused() {
    let fake = FakeWeChat::builder().wrong_secret_code(40001).start().await;
    let wrong = classic_url().replace(FakeWeChat::APP_SECRET, "x");
    assert_eq!(fake.get(&wrong).await.errcode(), 40001);

    let fake = FakeWeChat::builder().refuse_ip().start().await;
    let refused = fake.get(&classic_url()).await;
    assert_eq!(refused.errcode(), 40164);
    let errmsg = refused.json()["errmsg"].as_str().unwrap().to_owned();
    assert!(
        errmsg.starts_with("invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: "),
        "{errmsg}"
    );
    assert_eq!(fake.get(&wecom_url()).await.errcode(), 60020);
}

#[tokio::test]
async fn revoked_and_expired_tokens_have_codes_of_their_own() {
    let fake = FakeWeChat::start().await;
    let (classic, stable, wecom) = (fake.classic().await, fake.stable().await, fake.wecom().await);
    fake.revoke_account(FakeWeChat::CORP_ID);
    assert_eq!(fake.call(&wecom.text).await, 40014);
    assert_eq!(fake.call(&classic.text).await, 0);
    fake.revoke();
    assert_eq!(fake.call(&classic.text).await, 40001);
    assert_eq!(fake.call(&stable.text).await, 40001);
    assert!(!fake.accepts(&stable.text));
    let fresh = (fake.stable().await, fake.wecom().await);
    assert!(fresh.0 != stable && fresh.1 != wecom);
    fake.expire();
    assert_eq!(fake.call(&fresh.0.text).await, 42001);
    assert_eq!(fake.call(&fresh.1.text).await, 42001);
    assert_eq!(fake.call(&classic.text).await, 40001, "it was dead before");
    assert!(fake.accepts(&fake.stable().await.text));
}

#[tokio::test]
async fn an_unnoticed_revocation_needs_a_forced_refresh() {
    let fake = FakeWeChat::start().await;
    let first = fake.stable().await;
    fake.revoke_unnoticed();
    assert_eq!(fake.call(&first.text).await, 40001);
    assert_eq!(fake.stable().await.text, first.text);
    let second = granted(&fake.forced().await);
    assert_eq!(fake.call(&second.text).await, 0);
}

#[tokio::test]
async fn somebody_elses_mint_ends_the_token_after_the_overlap() {
    let fake = FakeWeChat::start().await;
    let ours = fake.classic().await;
    let theirs = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    assert!(fake.accepts(&ours.text) && fake.accepts(&theirs));
    fake.advance(secs(300));
    assert!(!fake.accepts(&ours.text) && fake.accepts(&theirs));
    assert_eq!((fake.mints(), fake.token_requests()), (1, 1));
    assert_eq!(fake.mint_elsewhere("wx1"), None);
}
