//! Holding, waiting, latency, and the life of the server itself.

use tokio::net::TcpStream;

use super::*;
use crate::clock::Clock;

#[tokio::test]
async fn held_calls_are_counted_and_wait() {
    let fake = FakeWeChat::start().await;
    let hold = fake.hold_tokens();
    let second = fake.hold_tokens();
    let url = (classic_url(), classic_url());
    let calls = async { tokio::join!(fake.get(&url.0), fake.get(&url.1)) };
    tokio::pin!(calls);
    tokio::select! {
        _ = &mut calls => panic!("answered while held"),
        () = fake.wait_for_token_requests(2) => {}
    }
    assert_eq!((fake.token_requests(), fake.mints()), (2, 0));
    hold.release();
    fake.get("/x").await;
    assert_eq!(fake.mints(), 0, "one hold is left");
    drop(second);
    calls.await;
    assert_eq!(fake.mints(), 2);
    fake.classic().await;
}

#[tokio::test]
async fn a_token_that_dies_while_its_call_is_held_is_rejected() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    let hold = fake.hold_apis();
    let call = fake.call(&token);
    tokio::pin!(call);
    tokio::select! {
        _ = &mut call => panic!("answered while held"),
        () = fake.wait_for_api_requests(1) => {}
    }
    fake.revoke();
    drop(hold);
    assert_eq!(call.await, 40001);
    assert_eq!(fake.seen()[0].generation, Some(1));
}

#[tokio::test]
async fn everything_may_lie_below_a_prefix() {
    let fake = FakeWeChat::builder().prefix("/wx/").start().await;
    assert!(fake.url().ends_with("/wx"));
    let token = fake.stable().await.text;
    let got = fake.get(&format!("/cgi-bin/x?b=1&access_token={token}")).await;
    assert_eq!(got.json()["path"], "/cgi-bin/x");
    assert_eq!(fake.seen()[0].query, "b=1&access_token=***");
    let outside = fake.get(&format!("y/cgi-bin/x?access_token={token}")).await;
    assert_eq!(outside.status, StatusCode::NOT_FOUND);
    assert_eq!((fake.api_requests(), fake.token_requests()), (1, 1));
}

#[tokio::test]
async fn reject_all_needs_no_dead_token() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    fake.reject_all(Some(40001));
    assert_eq!(fake.call(&token).await, 40001);
    assert_eq!(fake.stable().await.text, token);
    fake.reject_all(None);
    assert_eq!(fake.call(&token).await, 0);
}

#[tokio::test(start_paused = true)]
async fn latency_is_tokios_time() {
    let fake = FakeWeChat::builder().token_latency(secs(3)).api_latency(secs(5)).start().await;
    let clock = Clock::start();
    let ran = || clock.now().as_secs();
    fake.classic().await;
    assert_eq!(ran(), 3);
    fake.get("/x").await;
    assert_eq!(ran(), 8);
    fake.set_token_latency(Duration::ZERO);
    fake.set_api_latency(secs(60));
    fake.classic().await;
    assert_eq!(ran(), 8);
    fake.get("/x").await;
    assert_eq!(ran(), 68);
}

#[tokio::test(start_paused = true)]
async fn tokens_age_with_tokios_time() {
    let fake = FakeWeChat::builder().token_life(secs(600)).start().await;
    let token = fake.wecom().await;
    assert_eq!(token.expires_in, 600);
    tokio::time::advance(secs(599)).await;
    assert_eq!(fake.call(&token.text).await, 0);
    tokio::time::advance(secs(1)).await;
    assert_eq!(fake.call(&token.text).await, 42001);
}

#[tokio::test]
async fn a_thousand_callers_at_once() {
    // Both ends of each connection are open here; a shell often allows 1024 files.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let allowed = open_files.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    let callers = if allowed.is_some_and(|allowed| allowed > 2_500) { 1_000 } else { 400 };

    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    let hold = fake.hold_apis();
    let calls = futures_util::future::join_all((0..callers).map(|_| fake.call(&token)));
    tokio::pin!(calls);
    tokio::select! {
        _ = &mut calls => panic!("answered while held"),
        () = fake.wait_for_api_requests(callers as u64) => {}
    }
    drop(hold);
    assert_eq!(calls.await, vec![0; callers]);
}

#[tokio::test]
async fn the_last_handle_takes_the_server_with_it() {
    let fake = FakeWeChat::start().await;
    let (url, other) = (fake.url(), fake.clone());
    let address = url["http://".len()..].to_owned();
    drop(fake);
    assert_eq!(other.get("/x").await.errcode(), 41001);

    other.fail_apis(Fault::Hang);
    let hanging = tokio::spawn({
        let request = Request::get(format!("{url}/x")).body(Full::default()).unwrap();
        client().request(request)
    });
    other.wait_for_api_requests(2).await;
    drop(other);
    hanging.await.unwrap().expect_err("its connection has ended");
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn it_goes_where_its_runtime_goes() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let fake = first.block_on(FakeWeChat::start());
    let address = fake.url()["http://".len()..].to_owned();
    drop(first);
    runtime().block_on(TcpStream::connect(address)).expect_err("nobody listens");
    assert_eq!(fake.mints(), 0, "the handle is still good for questions");
}

/// Handles and what they return go into spawned tasks.
#[test]
fn everything_is_send() {
    fn sent<T: Send>(_: impl FnOnce(FakeWeChat) -> T) {}
    sent(|fake| async move { fake.wait_for_api_requests(0).await });
    sent(|fake| fake.hold_apis());
    sent(|_| FakeWeChat::start());
}
