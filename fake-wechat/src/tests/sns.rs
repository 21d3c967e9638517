//! Logins, and the tokens of users.

use super::*;

const USER: &str = "oFollower0000000000000000001";

fn login(path: &str, grant: &str, secret: &str, code: &str) -> String {
    format!("{path}?appid={}&secret={secret}&grant_type={grant}&{code}", FakeWeChat::APP_ID)
}

async fn session(fake: &FakeWeChat, code: &str) -> Value {
    let code = format!("js_code={code}");
    let path = login("/sns/jscode2session", "authorization_code", FakeWeChat::APP_SECRET, &code);
    fake.get(&path).await.json()
}

async fn oauth(fake: &FakeWeChat, code: &str) -> Value {
    let code = format!("code={code}");
    let path = login("/sns/oauth2/access_token", "authorization_code", FakeWeChat::APP_SECRET, &code);
    fake.get(&path).await.json()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

#[tokio::test]
async fn a_code_is_good_for_one_session() {
    let fake = FakeWeChat::start().await;
    let code = fake.login_code(USER);
    let answer = session(&fake, &code).await;
    assert_eq!(text(&answer, "openid"), USER);
    let key = text(&answer, "session_key");
    assert!(key.len() == 24 && key.ends_with("=="), "{answer}");
    assert!(answer["unionid"].is_string() && answer.get("errcode").is_none(), "{answer}");
    assert_eq!(session(&fake, &code).await["errcode"], 40163);
    assert_eq!(session(&fake, "the-code").await["errcode"], 40029);
    assert_eq!(session(&fake, "").await["errcode"], 41008);
}

#[tokio::test]
async fn a_login_wants_the_apps_secret() {
    let fake = FakeWeChat::start().await;
    for (path, parameter) in [("/sns/jscode2session", "js_code"), ("/sns/oauth2/access_token", "code")] {
        let code = format!("{parameter}={}", fake.login_code(USER));
        let good = login(path, "authorization_code", FakeWeChat::APP_SECRET, &code);
        for (path, errcode) in [
            (login(path, "authorization_code", "wrong", &code), 40125),
            (login(path, "client_credential", FakeWeChat::APP_SECRET, &code), 40002),
            (good.replace(FakeWeChat::APP_ID, "wx1"), 40013),
            (good.replace("appid=", "a="), 41002),
            (good.replace(FakeWeChat::APP_SECRET, ""), 41004),
        ] {
            let got = fake.get(&path).await;
            assert_eq!((got.status, got.errcode()), (StatusCode::OK, errcode), "{path}");
        }
        let got = fake.get(&good).await.json();
        assert_eq!(text(&got, "openid"), USER, "no failure has used up the code");
    }
    assert!(fake.seen().iter().all(|seen| !seen.query.contains(FakeWeChat::APP_SECRET)));
}

#[tokio::test]
async fn a_users_token_is_good_below_sns_and_nowhere_else() {
    let fake = FakeWeChat::start().await;
    let answer = oauth(&fake, &fake.login_code(USER)).await;
    assert_eq!((text(&answer, "openid"), &answer["expires_in"]), (USER, &json!(7200)));
    assert_eq!(text(&answer, "scope"), "snsapi_userinfo");
    let token = text(&answer, "access_token");

    let user = fake.get(&format!("/sns/userinfo?access_token={token}&openid={USER}&lang=zh_CN")).await.json();
    assert_eq!(text(&user, "openid"), USER);
    assert!(user["nickname"].is_string() && user["privilege"].is_array() && user["sex"].is_u64(), "{user}");
    assert_eq!(user["unionid"], answer["unionid"]);
    let auth = fake.get(&format!("/sns/auth?access_token={token}&openid={USER}")).await.json();
    assert_eq!(auth, json!({ "errcode": 0, "errmsg": "ok" }));
    assert_eq!(fake.call(token).await, 40001);
    fake.revoke();
    assert_eq!(fake.get(&format!("/sns/auth?access_token={token}")).await.errcode(), 0, "it is no app's");

    let app = fake.stable().await.text;
    for (token, userinfo, auth) in [("a-users-own", 40001, 40014), (&*app, 40001, 40014), ("", 41001, 41001)]
    {
        assert_eq!(fake.get(&format!("/sns/userinfo?access_token={token}")).await.errcode(), userinfo);
        assert_eq!(fake.get(&format!("/sns/auth?access_token={token}")).await.errcode(), auth);
    }
    fake.advance(secs(7200));
    for path in ["/sns/userinfo", "/sns/auth"] {
        assert_eq!(fake.get(&format!("{path}?access_token={token}")).await.errcode(), 42001);
    }
}

#[tokio::test]
async fn a_users_token_is_refreshed() {
    let fake = FakeWeChat::builder()
        .account(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
        .account("wx2", "secret")
        .start()
        .await;
    let first = oauth(&fake, &fake.login_code(USER)).await;
    let path = |app: &str, token: &str| {
        format!("/sns/oauth2/refresh_token?appid={app}&grant_type=refresh_token&refresh_token={token}")
    };
    fake.advance(secs(7200));
    let refresh_token = text(&first, "refresh_token");
    let second = fake.get(&path(FakeWeChat::APP_ID, refresh_token)).await.json();
    assert_eq!((text(&second, "openid"), text(&second, "refresh_token")), (USER, refresh_token));
    let token = text(&second, "access_token");
    assert_ne!(token, text(&first, "access_token"));
    assert_eq!(fake.get(&format!("/sns/auth?access_token={token}")).await.errcode(), 0);
    assert_eq!(fake.get(&path(FakeWeChat::APP_ID, "unknown")).await.errcode(), 40030);
    assert_eq!(fake.get(&path("wx1", refresh_token)).await.errcode(), 40013);
    assert_eq!(fake.get(&path("wx2", refresh_token)).await.errcode(), 40030, "it was granted to another app");
    assert!(fake.seen().iter().all(|seen| !seen.query.contains(refresh_token)));
}

#[tokio::test]
async fn a_set_answer_goes_to_good_users_and_an_open_one_to_all() {
    let fake = FakeWeChat::start().await;
    let mine = Answer::json(r#"{"errcode":0,"mine":true}"#);
    fake.set_answer("/sns/userinfo", mine.clone());
    assert_eq!(fake.get("/sns/userinfo?access_token=x").await.errcode(), 40001);
    fake.set_open_answer("/sns/userinfo", mine);
    assert_eq!(fake.get("/sns/userinfo?access_token=x").await.json()["mine"], true);
}
