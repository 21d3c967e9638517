//! `GET /v1/apps/{app}/token`.

use std::time::Duration;

use fake_wechat::{FakeWeChat, Fault};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use wechat_hub::{Client, Hub};

use super::support::{APP, SECRET, all, answer, cache, eventually, hub, limits, request, tcp, token};

#[tokio::test]
async fn the_present_token_is_told_as_documented() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let first = token(&server, "").await;
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let told = first.json();
    let mut fields: Vec<_> = told.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["access_token", "expires_in", "generation", "platform"]);
    assert_eq!(told["platform"], "wechat");
    assert!((7190..=7200).contains(&told["expires_in"].as_u64().unwrap()), "{told}");
    assert!(first.generation() > 0);
    assert_eq!(token(&server, "").await.token(), first.token());
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn a_thousand_callers_of_a_cold_hub_share_one_mint() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let answers = futures_util::future::join_all((0..1000).map(|_| token(&server, ""))).await;
    assert!(answers.iter().all(|answer| answer.token() == answers[0].token()));
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn a_life_that_no_token_has_is_a_wrong_question_and_costs_nothing() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    assert_eq!(token(&server, "?min_ttl=600").await.status, 200);
    assert!(token(&server, "?min_ttl=100000").await.is_problem(422).body.contains("min_ttl"));
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn questions_that_cannot_be_read_are_refused() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    for query in [
        "?min_ttl=-1",
        "?min_ttl=1.5",
        "?min_ttl=x",
        "?min_ttl=",
        "?newer_than=a",
        "?wait=1&wait=2",
        "?newer_than=18446744073709551616",
        "?wait=%31%",
        "?newer_than=1&newer_than=1",
    ] {
        let answer = token(&server, query).await;
        if query != "?wait=%31%" {
            answer.is_problem(400);
        }
        assert!(answer.status == 400, "{query}: {answer:?}");
    }
    assert_eq!(token(&server, "?unknown=1&min_ttl=0&wait=0").await.status, 200);
}

#[tokio::test]
async fn nothing_newer_is_204_at_once_or_when_the_wait_is_over() {
    let wechat = FakeWeChat::start().await;
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.generation();
    for query in [
        format!("?newer_than={present}"),
        format!("?newer_than={present}&wait=1"),
        "?newer_than=9999999999999999".into(),
    ] {
        let answer = token(&server, &query).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{query}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(token(&server, "?newer_than=0&wait=60").await.generation(), present);
}

#[tokio::test]
async fn whoever_waits_has_the_next_token_as_soon_as_it_is_there() {
    let wechat = FakeWeChat::start().await;
    let cache = cache(&wechat);
    let hub = Hub::builder().app_on_demand(APP, cache.clone()).client(all()).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let first = token(&server, "").await;
    let query = format!("?newer_than={}&wait=60", first.generation());
    let waiting = async { token(&server, &query).await };
    let renewing = async {
        eventually(|| hub.load().long_polls == 1).await;
        wechat.revoke();
        cache.refresh(&cache.current().unwrap()).await.unwrap()
    };
    let (next, minted) = tokio::join!(waiting, renewing);
    assert_eq!(next.token(), minted.as_str());
    assert_ne!(next.token(), first.token());
    assert_eq!(hub.load().long_polls, 0);
}

#[tokio::test]
async fn long_polls_are_limited_for_each_client_and_given_back() {
    let wechat = FakeWeChat::start().await;
    let limits = limits(|limits| limits.long_polls_per_client = 2);
    let other = Client::new("other", "other").apps([APP]).rights(["token"]);
    let hub = hub(&wechat).client(other).limits(limits).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.generation();
    let path = format!("/v1/apps/{APP}/token?newer_than={present}&wait=60");
    let mut polls = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
        stream.write_all(request("GET", &path, SECRET, "").as_bytes()).await.unwrap();
        polls.push(stream);
    }
    eventually(|| hub.load().long_polls == 2).await;
    let refused = token(&server, &format!("?newer_than={present}&wait=60")).await;
    assert_eq!(refused.is_problem(429).header("retry-after"), Some("1"));
    assert_eq!(token(&server, "").await.status, 200, "no long poll");
    let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
    stream.write_all(request("GET", &path, "other", "").as_bytes()).await.unwrap();
    eventually(|| hub.load().long_polls == 3).await;
    // A client that goes away gives back its leave to wait.
    polls.pop();
    eventually(|| hub.load().long_polls == 2).await;
}

