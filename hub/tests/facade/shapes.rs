//! Questions and answers in WeChat's shapes.

use std::num::NonZeroU32;

use fake_wechat::FakeWeChat;
use serde_json::json;
use tower_wechat::{
    TokenCache,
    issuer::{ClassicToken, WeCom},
};
use wechat_hub::{Client, Hub, Right};

use super::support::{
    APP, Folder, PROXY_SECRET, TOKEN_SECRET, all, classic, for_sdks, get, holder, post, proxy, serve, stable,
    unix,
};

#[tokio::test]
async fn the_real_token_is_told_as_wechat_tells_it_and_ends_a_little_sooner() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let answer = classic(&server, TOKEN_SECRET).await;
    let fields: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!((answer.status, fields.len()), (200, 2), "{answer:?}");
    assert!(wechat.accepts(&answer.token()));
    let told = answer.json()["expires_in"].as_u64().unwrap();
    assert!((7100..=7185).contains(&told), "the hub has the next one by then: {told}");
    assert_eq!(stable(&server, TOKEN_SECRET, false).await.token(), answer.token());
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn a_pass_is_told_in_the_same_shape_and_is_worth_nothing_at_wechat() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    for answer in [classic(&server, PROXY_SECRET).await, stable(&server, PROXY_SECRET, true).await] {
        let pass = answer.token();
        assert_eq!(answer.json(), json!({ "access_token": pass, "expires_in": 7200 }));
        assert!(
            pass.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')),
            "{pass}"
        );
        assert!(!wechat.accepts(&pass));
    }
    assert_eq!((wechat.mints(), wechat.forced_requests()), (1, 0));
}

#[tokio::test]
async fn who_may_have_both_gets_the_real_token() {
    let wechat = FakeWeChat::start().await;
    let both = all().rights([Right::Proxy]);
    let server = serve(Hub::builder().app_on_demand(APP, super::support::cache(&wechat)).client(both));
    assert!(wechat.accepts(&classic(&server, super::support::SECRET).await.token()));
}

#[tokio::test]
async fn either_endpoint_serves_any_app_of_wechats_and_wecoms_its_own() {
    let corp = "ww0123456789abcdef";
    let wechat =
        FakeWeChat::builder().account(APP, FakeWeChat::APP_SECRET).corp(corp, "corp-secret").start().await;
    let issuer = ClassicToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    let wecom = WeCom::new(corp, "corp-secret").base_url(&wechat.url()).unwrap();
    let client = Client::new("bot", TOKEN_SECRET).apps([APP, corp]).rights([Right::Token]);
    let hub = Hub::builder().app_on_demand(APP, TokenCache::new(issuer));
    let server = serve(hub.app_on_demand(corp, TokenCache::new(wecom)).client(client));
    assert_eq!(
        classic(&server, TOKEN_SECRET).await.token(),
        stable(&server, TOKEN_SECRET, false).await.token()
    );
    let answer = get(&server, &format!("/cgi-bin/gettoken?corpid={corp}&corpsecret={TOKEN_SECRET}")).await;
    assert_eq!((&answer.json()["errcode"], &answer.json()["errmsg"]), (&json!(0), &json!("ok")));
    assert!(wechat.accepts(&answer.token()));
    get(&server, &format!("/cgi-bin/gettoken?corpid={APP}&corpsecret={TOKEN_SECRET}"))
        .await
        .is_refused(40013);
    get(&server, &format!("/cgi-bin/token?grant_type=client_credential&appid={corp}&secret={TOKEN_SECRET}"))
        .await
        .is_refused(40013);
}

#[tokio::test]
async fn force_refresh_is_understood_however_it_is_written() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    for force in ["true", "false", "null", "\"true\"", "\"\"", "1", "0"] {
        let body = format!(
            "{{\"grant_type\":\"client_credential\",\"appid\":\"{APP}\",\"secret\":\"{PROXY_SECRET}\",\"force_refresh\":{force}}}"
        );
        post(&server, "/cgi-bin/stable_token", &body).await.token();
    }
    let question = format!("grant_type=client_credential&appid={APP}&secret={PROXY_SECRET}&force_refresh=1");
    get(&server, &format!("/cgi-bin/token?{question}")).await.token();
}

