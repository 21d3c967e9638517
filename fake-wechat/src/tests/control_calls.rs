//! Control calls, by which a test in another language does what a test in Rust does by methods.

use super::*;

async fn controlled() -> FakeWeChat {
    FakeWeChat::builder().control_calls().start().await
}

async fn order(fake: &FakeWeChat, call: &str) -> Value {
    let got = fake.post(&format!("/_fake/{call}"), "").await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "application/json"), "{call}");
    got.json()
}

async fn counters(fake: &FakeWeChat) -> Value {
    fake.get("/_fake/counters").await.json()
}

#[tokio::test]
async fn they_are_there_only_when_switched_on() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    assert_eq!(fake.post("/_fake/revoke", "").await.errcode(), 41001, "an API like any other");
    assert_eq!(fake.post(&format!("/_fake/revoke?access_token={token}"), "").await.errcode(), 0);
    assert_eq!(fake.get("/_fake/counters").await.errcode(), 41001);
    assert!(fake.accepts(&token));
    assert_eq!(fake.api_requests(), 3);
}

#[tokio::test]
async fn they_end_tokens_and_move_the_clock() {
    let fake = controlled().await;
    let first = fake.stable().await.text;
    order(&fake, "revoke").await;
    assert_eq!(fake.call(&first).await, 40001);
    let (second, corps) = (fake.stable().await.text, fake.wecom().await.text);
    order(&fake, &format!("revoke?app={}", FakeWeChat::CORP_ID)).await;
    assert_eq!((fake.call(&corps).await, fake.call(&second).await), (40014, 0));
    order(&fake, "expire").await;
    assert_eq!(fake.call(&second).await, 42001);
    let third = fake.stable().await.text;
    order(&fake, "revoke_unnoticed").await;
    assert_eq!((fake.call(&third).await, fake.stable().await.text), (40001, third));
    let classic = fake.classic().await.text;
    let theirs = order(&fake, &format!("mint_elsewhere?app={}", FakeWeChat::APP_ID)).await;
    assert_eq!(theirs["token"].as_str().unwrap().len(), 8, "a fingerprint: {theirs}");
    assert_eq!(fake.call(&classic).await, 0);
    order(&fake, "advance?seconds=300").await;
    assert_eq!(fake.call(&classic).await, 40001, "superseded");
}

