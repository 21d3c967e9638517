//! What goes wrong when told to.

use std::io;

use super::*;

/// What a client says about a connection that broke.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind)
}

async fn failure(fake: &FakeWeChat, path: &str) -> Box<dyn std::error::Error + Send + Sync> {
    match fake.try_send(Method::GET, path, "").await {
        Ok(got) => panic!("answered {}", got.status),
        Err(error) => error,
    }
}

#[tokio::test]
async fn faults_that_answer_mint_nothing() {
    let fake = FakeWeChat::start().await;
    fake.fail_next_tokens(1, Fault::Busy);
    assert_eq!(fake.get(&classic_url()).await.errcode(), -1);
    fake.fail_next_tokens(1, Fault::Errcode(45011));
    assert_eq!(fake.get(&classic_url()).await.errcode(), 45011);
    fake.fail_next_tokens(1, Fault::Http(502));
    let got = fake.get(&classic_url()).await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::BAD_GATEWAY, "text/html"));
    fake.fail_next_tokens(1, Fault::Garbage);
    let got = fake.get(&classic_url()).await;
    assert!(got.status == StatusCode::OK && got.body.starts_with(b"<html>"));
    fake.fail_next_tokens(1, Fault::Empty);
    let got = fake.get(&classic_url()).await;
    assert_eq!((got.header("content-type"), got.body.len()), ("text/html; charset=gbk", 0));
    fake.fail_next_tokens(1, Fault::Answer(Answer::json(r#"{"access_token":null}"#)));
    assert_eq!(fake.get(&classic_url()).await.json(), json!({ "access_token": null }));
    assert_eq!((fake.mints(), fake.token_requests()), (0, 6));
    fake.classic().await;
}

#[tokio::test]
async fn connections_break_in_three_ways() {
    let fake = FakeWeChat::start().await;
    fake.fail_next_tokens(1, Fault::Reset);
    let error = failure(&fake, &classic_url()).await;
    assert_eq!(kind_of(&*error), Some(io::ErrorKind::ConnectionReset), "{error:?}");
    assert_eq!(fake.mints(), 0);

    fake.fail_next_tokens(1, Fault::Lost);
    let error = failure(&fake, &classic_url()).await;
    assert_eq!(kind_of(&*error), None, "ended in good order: {error:?}");
    assert_eq!(fake.mints(), 1);

    fake.fail_next_tokens(1, Fault::CutOff);
    let request = Request::get(fake.url() + &classic_url()).body(Full::default()).unwrap();
    let answer = client().request(request).await.expect("the head arrives");
    let announced: usize = answer.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let mut body = answer.into_body();
    let half = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(half.len(), announced / 2);
    body.frame().await.unwrap().unwrap_err();
    assert_eq!(fake.mints(), 2);
}

#[tokio::test]
async fn a_slow_answer_comes_in_pieces() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    for (path, len) in [("/cgi-bin/media/get", 40), ("/cgi-bin/mine", 33)] {
        fake.set_answer("/cgi-bin/mine", Answer::json("x".repeat(33)));
        fake.fail_next_apis(1, Fault::Slow(Duration::from_millis(2)));
        let url = format!("{}{path}?size=40&access_token={token}", fake.url());
        let request = Request::get(url).body(Full::default()).unwrap();
        let answer = client().request(request).await.unwrap();
        assert_eq!(answer.headers()["content-length"], len.to_string());
        let (mut body, mut sizes) = (answer.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            sizes.push(frame.unwrap().into_data().unwrap().len());
        }
        assert_eq!(sizes, [16, 16, len - 32], "{path}");
    }
    fake.fail_next_apis(1, Fault::Slow(secs(3600)));
    let head = Request::get(format!("{}/x?access_token={token}", fake.url())).body(Full::default()).unwrap();
    let mut body = client().request(head).await.expect("the head is there at once").into_body();
    tokio::time::timeout(Duration::from_millis(20), body.frame()).await.expect_err("nothing more is");
}

#[tokio::test]
async fn a_hang_lasts_until_the_client_gives_up() {
    let fake = FakeWeChat::start().await;
    fake.fail_next_apis(1, Fault::Hang);
    tokio::select! {
        _ = fake.get("/cgi-bin/any") => panic!("answered"),
        () = fake.wait_for_api_requests(1) => {}
    }
    assert_eq!(fake.seen()[0].status, None);
    assert_eq!(fake.get("/cgi-bin/any").await.errcode(), 41001);
}

#[tokio::test]
async fn odd_lives_and_texts() {
    let fake = FakeWeChat::start().await;
    for life in [0, -1, 315_360_000] {
        fake.fail_next_tokens(1, Fault::ExpiresIn(life));
        let token = fake.classic().await;
        assert_eq!(token.expires_in, life);
        assert!(fake.accepts(&token.text));
    }
    let before = fake.stable().await;
    fake.fail_next_tokens(1, Fault::Token("a+b %/#&=é".to_owned()));
    let odd = fake.stable().await;
    assert_eq!(odd.text, "a+b %/#&=é");
    assert_eq!(fake.call("a%2Bb%20%25%2F%23%26%3D%C3%A9").await, 0);
    assert_eq!(fake.call("a+b%20%25%2F%23%26%3D%C3%A9").await, 40014, "a bare plus is a space");
    assert_eq!(fake.call(&before.text).await, 0, "within the overlap");
    assert_eq!(fake.stable().await.text, odd.text);
    assert_eq!(fake.mints(), 5);
}

#[tokio::test]
async fn api_faults_strike_good_tokens_too() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    fake.fail_next_apis(2, Fault::Errcode(40001));
    assert_eq!((fake.call(&token).await, fake.call(&token).await), (40001, 40001));
    assert_eq!(fake.call(&token).await, 0, "the sporadic 40001 that users report");
    fake.fail_next_apis(1, Fault::Lost);
    let path = format!("/cgi-bin/any?access_token={token}");
    failure(&fake, &path).await;
    assert_eq!(fake.seen().last().unwrap().status, None);
    fake.fail_next_apis(1, Fault::CutOff);
    failure(&fake, &path).await;
    fake.fail_next_apis(1, Fault::CutOff);
    failure(&fake, &format!("/cgi-bin/media/get?size=300000&access_token={token}")).await;
    fake.set_answer("/cgi-bin/any", Answer::json("0123456789").byte_by_byte().unsized_body());
    fake.fail_next_apis(1, Fault::CutOff);
    failure(&fake, &path).await;
    fake.set_answer("/cgi-bin/any", Answer::json(r#"{"errcode":0}"#));
    fake.fail_next_apis(1, Fault::ExpiresIn(0));
    assert_eq!(fake.call(&token).await, 0, "no fault for an API");
}

#[tokio::test]
async fn faults_last_until_healed() {
    let fake = FakeWeChat::start().await;
    fake.fail_tokens(Fault::Busy);
    fake.fail_apis(Fault::Http(503));
    fake.reject_all(Some(42001));
    fake.fail_next_tokens(1, Fault::Errcode(45009));
    assert_eq!(fake.get(&classic_url()).await.errcode(), 45009, "next comes first");
    for _ in 0..3 {
        assert_eq!(fake.get(&classic_url()).await.errcode(), -1);
    }
    assert_eq!(fake.get("/x").await.status, StatusCode::SERVICE_UNAVAILABLE);
    fake.heal();
    let token = fake.classic().await.text;
    assert_eq!(fake.call(&token).await, 0);
}

/// Or else its connection ends under a client that is still sending, and the answer may be missed.
#[tokio::test]
async fn a_fault_that_answers_takes_the_whole_request_first() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    let body = "x".repeat(10 << 20);
    for _ in 0..5 {
        fake.fail_next_apis(1, Fault::Errcode(40009));
        let path = format!("/cgi-bin/media/upload?access_token={token}");
        assert_eq!(fake.post_as(&path, "text/plain", body.clone()).await.errcode(), 40009);
        assert_eq!(fake.seen().pop().unwrap().body_len, 10 << 20);
    }
}