#[tokio::test]
async fn a_failure_is_told_with_the_platforms_own_code_and_when_to_come_again() {
    let wechat = FakeWeChat::start().await;
    wechat.fail_next_tokens(1, Fault::Errcode(40164));
    let server = hub(&wechat).build().unwrap().serve_tcp("127.0.0.1:0").unwrap();
    let refused = token(&server, "").await;
    let problem = refused.is_problem(503).json();
    assert_eq!(problem["errcode"], json!(40164), "{problem}");
    assert!(problem["rid"].is_string(), "{problem}");
    let again = token(&server, "").await;
    again.is_problem(503);
    assert!(again.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(again.json()["retry_after"].to_string(), again.header("retry-after").unwrap());
}

/// Asks over a connection of its own, which waits.
async fn waiting(server: &wechat_hub::Server, path: &str, secret: &str) -> TcpStream {
    let mut stream = TcpStream::connect(tcp(server)).await.unwrap();
    stream.write_all(request("GET", path, secret, "").as_bytes()).await.unwrap();
    stream
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_client_that_is_revoked_while_it_waits_gets_nothing_and_is_told_at_once() {
    let wechat = FakeWeChat::start().await;
    let cache = cache(&wechat);
    let builder = || Hub::builder().app_on_demand(APP, cache.clone()).client(all());
    let other = || Client::new("other", "other").apps([APP]);
    let hub = builder().client(other().rights(["token"])).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.generation();
    let path = format!("/v1/apps/{APP}/token?newer_than={present}&wait=60");
    for (after, status) in [
        (builder().client(other().rights(["proxy"])), 403),
        (builder(), 401),
        (builder().client(Client::new("other", "another").apps([APP]).rights(["token"])), 401),
    ] {
        hub.reconfigure(builder().client(other().rights(["token"]))).unwrap();
        let mut stream = waiting(&server, &path, "other").await;
        eventually(|| hub.load().long_polls == 1).await;
        hub.reconfigure(after).unwrap();
        timeout(SOON, answer(&mut stream)).await.unwrap().unwrap().is_problem(status);
    }
    assert_eq!(hub.load().long_polls, 0);
}

#[tokio::test]
async fn a_client_that_is_revoked_while_its_token_is_minted_does_not_get_it() {
    let wechat = FakeWeChat::start().await;
    let cache = cache(&wechat);
    let builder = || Hub::builder().app_on_demand(APP, cache.clone()).client(all());
    let other = Client::new("other", "other").apps([APP]).rights(["token"]);
    let hub = builder().client(other).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let hold = wechat.hold_tokens();
    let mut stream = waiting(&server, &format!("/v1/apps/{APP}/token"), "other").await;
    wechat.wait_for_token_requests(1).await;
    hub.reconfigure(builder()).unwrap();
    drop(hold);
    timeout(SOON, answer(&mut stream)).await.unwrap().unwrap().is_problem(401);
    assert_eq!(token(&server, "").await.status, 200);
}

#[tokio::test]
async fn who_waits_while_an_app_is_replaced_hears_of_the_next_token_of_the_new_one() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let present = token(&server, "").await.generation();
    let mut stream =
        waiting(&server, &format!("/v1/apps/{APP}/token?newer_than={present}&wait=60"), SECRET).await;
    eventually(|| hub.load().long_polls == 1).await;
    let next = cache(&wechat);
    hub.reconfigure(Hub::builder().app_on_demand(APP, next.clone()).client(all())).unwrap();
    assert_eq!(hub.load().long_polls, 1, "it waits on");
    next.token().await.unwrap();
    wechat.revoke();
    let minted = next.refresh(&next.current().unwrap()).await.unwrap();
    let told = timeout(SOON, answer(&mut stream)).await.unwrap().unwrap();
    assert_eq!(told.token(), minted.as_str());
}