#[tokio::test]
async fn they_have_calls_fail_until_healed() {
    let fake = controlled().await;
    let token = fake.stable().await.text;
    order(&fake, "fail_next?errcode=40001&times=2").await;
    assert_eq!(
        (fake.call(&token).await, fake.call(&token).await, fake.call(&token).await),
        (40001, 40001, 0)
    );
    order(&fake, "fail_next?errcode=45009&at=tokens").await;
    assert_eq!(fake.get(&classic_url()).await.errcode(), 45009);
    order(&fake, "fail_next?expires_in=1&at=tokens").await;
    assert_eq!(fake.classic().await.expires_in, 1);
    order(&fake, "fail_next?fault=busy&times=0").await;
    assert_eq!(fake.call(&token).await, 0);
    order(&fake, "fail_next?fault=busy").await;
    assert_eq!(fake.call(&token).await, -1);
    order(&fake, "fail_next?fault=reset").await;
    fake.try_send(Method::GET, "/x", "").await.err().expect("no answer");
    order(&fake, &format!("fail_next?errcode=1&times={}", usize::MAX)).await;
    assert_eq!(fake.call(&token).await, 1);
    order(&fake, "heal").await;
    order(&fake, "fail?http=503&at=apis").await;
    for _ in 0..2 {
        assert_eq!(fake.get("/x").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    order(&fake, "heal").await;
    assert_eq!(fake.call(&token).await, 0);
    order(&fake, "latency?at=apis&milliseconds=50").await;
    let answered = tokio::time::timeout(Duration::from_millis(40), fake.call(&token)).await;
    answered.unwrap_err();
}

#[tokio::test]
async fn they_have_calls_fail_with_what_they_bring() {
    let fake = controlled().await;
    let token = fake.stable().await.text;
    let order = "/_fake/fail_next?fault=answer&status=203&times=2";
    let got = fake.post_as(order, "text/plain", r#"{"errcode":"42001"}"#).await;
    assert_eq!(got.status, StatusCode::OK);
    for _ in 0..2 {
        let got = fake.get("/cgi-bin/any").await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (203, "text/plain"));
        assert_eq!(got.json(), json!({ "errcode": "42001" }));
    }
    assert_eq!(fake.call(&token).await, 0);

    self::order(&fake, "fail_next?token=a%2Fb&at=tokens").await;
    assert_eq!((fake.stable().await.text, fake.mints()), ("a/b".to_owned(), 2));

    self::order(&fake, "fail?slow=60000").await;
    let slow = fake.call("a%2Fb");
    tokio::time::timeout(Duration::from_millis(20), slow).await.expect_err("it takes minutes");
    self::order(&fake, "heal").await;
    assert_eq!(fake.call("a%2Fb").await, 0);
}

#[tokio::test]
async fn they_hold_requests_and_tell_when_they_have_come() {
    let fake = controlled().await;
    order(&fake, "hold?at=tokens").await;
    order(&fake, "hold?at=tokens").await;
    let (url, wait) = (classic_url(), "/_fake/wait?at=tokens&requests=2");
    let held = async { tokio::join!(fake.get(&url), fake.get(&url)) };
    tokio::pin!(held);
    tokio::select! {
        _ = &mut held => panic!("answered while held"),
        came = fake.get(wait) => assert_eq!(came.json(), json!({ "requests": 2 })),
    }
    assert_eq!(fake.get("/x").await.errcode(), 41001, "APIs are not held");
    assert_eq!(fake.mints(), 0);
    order(&fake, "release?at=tokens").await;
    held.await;
    assert_eq!(fake.mints(), 2);
    assert_eq!(fake.get(wait).await.json(), json!({ "requests": 2 }), "they have come");
    let third = fake.get("/_fake/wait?at=tokens&requests=3");
    tokio::time::timeout(Duration::from_millis(20), third).await.err().expect("a third has not");
}

#[tokio::test]
async fn they_count_and_show_without_a_token() {
    let fake = controlled().await;
    let token = fake.stable().await.text;
    granted(&fake.forced().await);
    fake.get(&classic_url().replace(FakeWeChat::APP_SECRET, "wrong")).await;
    fake.call(&token).await;
    fake.call(&token).await;
    let fresh = fake.stable().await.text;
    fake.post(&format!("/cgi-bin/x?a=1&access_token={fresh}"), "hello").await;
    assert_eq!(
        counters(&fake).await,
        json!({
            "token_requests": 4,
            "token_errors": { "40125": 1 },
            "mints": 2,
            "mints_by_app": { FakeWeChat::APP_ID: 2, FakeWeChat::CORP_ID: 0 },
            "forced_requests": 1,
            "api_requests": 3,
            "api_errors": { "40001": 2 },
        })
    );
    assert_eq!((fake.token_errors()[&40125], fake.api_errors()[&40001]), (1, 2));

    let got = fake.get("/_fake/seen").await;
    let seen = got.json();
    assert_eq!(seen["requests"].as_array().unwrap().len(), 3);
    assert_eq!(
        seen["requests"][2],
        json!({
            "method": "POST",
            "path": "/cgi-bin/x",
            "query": "a=1&access_token=***",
            "body_len": 5,
            "token": crate::Fingerprint::of(&fresh).to_string(),
            "mint": 2,
            "app": FakeWeChat::APP_ID,
            "status": 200,
            "errcode": 0,
        })
    );
    let shown = String::from_utf8_lossy(&got.body);
    assert!(!shown.contains(&token) && !shown.contains(&fresh), "{shown}");
    let last = fake.get("/_fake/seen?last=1").await.json();
    assert_eq!(last["requests"], json!([seen["requests"][2]]));
    order(&fake, "clear_seen").await;
    assert_eq!(fake.get("/_fake/seen").await.json(), json!({ "requests": [] }));
}

#[tokio::test]
async fn they_set_answers_and_make_login_codes() {
    let fake = controlled().await;
    let got = fake.post_as("/_fake/answer?path=/mine&status=202&open=true", "text/x", "mine").await;
    assert_eq!(got.status, StatusCode::OK);
    let got = fake.get("/mine").await;
    assert_eq!(
        (got.status.as_u16(), got.header("content-type"), &got.body[..]),
        (202, "text/x", &b"mine"[..])
    );
    fake.post("/_fake/answer?path=/mine", "closed").await;
    assert_eq!(fake.get("/mine").await.errcode(), 41001);

    let code = order(&fake, "login_code?openid=oABC").await["code"].as_str().unwrap().to_owned();
    let (id, secret) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    let path = format!(
        "/sns/jscode2session?appid={id}&secret={secret}&grant_type=authorization_code&js_code={code}"
    );
    assert_eq!(fake.get(&path).await.json()["openid"], "oABC");
}

#[tokio::test]
async fn what_they_do_not_understand_is_not_carried_out() {
    let fake = controlled().await;
    let token = fake.stable().await.text;
    for (call, status) in [
        ("revoke?ap=wx1", 400),
        ("revoke?app=wx1", 400),
        ("mint_elsewhere?app=wx1", 400),
        ("mint_elsewhere", 400),
        ("advance", 400),
        ("advance?seconds=-1", 400),
        ("advance?seconds=soon", 400),
        ("fail_next?times=2", 400),
        ("fail_next?errcode=1&http=500", 400),
        ("fail_next?fault=odd", 400),
        ("fail_next?http=99", 400),
        ("fail_next?errcode=1&at=home", 400),
        ("fail?errcode=1&times=2", 400),
        ("fail?errcode=1&status=200", 400),
        ("fail?fault=answer&status=99", 400),
        ("fail?slow=-1", 400),
        ("hold?at=home", 400),
        ("release?at=home", 400),
        ("latency?at=apis", 400),
        ("answer", 400),
        ("answer?path=/x&status=99", 400),
        ("answer?path=/x&open=perhaps", 400),
        ("login_code", 400),
        ("counters", 405),
        ("revokes", 404),
    ] {
        let got = fake.post(&format!("/_fake/{call}"), "").await;
        assert_eq!(got.status.as_u16(), status, "{call}");
        assert!(got.json()["error"].as_str().unwrap().len() > 10, "{call}: {}", got.json());
    }
    assert_eq!(fake.get("/_fake/revoke").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(fake.get("/_fake/wait").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(fake.call(&token).await, 0, "and nothing fails");
    assert_eq!(fake.seen().len(), 1);

    let list = fake.get("/_fake/").await.json();
    let calls: Vec<&str> =
        list["calls"].as_array().unwrap().iter().map(|call| call.as_str().unwrap()).collect();
    assert!(
        calls.contains(&"POST /_fake/advance?seconds=") && calls.contains(&"GET /_fake/counters"),
        "{calls:?}"
    );
    for call in calls.iter().filter_map(|call| call.strip_prefix("POST ")) {
        let answer = fake.post(call, "").await.json();
        assert!(!answer.to_string().contains("nobody"), "{call}: {answer}");
    }
}

#[tokio::test]
async fn they_lie_below_the_prefix() {
    let fake = FakeWeChat::builder().control_calls().prefix("/wx").start().await;
    assert_eq!(counters(&fake).await["api_requests"], 0);
}

#[tokio::test]
async fn it_listens_on_loopback_alone() {
    // Not every machine has it.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let fake = FakeWeChat::builder().listen("[::1]:0".parse().unwrap()).start().await;
        assert!(fake.url().starts_with("http://[::1]:"), "{}", fake.url());
        assert_eq!(fake.call("").await, 41001);
    }
    let first = FakeWeChat::start().await;
    let error = FakeWeChat::builder().listen("0.0.0.0:0".parse().unwrap()).try_start().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("loopback"), "{error}");
    let taken = first.url()["http://".len()..].parse().unwrap();
    let error = FakeWeChat::builder().listen(taken).try_start().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
