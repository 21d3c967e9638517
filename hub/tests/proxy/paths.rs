//! Which paths a client may call, however they are spelt.

use fake_wechat::FakeWeChat;
use wechat_hub::{Client, Hub, Right};

use super::support::{APP, cache, classic, get, post, serve};

#[tokio::test]
async fn a_client_reaches_what_it_was_given_and_nothing_around_it() {
    let wechat = FakeWeChat::start().await;
    let agent = Client::new("agent", "agent")
        .apps([APP])
        .rights([Right::Proxy])
        .paths(["/cgi-bin/message/**", "/cgi-bin/user/info"]);
    let server = serve(Hub::builder().app_on_demand(APP, cache(&wechat)).client(agent));
    let pass = classic(&server, "agent").await.token();
    let call = async |path: &str| get(&server, &format!("{path}?access_token={pass}")).await;
    assert_eq!(call("/cgi-bin/user/info").await.header("x-wechat-hub"), Some("forwarded"));
    post(&server, &format!("/cgi-bin/message/custom/send?access_token={pass}"), "{}").await.is_success();
    assert_eq!(wechat.api_requests(), 2);
    for path in [
        "/cgi-bin/user/get",
        "/cgi-bin/message",
        "/cgi-bin/user/info/",
        "/cgi-bin/user/info/x",
        "/CGI-BIN/user/info",
    ] {
        assert_eq!(call(path).await.is_refused(48001).status, 403, "{path}");
    }
    for path in [
        "/cgi-bin/message/../user/get",
        "/cgi-bin/message/%2e%2e/user/get",
        "/cgi-bin/message/..%2fuser/get",
        "/cgi-bin/message/..%5cuser/get",
        "/cgi-bin/message/.%2e/user/get",
        "/cgi-bin/message/%252e%252e/user/get",
        "/cgi-bin/message%2f..%2fuser%2fget",
        "/cgi-bin/message/..;/user/get",
        "/cgi-bin/message//custom/send",
        "//cgi-bin/message/custom/send",
        "/./cgi-bin/message/custom/send",
        "/cgi-bin/message/cust%6fm/send",
        "/cgi-bin\\message/custom/send",
        "/cgi-bin/message/custom/send;x",
    ] {
        assert_eq!(call(path).await.is_refused(40066).status, 400, "{path}");
    }
    assert_eq!(wechat.api_requests(), 2, "none of that was forwarded");
}

#[tokio::test]
async fn a_token_endpoint_is_forwarded_in_no_spelling() {
    let wechat = FakeWeChat::start().await;
    let hub =
        Hub::builder().app_on_demand(APP, cache(&wechat)).app_secret(APP, || FakeWeChat::APP_SECRET.into());
    let server = serve(hub.client(super::support::proxy()));
    let question =
        format!("grant_type=client_credential&appid={APP}&secret={}", super::support::PROXY_SECRET);
    for path in
        ["/cgi-bin/Token", "/CGI-BIN/token", "/cgi-bin/token/", "/cgi-bin/stable_token/", "/cgi-bin/GetToken"]
    {
        get(&server, &format!("{path}?{question}")).await.is_refused(40066);
    }
    for path in
        ["//cgi-bin/token", "/cgi-bin//token", "/cgi-bin/%74oken", "/cgi-bin/x/../token", "/cgi-bin/./token"]
    {
        get(&server, &format!("{path}?{question}")).await.is_refused(40066);
    }
    get(&server, &format!("/cgi-bin/token/x?{question}")).await.is_refused(40097);
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (0, 0));
}

#[tokio::test]
async fn a_path_that_can_be_none_is_an_error_when_the_hub_is_built() {
    let wechat = FakeWeChat::start().await;
    let client = || Client::new("agent", "agent").apps([APP]).rights([Right::Proxy]);
    for path in ["cgi-bin/**", "/cgi-bin/../x", "/cgi-bin/**/x", "/cgi-bin/mess*", ""] {
        let hub = Hub::builder().app_on_demand(APP, cache(&wechat)).client(client().paths([path]));
        let error = hub.build().expect_err(path).to_string();
        assert!(error.contains("agent") && error.contains("write it like"), "{error}");
    }
}
