//! Calls that carry the app's secret: the client has its own there, and never sees the app's.

use fake_wechat::FakeWeChat;
use wechat_hub::{Client, Hub, HubBuilder, Right, Server};

use super::support::{APP, PROXY_SECRET, TOKEN_SECRET, cache, classic, for_sdks, get, post, raw, serve};

fn hub(wechat: &FakeWeChat) -> HubBuilder {
    for_sdks(wechat).app_secret(APP, || FakeWeChat::APP_SECRET.into())
}

fn no_secret_came_back(answer: &super::support::Answer) {
    assert!(!answer.body.contains(FakeWeChat::APP_SECRET) && !answer.head.contains(FakeWeChat::APP_SECRET));
}

async fn mini_login(server: &Server, secret: &str, code: &str) -> super::support::Answer {
    let answer = get(
        server,
        &format!(
            "/sns/jscode2session?appid={APP}&secret={secret}&js_code={code}&grant_type=authorization_code"
        ),
    )
    .await;
    no_secret_came_back(&answer);
    answer
}

#[tokio::test]
async fn a_mini_program_and_a_web_site_log_their_users_in() {
    let wechat = FakeWeChat::start().await;
    let server = serve(hub(&wechat));
    let answer = mini_login(&server, PROXY_SECRET, &wechat.login_code("oUser")).await;
    assert_eq!(answer.is_success().json()["openid"], "oUser");
    assert_eq!(answer.header("x-wechat-hub"), Some("forwarded"));

    let code = wechat.login_code("oUser");
    let target = format!(
        "/sns/oauth2/access_token?appid={APP}&secret={PROXY_SECRET}&code={code}&grant_type=authorization_code"
    );
    let answer = get(&server, &target).await;
    no_secret_came_back(&answer);
    assert_eq!(answer.is_success().json()["openid"], "oUser");
    // The user's own token, which is the client's to have.
    let user = answer.json()["access_token"].as_str().unwrap().to_owned();
    get(&server, &format!("/sns/userinfo?access_token={user}&openid=oUser&lang=zh_CN")).await.is_success();
    let refresh = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    get(
        &server,
        &format!("/sns/oauth2/refresh_token?appid={APP}&grant_type=refresh_token&refresh_token={refresh}"),
    )
    .await
    .is_success();
    assert_eq!(wechat.mints(), 0, "no token of the app's is needed for that");
}

#[tokio::test]
async fn a_pass_beside_the_secret_goes_no_further() {
    let wechat = FakeWeChat::start().await;
    let server = serve(hub(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    let code = wechat.login_code("oUser");
    let target = format!(
        "/sns/jscode2session?appid={APP}&secret={PROXY_SECRET}&js_code={code}&grant_type=authorization_code&access_token={pass}"
    );
    assert_eq!(get(&server, &target).await.is_success().json()["openid"], "oUser");
    assert!(!wechat.seen().last().unwrap().query.contains(&pass));
}

#[tokio::test]
async fn the_days_calls_are_reset_with_the_clients_secret() {
    let wechat = FakeWeChat::start().await;
    let server = serve(hub(&wechat));
    let json = format!("{{\"appid\":\"{APP}\",\"appsecret\":\"{PROXY_SECRET}\"}}");
    let answer = post(&server, "/cgi-bin/clear_quota/v2", &json).await;
    no_secret_came_back(&answer);
    assert_eq!(answer.is_success().json()["errcode"], 0);
    let form = format!("appid={APP}&appsecret={PROXY_SECRET}");
    let head = format!(
        "POST /cgi-bin/clear_quota/v2 HTTP/1.1\r\nhost: hub\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    raw(&server, head).await.unwrap().is_success();
    for seen in wechat.seen() {
        let body = String::from_utf8_lossy(&seen.body);
        assert!(body.contains(FakeWeChat::APP_SECRET) && !body.contains(PROXY_SECRET), "{body}");
        assert_eq!(seen.content_length(), Some(seen.body_len));
    }
    for body in ["", "[]", "{}", "{\"appid\":1,\"appsecret\":2}", "x"] {
        post(&server, "/cgi-bin/clear_quota/v2", body).await.is_refused(40097);
    }
    let wrong = format!("{{\"appid\":\"{APP}\",\"appsecret\":\"{}\"}}", FakeWeChat::APP_SECRET);
    post(&server, "/cgi-bin/clear_quota/v2", &wrong).await.is_refused(40001);
}

#[tokio::test]
async fn only_who_may_call_gets_the_secret_put_in_and_only_there() {
    let wechat = FakeWeChat::start().await;
    let narrow = Client::new("narrow", "narrow").apps([APP]).rights([Right::Proxy]).paths(["/wxa/**"]);
    let server = serve(hub(&wechat).client(narrow));
    let code = wechat.login_code("oUser");
    mini_login(&server, TOKEN_SECRET, &code).await.is_refused(48001);
    mini_login(&server, FakeWeChat::APP_SECRET, &code).await.is_refused(40001);
    mini_login(&server, "", &code).await.is_refused(40001);
    assert_eq!(mini_login(&server, "narrow", &code).await.is_refused(48001).status, 403);
    for (target, errcode) in [
        (format!("/sns/jscode2session?secret={PROXY_SECRET}&js_code=1"), 41002),
        (format!("/sns/jscode2session?appid=wxnone&secret={PROXY_SECRET}&js_code=1"), 40013),
        (format!("/sns/jscode2session?appid={APP}&appid={APP}&secret={PROXY_SECRET}"), 40097),
        (format!("/sns/jscode2session?appid={APP}&secret={PROXY_SECRET}&secret={PROXY_SECRET}"), 40097),
        (format!("/sns/jscode2session?appid={APP}&secret={PROXY_SECRET}&appsecret=x"), 40097),
        (format!("/sns/jscode2session/?appid={APP}&secret={PROXY_SECRET}"), 40097),
        (format!("/SNS/jscode2session?appid={APP}&secret={PROXY_SECRET}"), 40097),
        (format!("/cgi-bin/component/api_component_token?appid={APP}&secret={PROXY_SECRET}"), 40097),
        (format!("/cgi-bin/user/get?appid={APP}&secret={PROXY_SECRET}"), 40097),
        (format!("/sns/jscode2session?appid={APP}&js_code=1"), 41001),
    ] {
        let answer = get(&server, &target).await;
        no_secret_came_back(&answer);
        answer.is_refused(errcode);
    }
    assert_eq!(wechat.api_requests(), 0);
}

#[tokio::test]
async fn a_hub_that_does_not_know_the_secret_says_so() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    mini_login(&server, PROXY_SECRET, "1").await.is_refused(48001);
    let lost = Hub::builder().app(APP, cache(&wechat)).app_secret("wxother", || "x".into()).build();
    assert!(lost.err().unwrap().to_string().contains("wxother"));
}

#[tokio::test]
async fn an_answer_that_quotes_the_secret_is_masked() {
    let wechat = FakeWeChat::start().await;
    let server = serve(hub(&wechat));
    let text = format!("{{\"errcode\":40125,\"errmsg\":\"bad {}\"}}", FakeWeChat::APP_SECRET);
    wechat.set_open_answer("/sns/jscode2session", fake_wechat::Answer::json(text));
    let answer = mini_login(&server, PROXY_SECRET, "1").await;
    assert_eq!(answer.json()["errmsg"], format!("bad {}", "*".repeat(FakeWeChat::APP_SECRET.len())));
}
