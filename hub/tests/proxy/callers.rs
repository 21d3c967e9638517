//! Who may call: what is shown, and where.

use std::time::Duration;

use fake_wechat::FakeWeChat;
use wechat_hub::{Client, Hub, PassKey, Right};

use super::support::{
    APP, Answer, Folder, PROXY_SECRET, SECRET, TOKEN_SECRET, all, cache, classic, for_sdks, get, holder,
    proxy, raw, serve, unix,
};

const PATH: &str = "/cgi-bin/user/get";

/// Calls with these lines in the head.
async fn with_head(server: &wechat_hub::Server, target: &str, lines: &str) -> Answer {
    raw(server, format!("GET {target} HTTP/1.1\r\nhost: hub\r\n{lines}\r\n")).await.unwrap()
}

#[tokio::test]
async fn a_pass_counts_in_the_query_and_as_a_bearer() {
    let wechat = FakeWeChat::start().await;
    let server = serve(for_sdks(&wechat));
    let pass = classic(&server, PROXY_SECRET).await.token();
    for target in [
        format!("{PATH}?access_token={pass}"),
        format!("{PATH}?next_openid=&access_token={pass}"),
        format!("{PATH}?access%5Ftoken={pass}&next_openid="),
    ] {
        let answer = get(&server, &target).await;
        assert_eq!(answer.is_success().header("x-wechat-hub"), Some("forwarded"));
        assert!(answer.body.contains("oFollower"), "{answer:?}");
    }
    with_head(&server, PATH, &format!("authorization: Bearer {pass}\r\nx-wechat-app: {APP}\r\n"))
        .await
        .is_success();
    with_head(&server, PATH, &format!("authorization: bearer {pass}\r\n")).await.is_success();
    let seen = wechat.seen();
    assert_eq!(seen.len(), 5);
    for seen in seen {
        assert!(!seen.query.contains(&pass), "{seen:?}");
        assert!(seen.headers.get("authorization").is_none() && seen.headers.get("x-wechat-app").is_none());
    }
}

#[tokio::test]
async fn a_clients_secret_counts_as_a_bearer() {
    let wechat = FakeWeChat::start().await;
    let two = Client::new("two", "two").apps([APP, "wxother"]).rights([Right::Proxy]);
    let server = serve(for_sdks(&wechat).app_on_demand("wxother", cache(&wechat)).client(two));
    let bearer = |secret: &str| format!("authorization: Bearer {secret}\r\n");
    let app = |app: &str| format!("x-wechat-app: {app}\r\n");
    with_head(&server, PATH, &(bearer(PROXY_SECRET) + &app(APP))).await.is_success();
    // It has only one.
    with_head(&server, PATH, &bearer(PROXY_SECRET)).await.is_success();
    with_head(&server, PATH, &(bearer("two") + &app("wxother"))).await.is_success();
    with_head(&server, PATH, &bearer("two")).await.is_refused(41002);
    with_head(&server, PATH, &(bearer("two") + &app("wxnone"))).await.is_refused(40013);
    with_head(&server, PATH, &(bearer(PROXY_SECRET) + &app("wxother"))).await.is_refused(40013);
    with_head(&server, PATH, &(bearer("nobody") + &app(APP))).await.is_refused(40001);
    with_head(&server, PATH, &(bearer(TOKEN_SECRET) + &app(APP))).await.is_refused(48001);
    with_head(&server, PATH, "authorization: Basic YTpi\r\n").await.is_refused(40001);
    assert_eq!(wechat.api_requests(), 3);
}

#[tokio::test]
async fn on_a_unix_socket_with_a_client_of_its_own_nothing_needs_to_be_shown() {
    let wechat = FakeWeChat::start().await;
    let folder = Folder::new();
    let hub = for_sdks(&wechat).unix_client("proxy").build().unwrap();
    let _unix = hub.serve_unix(folder.path().join("s")).unwrap();
    let tcp = hub.serve_tcp("127.0.0.1:0").unwrap();
    let call = format!("GET {PATH} HTTP/1.1\r\nhost: hub\r\n\r\n");
    unix(&folder.path().join("s"), &call).await.unwrap().is_success();
    raw(&tcp, &call).await.unwrap().is_refused(41001);
    assert_eq!(wechat.api_requests(), 1);
}

