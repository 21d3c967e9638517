//! Quotas that are cleared.

use super::*;

const V2: &str = "/cgi-bin/clear_quota/v2";
const FORM: &str = "application/x-www-form-urlencoded";

fn said(secret: &str) -> String {
    format!("appid={}&appsecret={secret}", FakeWeChat::APP_ID)
}

/// An account that has used up all of its quotas.
async fn spent() -> FakeWeChat {
    let fake = FakeWeChat::builder().classic_quota(1).stable_quota(1).forced_quota(1).start().await;
    fake.classic().await;
    fake.forced().await;
    assert_eq!(spent_codes(&fake).await, (45009, 45009));
    fake
}

async fn spent_codes(fake: &FakeWeChat) -> (i64, i64) {
    let code = |got: Got| got.json()["errcode"].as_i64().unwrap_or_default();
    (code(fake.get(&classic_url()).await), code(fake.post("/cgi-bin/stable_token", stable_body(true)).await))
}

#[tokio::test]
async fn a_secret_clears_the_quota_wherever_it_stands() {
    let secret = FakeWeChat::APP_SECRET;
    for (path, kind, body) in [
        (V2.to_owned(), FORM, said(secret)),
        (format!("{V2}?{}", said(secret)), "", String::new()),
        (V2.to_owned(), "", json!({ "appid": FakeWeChat::APP_ID, "appsecret": secret }).to_string()),
        (format!("/cgi-bin/clear_quota?{}", said(secret)), "", String::new()),
    ] {
        let fake = spent().await;
        let got = fake.post_as(&path, kind, body).await;
        assert_eq!(got.json(), json!({ "errcode": 0, "errmsg": "ok" }), "{path} {kind}");
        fake.advance(secs(30));
        assert_eq!(spent_codes(&fake).await, (0, 0), "{path} {kind}");
        assert!(fake.seen().iter().all(|seen| !seen.query.contains(secret)));
    }
}

#[tokio::test]
async fn a_token_clears_the_quota_of_its_account() {
    let fake = FakeWeChat::builder().classic_quota(1).start().await;
    let token = fake.classic().await.text;
    assert_eq!(fake.get(&classic_url()).await.errcode(), 45009);
    let body = json!({ "appid": FakeWeChat::APP_ID }).to_string();
    assert_eq!(
        fake.post("/cgi-bin/clear_quota?access_token=80_unknown", body.clone()).await.errcode(),
        40001
    );
    assert_eq!(fake.post(&format!("/cgi-bin/clear_quota?access_token={token}"), body).await.errcode(), 0);
    fake.classic().await;
}

#[tokio::test]
async fn other_secrets_clear_nothing() {
    let fake = spent().await;
    for (body, errcode) in [
        (said("wrong"), 40125),
        (format!("appid=wx1&appsecret={}", FakeWeChat::APP_SECRET), 40013),
        (format!("appid={}&appsecret={}", FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET), 40013),
        ("appsecret=x".to_owned(), 41002),
        (format!("appid={}", FakeWeChat::APP_ID), 41004),
        (String::new(), 41002),
    ] {
        assert_eq!(fake.post_as(V2, FORM, body.clone()).await.errcode(), errcode, "{body}");
    }
    let path = format!("{V2}?{}", said(FakeWeChat::APP_SECRET));
    assert_eq!(fake.get(&path).await.errcode(), 43002);
    assert_eq!(spent_codes(&fake).await, (45009, 45009));

    let fake = FakeWeChat::builder().wrong_secret_code(40001).start().await;
    assert_eq!(fake.post_as(V2, FORM, said("wrong")).await.errcode(), 40001);
}

#[tokio::test]
async fn a_quota_is_cleared_ten_times_a_month() {
    let fake = FakeWeChat::start().await;
    let clear = async || fake.post_as(V2, FORM, said(FakeWeChat::APP_SECRET)).await.errcode();
    for _ in 0..10 {
        assert_eq!(clear().await, 0);
    }
    assert_eq!(clear().await, 48006);
    fake.advance(secs(31 * 86_400));
    assert_eq!(clear().await, 0);
}