#[tokio::test]
async fn what_is_missing_or_wrong_has_wechats_code() {
    let wechat = FakeWeChat::start().await;
    let refresher = Client::new("refresher", "refresher").apps([APP]).rights([Right::Refresh]);
    let other = Client::new("other", "other").apps(["wxother"]).rights([Right::Token]);
    let hub = for_sdks(&wechat).client(refresher).client(other);
    let server = serve(hub.app_on_demand("wxother", super::support::cache(&wechat)));
    for (query, errcode) in [
        (String::new(), 40002),
        (format!("appid={APP}&secret={TOKEN_SECRET}"), 40002),
        (format!("grant_type=x&appid={APP}&secret={TOKEN_SECRET}"), 40002),
        (format!("grant_type=client_credential&secret={TOKEN_SECRET}"), 41002),
        (format!("grant_type=client_credential&appid=&secret={TOKEN_SECRET}"), 41002),
        (format!("grant_type=client_credential&appid={APP}"), 41004),
        (format!("grant_type=client_credential&appid={APP}&secret="), 41004),
        (format!("grant_type=client_credential&appid={APP}&secret={}", FakeWeChat::APP_SECRET), 40001),
        (format!("grant_type=client_credential&appid=wxnone&secret={TOKEN_SECRET}"), 40013),
        (format!("grant_type=client_credential&appid=wxother&secret={TOKEN_SECRET}"), 40013),
        (format!("grant_type=client_credential&appid={APP}&secret=other"), 40013),
        (format!("grant_type=client_credential&appid={APP}&secret=refresher"), 48001),
        (format!("grant_type=client_credential&appid={APP}&appid={APP}&secret={TOKEN_SECRET}"), 40097),
    ] {
        get(&server, &format!("/cgi-bin/token?{query}")).await.is_refused(errcode);
    }
    for (body, errcode) in [
        ("", 47001),
        ("[]", 47001),
        ("{}", 40002),
        ("{\"grant_type\":1}", 47001),
        ("{\"grant_type\":\"client_credential\",\"appid\":\"wx0123456789abcdef\"}", 41004),
    ] {
        post(&server, "/cgi-bin/stable_token", body).await.is_refused(errcode);
    }
    get(&server, "/cgi-bin/stable_token").await.is_refused(43002);
    get(&server, "/cgi-bin/gettoken").await.is_refused(41002);
    post(&server, "/cgi-bin/stable_token", &" ".repeat(70_000)).await.is_refused(45002);
    assert_eq!(wechat.token_requests(), 0, "no such question costs anything");
}

#[tokio::test]
async fn an_app_that_is_not_the_clients_looks_like_one_that_is_not_there() {
    let wechat = FakeWeChat::start().await;
    let hub = for_sdks(&wechat).app_on_demand("wxother", super::support::cache(&wechat));
    let server = serve(hub);
    let ask = async |app| {
        get(
            &server,
            &format!("/cgi-bin/token?grant_type=client_credential&appid={app}&secret={TOKEN_SECRET}"),
        )
        .await
        .body
    };
    assert_eq!(ask("wxother").await, ask("wxnone").await);
}

#[tokio::test]
async fn a_client_over_its_rate_is_told_when_to_come_again() {
    let wechat = FakeWeChat::start().await;
    let slow = NonZeroU32::new(1).unwrap();
    let hub = Hub::builder().app_on_demand(APP, super::support::cache(&wechat));
    let server = serve(hub.client(holder().rate(slow)).client(proxy()));
    let mut refused = None;
    for _ in 0..20 {
        let answer = classic(&server, TOKEN_SECRET).await;
        if answer.json().get("errcode").is_some() {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("one a second is not twenty at once");
    assert_eq!(refused.is_refused(45009).header("retry-after"), Some("1"));
    assert!(classic(&server, PROXY_SECRET).await.token().len() > 20, "it is the other client's limit");
}

#[tokio::test]
async fn whoever_can_open_the_socket_needs_no_secret_if_the_configuration_says_so() {
    let wechat = FakeWeChat::start().await;
    let folder = Folder::new();
    let hub = for_sdks(&wechat).unix_client("holder").build().unwrap();
    let _server = hub.serve_unix(folder.path().join("s")).unwrap();
    let ask = |query: &str| {
        format!("GET /cgi-bin/token?grant_type=client_credential&{query} HTTP/1.1\r\nhost: hub\r\n\r\n")
    };
    let path = folder.path().join("s");
    assert!(wechat.accepts(&unix(&path, ask(&format!("appid={APP}"))).await.unwrap().token()));
    unix(&path, ask(&format!("appid={APP}&secret=wrong"))).await.unwrap().is_refused(40001);
}