#[tokio::test]
async fn the_real_token_counts_like_a_pass_for_who_has_both_rights() {
    let wechat = FakeWeChat::start().await;
    let server = serve(Hub::builder().app_on_demand(APP, cache(&wechat)).client(all()).client(holder()));
    let old = classic(&server, SECRET).await.token();
    get(&server, &format!("{PATH}?access_token={old}")).await.is_success();
    wechat.revoke();
    let healed = get(&server, &format!("{PATH}?access_token={old}")).await;
    assert_eq!(healed.is_success().header("x-wechat-hub"), Some("replayed; errcode=40001"));
    let new = classic(&server, SECRET).await.token();
    assert_ne!(old, new);
    // The one before is known, too.
    for token in [&old, &new] {
        get(&server, &format!("{PATH}?access_token={token}")).await.is_success();
    }
    let nobody = serve(for_sdks(&wechat));
    let token = classic(&nobody, TOKEN_SECRET).await.token();
    get(&nobody, &format!("{PATH}?access_token={token}")).await.is_refused(48001);
}

#[tokio::test]
async fn what_is_no_pass_of_this_hubs_is_answered_as_an_expired_token() {
    let wechat = FakeWeChat::start().await;
    let key = || PassKey::from_bytes(&[7; 32]).unwrap();
    let hub = for_sdks(&wechat).pass_key(key()).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let another = serve(for_sdks(&wechat));
    let good = classic(&server, PROXY_SECRET).await.token();
    let foreign = classic(&another, PROXY_SECRET).await.token();
    let mut bad =
        vec![foreign, String::new(), "ACCESS_TOKEN".to_owned(), "wxhub_".to_owned(), "a".repeat(3000)];
    // Any byte of a good one.
    for at in 0..good.len() {
        let other = if good.as_bytes()[at] == b'A' { 'B' } else { 'A' };
        bad.push(format!("{}{other}{}", &good[..at], &good[at + 1..]));
    }
    for pass in bad {
        get(&server, &format!("{PATH}?access_token={pass}")).await.is_refused(42001);
    }
    assert_eq!(wechat.api_requests(), 0, "nothing of that was forwarded");
    get(&server, &format!("{PATH}?access_token={good}")).await.is_success();

    // Another hub with the same key takes it; for another app it is none.
    let same = serve(for_sdks(&wechat).pass_key(key()));
    get(&same, &format!("{PATH}?access_token={good}")).await.is_success();
    let lines = format!("authorization: Bearer {good}\r\nx-wechat-app: wxother\r\n");
    with_head(&server, PATH, &lines).await.is_refused(42001);
}

#[tokio::test]
async fn a_client_that_is_gone_or_has_another_secret_or_right_has_no_passes() {
    let wechat = FakeWeChat::start().await;
    let hub = for_sdks(&wechat).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let pass = classic(&server, PROXY_SECRET).await.token();
    let call = format!("{PATH}?access_token={pass}");
    let with = |client: Client| Hub::builder().app_on_demand(APP, cache(&wechat)).client(client);
    for (hub_is, errcode) in [
        (with(holder()), Some(42001)),
        (with(Client::new("proxy", "another").apps([APP]).rights([Right::Proxy])), Some(42001)),
        (with(Client::new("proxy", PROXY_SECRET).apps([APP]).rights([Right::Token])), Some(48001)),
        (with(proxy()), None),
    ] {
        hub.reconfigure(hub_is).unwrap();
        let answer = get(&server, &call).await;
        match errcode {
            Some(errcode) => answer.is_refused(errcode),
            None => answer.is_success(),
        };
    }
}

#[tokio::test]
async fn a_call_is_one_of_the_clients_rate() {
    let wechat = FakeWeChat::start().await;
    let slow = proxy().rate(std::num::NonZeroU32::new(2).unwrap());
    let server = serve(Hub::builder().app_on_demand(APP, cache(&wechat)).client(slow));
    let pass = classic(&server, PROXY_SECRET).await.token();
    let mut refused = 0;
    for _ in 0..20 {
        let answer = get(&server, &format!("{PATH}?access_token={pass}")).await;
        if answer.json().get("errcode").is_some() {
            answer.is_refused(45009);
            refused += 1;
        }
    }
    assert!(refused > 10, "{refused}");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    get(&server, &format!("{PATH}?access_token={pass}")).await.is_success();
}

#[tokio::test]
async fn the_token_before_is_known_though_nobody_has_called_with_it_here() {
    let wechat = FakeWeChat::start().await;
    let cache = cache(&wechat);
    let server = serve(Hub::builder().app_on_demand(APP, cache.clone()).client(all()));
    let mut tokens = vec![cache.token().await.unwrap()];
    for _ in 0..2 {
        wechat.revoke();
        tokens.push(cache.refresh(tokens.last().unwrap()).await.unwrap());
    }
    let call = async |at: usize| get(&server, &format!("{PATH}?access_token={}", tokens[at].as_str())).await;
    call(2).await.is_success();
    call(1).await.is_success();
    call(0).await.is_refused(42001);
}
