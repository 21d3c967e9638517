//! Who may ask for what.

use std::num::NonZeroU32;

use fake_wechat::FakeWeChat;
use wechat_hub::{Client, Right, SecretHash};

use super::support::{APP, Answer, SECRET, all, cache, hub, raw, request, token};

async fn ask(server: &wechat_hub::Server, app: &str, secret: &str) -> Answer {
    raw(server, request("GET", &format!("/v1/apps/{app}/token"), secret, "")).await.unwrap()
}

#[tokio::test]
async fn only_a_known_secret_opens_and_its_hash_does_not() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let hash = SecretHash::of(SECRET).to_string();
    for secret in [
        "",
        "wrong",
        &SECRET[1..],
        &SECRET.to_uppercase(),
        &format!("{SECRET}0"),
        &hash,
        FakeWeChat::APP_SECRET,
    ] {
        let refused = ask(&server, APP, secret).await;
        assert!(refused.is_problem(401).header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    let path = format!("/v1/apps/{APP}/token");
    for credential in [
        String::new(),
        format!("authorization: {SECRET}\r\n"),
        format!("authorization: Basic {SECRET}\r\n"),
        format!("authorization: Bearer\t{SECRET}\r\n"),
        format!("x-authorization: Bearer {SECRET}\r\n"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: hub\r\n{credential}\r\n");
        raw(&server, request).await.unwrap().is_problem(401);
    }
    for twice in ["wrong", SECRET] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {SECRET}\r\nauthorization: Bearer {twice}\r\n\r\n"
        );
        raw(&server, request).await.unwrap().is_problem(400);
    }
    // The secret counts in the header only.
    let request = format!(
        "GET {path}?authorization=Bearer%20{SECRET}&access_token={SECRET} HTTP/1.1\r\nhost: hub\r\n\r\n"
    );
    raw(&server, request).await.unwrap().is_problem(401);
    assert_eq!(wechat.token_requests(), 0);
}

#[tokio::test]
async fn an_app_that_is_not_the_clients_looks_like_one_that_is_not_there() {
    let wechat = FakeWeChat::start().await;
    let other = Client::new("other", "other").apps(["wxother"]).rights([Right::Token, Right::Refresh]);
    let hub = hub(&wechat).app_on_demand("wxother", cache(&wechat)).client(other).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let foreign = ask(&server, APP, "other").await;
    let absent = ask(&server, "wxabsent", "other").await;
    assert_eq!(foreign.is_problem(404).body, absent.is_problem(404).body);
    for app in ["..", "%2e%2e", "%00", "%ff", "a%2fb", "wxother%20", "WXOTHER", "wxother%0d%0ax:y"] {
        ask(&server, app, "other").await.is_problem(404);
    }
    assert_eq!(ask(&server, "wxother", "other").await.status, 200);
    assert_eq!(ask(&server, "%77xother", "other").await.status, 200, "the same in another spelling");
}

#[tokio::test]
async fn each_right_is_needed_where_it_is() {
    let wechat = FakeWeChat::start().await;
    let client = |name: &str, rights: &[Right]| Client::new(name, name).apps([APP]).rights(rights.to_vec());
    let hub = hub(&wechat)
        .client(client("token", &[Right::Token]))
        .client(client("refresh", &[Right::Refresh]))
        .client(client("proxy", &[Right::Proxy]))
        .build()
        .unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    for (name, get, post) in
        [("token", 200, 403), ("refresh", 403, 403), ("proxy", 403, 403), (SECRET, 200, 200)]
    {
        assert_eq!(ask(&server, APP, name).await.status, get, "{name}");
        let body = r#"{"rejected": 1}"#;
        let posted =
            raw(&server, request("POST", &format!("/v1/apps/{APP}/refresh"), name, body)).await.unwrap();
        assert_eq!(posted.status, post, "{name}: {posted:?}");
    }
}

#[tokio::test]
async fn a_client_has_its_rate_and_no_other_client_feels_it() {
    let wechat = FakeWeChat::start().await;
    let limited =
        Client::new("limited", "limited").apps([APP]).rights(["token"]).rate(NonZeroU32::new(5).unwrap());
    let server = hub(&wechat).client(limited).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let mut refused = 0;
    for _ in 0..20 {
        let answer = ask(&server, APP, "limited").await;
        if answer.status != 200 {
            assert_eq!(answer.is_problem(429).header("retry-after"), Some("1"));
            refused += 1;
        }
        assert_eq!(token(&server, "").await.status, 200);
    }
    assert!(refused >= 10, "{refused} of 20");
}

#[tokio::test]
async fn other_paths_and_methods_are_not_there() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    for path in [
        "/",
        "/v1",
        "/v1/apps",
        &format!("/v1/apps/{APP}"),
        &format!("/v1/apps/{APP}/token/"),
        &format!("/v1//apps/{APP}/token"),
        &format!("/v1/apps/{APP}/../{APP}/token"),
        &format!("/v1/apps/{APP}/TOKEN"),
        &format!("/v1/apps/{APP}/%74oken"),
        "/v1/apps//token",
    ] {
        raw(&server, request("GET", path, SECRET, "")).await.unwrap().is_problem(404);
    }
    for (method, path, allow) in [
        ("POST", "token", "GET,HEAD"),
        ("DELETE", "token", "GET,HEAD"),
        ("TRACE", "token", "GET,HEAD"),
        ("GET", "refresh", "POST"),
        ("PUT", "refresh", "POST"),
        ("BREW", "refresh", "POST"),
        ("OPTIONS", "refresh", "POST"),
    ] {
        let answer =
            raw(&server, request(method, &format!("/v1/apps/{APP}/{path}"), SECRET, "")).await.unwrap();
        assert_eq!(answer.is_problem(405).header("allow"), Some(allow), "{method}");
    }
    assert_eq!(wechat.token_requests(), 0);
}

#[tokio::test]
async fn odd_requests_are_refused_and_nothing_comes_through() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let path = format!("/v1/apps/{APP}/token");
    let bearer = format!("authorization: Bearer {SECRET}\r\n");
    for (name, request) in [
        ("no host", format!("GET {path} HTTP/1.1\r\n{bearer}\r\n")),
        ("two hosts", format!("GET {path} HTTP/1.1\r\nhost: a\r\nhost: b\r\n{bearer}\r\n")),
        ("a line that is none", format!("GET {path}\r\n{bearer}\r\n")),
        ("a folded header", format!("GET {path} HTTP/1.1\r\nhost: hub\r\nx: a\r\n b\r\n{bearer}\r\n")),
        ("a space before the colon", format!("GET {path} HTTP/1.1\r\nhost : hub\r\n{bearer}\r\n")),
        ("a header of no name", format!("GET {path} HTTP/1.1\r\nhost: hub\r\n: x\r\n{bearer}\r\n")),
        ("a null byte", format!("GET {path} HTTP/1.1\r\nhost: hub\r\nx: a\0b\r\n{bearer}\r\n")),
        (
            "two lengths",
            format!(
                "GET {path} HTTP/1.1\r\nhost: hub\r\ncontent-length: 1\r\ncontent-length: 2\r\n{bearer}\r\n"
            ),
        ),
        ("HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03 hello\r\n\r\n".to_owned()),
        (
            "CONNECT",
            format!("CONNECT api.weixin.qq.com:443 HTTP/1.1\r\nhost: api.weixin.qq.com:443\r\n{bearer}\r\n"),
        ),
    ] {
        // Refused, or the connection is closed.
        if let Ok(answer) = raw(&server, request).await {
            assert!((400..500).contains(&answer.status), "{name}: {answer:?}");
        }
    }
    assert_eq!(wechat.token_requests(), 0);
    // A server answers the absolute form as it does the other (RFC 9112, 3.2.2), whatever host it names.
    let absolute =
        format!("GET http://elsewhere.example{path} HTTP/1.1\r\nhost: elsewhere.example\r\n{bearer}\r\n");
    assert_eq!(raw(&server, absolute).await.unwrap().status, 200);
    assert_eq!(wechat.token_requests(), 1, "of the app's own platform");
}

#[tokio::test]
async fn a_configuration_that_contradicts_itself_is_refused_with_the_remedy() {
    let wechat = FakeWeChat::start().await;
    let rights = [Right::Token];
    for (builder, says) in [
        (hub(&wechat).app(APP, cache(&wechat)), "named twice"),
        (hub(&wechat).client(all()), "two of this name"),
        (
            hub(&wechat).client(Client::new("b", SECRET).apps([APP]).rights(rights)),
            "has the secret of client \"all\"",
        ),
        (hub(&wechat).client(Client::new("b", "b").rights(rights)), "it has no `apps`"),
        (hub(&wechat).client(Client::new("b", "b").apps([APP])), "it has no `rights`"),
        (hub(&wechat).client(Client::new("b", "b").apps(["wx1"]).rights(rights)), "not among the hub's apps"),
        (hub(&wechat).client(Client::new("", "b").apps([APP]).rights(rights)), "a name has"),
        (hub(&wechat).client(Client::new("b", "").apps([APP]).rights(rights)), "its secret is empty"),
        (hub(&wechat).client(Client::new("b", "b").apps([APP]).rights(["all"])), "there is no right \"all\""),
        (hub(&wechat).unix_client("nobody"), "not among the clients"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
