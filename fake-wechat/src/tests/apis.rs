//! How APIs answer, and what is remembered of a request.

use http_body::Frame;
use http_body_util::StreamBody;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[tokio::test]
async fn an_api_echoes_what_it_received() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    let body = "{\"scene\":\"a=1\"}".repeat(5000);
    let got = fake.post(&format!("/wxa/x%20y?a=1&access_token={token}"), body.clone()).await;
    assert_eq!(
        got.json(),
        json!({
            "errcode": 0,
            "errmsg": "ok",
            "path": "/wxa/x%20y",
            "received": body.len(),
            "sha256": sha256(body.as_bytes()),
        })
    );
}

#[tokio::test]
async fn refusals_come_with_status_200_and_a_request_id() {
    let fake = FakeWeChat::start().await;
    let got = fake.get("/cgi-bin/any").await;
    assert_eq!((got.status, got.errcode()), (StatusCode::OK, 41001));
    let errmsg = got.json()["errmsg"].as_str().unwrap().to_owned();
    let rid = errmsg.strip_prefix("access_token missing rid: ").expect(&errmsg);
    let groups: Vec<&str> = rid.split('-').collect();
    assert_eq!(groups.len(), 3);
    assert!(groups.iter().all(|group| group.len() == 8 && group.bytes().all(|b| b.is_ascii_hexdigit())));

    assert_eq!(fake.call("").await, 41001);
    assert_eq!(fake.call("80_unknown").await, 40001);
    assert_eq!(fake.call("%E4%B8%AD").await, 40014);
    assert_eq!(fake.call(&"a".repeat(513)).await, 40014);

    let wecom = fake.wecom().await.text;
    fake.revoke();
    let got = fake.get(&format!("/cgi-bin/any?access_token={wecom}")).await;
    assert_eq!(got.header("content-type"), "application/json; charset=UTF-8");
    let errmsg = got.json()["errmsg"].as_str().unwrap().to_owned();
    assert!(
        errmsg.starts_with("invalid access_token, hint: [")
            && errmsg.ends_with("https://open.work.weixin.qq.com/devtool/query?e=40014"),
        "{errmsg}"
    );
}

#[tokio::test]
async fn only_a_parameter_that_ends_in_access_token_carries_it() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    assert_eq!(fake.get(&format!("/x?authorizer_access_token={token}")).await.errcode(), 0);
    assert_eq!(fake.get(&format!("/x?access%5Ftoken={token}")).await.errcode(), 0);
    assert_eq!(fake.get(&format!("/x?token={token}")).await.errcode(), 41001);
    assert_eq!(fake.seen()[1].query, "access%5Ftoken=***");
}

#[tokio::test]
async fn paths_without_app_authorisation_need_no_token() {
    let fake = FakeWeChat::start().await;
    for path in [
        "/sns/of-the-future",
        "/cgi-bin/component/clear_quota/v2?appsecret=s3cr3t",
        "/cgi-bin/webhook/send?key=1",
    ] {
        assert_eq!(fake.get(path).await.errcode(), 0, "{path}");
    }
    assert!(fake.seen().iter().all(|seen| seen.generation.is_none()));
    assert_eq!(fake.seen()[1].query, "appsecret=***");
}

#[tokio::test]
async fn what_was_seen_is_complete_but_for_the_token() {
    let fake = FakeWeChat::start().await;
    fake.wecom().await;
    let token = fake.stable().await.text;
    let path = format!("/cgi-bin/x?b=%2F&access_token={token}&a=&a=2&c");
    fake.post(&path, "hello").await;
    fake.get("/cgi-bin/y").await;
    let seen = fake.seen();
    assert_eq!((seen.len(), fake.api_requests()), (2, 2));
    let first = &seen[0];
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/cgi-bin/x"));
    assert_eq!(first.query, "b=%2F&access_token=***&a=&a=2&c");
    assert_eq!(first.headers["host"], fake.url()["http://".len()..]);
    assert_eq!(first.content_length(), Some(5));
    assert_eq!((first.body_len, &first.body[..]), (5, &b"hello"[..]));
    assert_eq!(first.body_sha256, sha256(b"hello"));
    assert!(first.body_complete);
    assert_eq!(first.generation, Some(2));
    assert_eq!(first.account.as_ref().unwrap().as_str(), FakeWeChat::APP_ID);
    assert_eq!((first.status, first.errcode), (Some(StatusCode::OK), Some(0)));
    let second = &seen[1];
    assert_eq!((second.query.as_str(), second.content_length()), ("", None));
    assert_eq!((second.generation, second.errcode), (None, Some(41001)));
    assert!(second.token.is_none());
    for shown in [format!("{seen:?}"), format!("{fake:?}")] {
        assert!(!shown.contains(&token), "{shown}");
    }
    fake.clear_seen();
    assert!(fake.seen().is_empty());
    assert_eq!(fake.api_requests(), 2);
    fake.get("/cgi-bin/z").await;
    assert_eq!(fake.seen()[0].errcode, Some(41001), "answers find their request");
}

#[tokio::test]
async fn only_the_latest_requests_are_remembered() {
    let fake = FakeWeChat::builder().log_limit(2).start().await;
    for path in ["/1", "/2", "/3"] {
        fake.get(path).await;
    }
    let paths: Vec<String> = fake.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/2", "/3"]);
    assert!(fake.seen().iter().all(|seen| seen.errcode == Some(41001)));
}

#[tokio::test]
async fn a_body_of_unknown_length_is_answered_with_412() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    for path in [format!("/cgi-bin/x?access_token={token}"), "/cgi-bin/stable_token".to_owned()] {
        let body = StreamBody::new(futures_util::stream::iter([Ok::<_, std::io::Error>(Frame::data(
            Bytes::from_static(b"{}"),
        ))]));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::post(fake.url() + &path).body(body).unwrap();
        let answer = client.request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::PRECONDITION_FAILED, "{path}");
    }
    let seen = &fake.seen()[0];
    assert_eq!((seen.status, seen.errcode), (Some(StatusCode::PRECONDITION_FAILED), None));
}

#[tokio::test]
async fn downloads_stream_in_any_size_and_fail_as_text() {
    let fake = FakeWeChat::builder().media_size(1000).start().await;
    let token = fake.stable().await.text;
    let path = format!("/cgi-bin/media/get?media_id=1&access_token={token}");
    let got = fake.get(&path).await;
    assert_eq!(got.header("content-type"), "image/jpeg");
    assert_eq!(got.header("content-disposition"), "attachment; filename=\"MEDIA_ID.jpg\"");
    assert_eq!((got.header("content-length"), got.body.len()), ("1000", 1000));

    let size = 10 * 1024 * 1024 + 1;
    let got = fake.get(&format!("{path}&size={size}")).await;
    assert_eq!(got.body.len(), size);
    assert!(got.body.iter().zip(0..).all(|(byte, at)| *byte == media_byte(at)));

    fake.revoke();
    let got = fake.get(&path).await;
    assert_eq!((got.header("content-type"), got.errcode()), ("text/plain", 40001));
}

#[tokio::test]
async fn codes_to_scan_are_pictures() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    for path in ["/wxa/getwxacodeunlimit", "/wxa/getwxacode", "/cgi-bin/wxaapp/createwxaqrcode"] {
        let code = fake.post(&format!("{path}?access_token={token}"), "{}").await;
        assert_eq!(code.header("content-type"), "image/jpeg");
        assert!(code.body.starts_with(b"\xff\xd8\xff") && code.body.ends_with(b"\xff\xd9"));
        let failed = fake.post(&format!("{path}?access_token=80_unknown"), "{}").await;
        assert_eq!(
            (failed.header("content-type"), failed.errcode()),
            ("application/json; encoding=utf-8", 40001)
        );
    }
}

#[tokio::test]
async fn answers_of_ones_own_are_given_to_good_tokens_only() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    let path = format!("/cgi-bin/x?access_token={token}");
    let nested = r#"{"results":[{"errcode":40001}],"errcode":0}"#;
    fake.set_answer("/cgi-bin/x", Answer::json(nested).byte_by_byte());
    let got = fake.get(&path).await;
    assert_eq!((&got.body[..], got.headers.len()), (nested.as_bytes(), 3));
    assert_eq!(got.header("content-length"), nested.len().to_string());
    fake.set_answer("/cgi-bin/x", Answer::json(nested).status(StatusCode::ACCEPTED).unsized_body());
    let got = fake.get(&path).await;
    assert_eq!(
        (got.status, got.header("content-length"), &got.body[..]),
        (StatusCode::ACCEPTED, "", nested.as_bytes())
    );
    assert_eq!(fake.seen()[0].errcode, None);
    assert_eq!(fake.get("/cgi-bin/x").await.errcode(), 41001);

    fake.set_rejection(Some(Answer::json(r#"{"errcode":"42001"}"#)));
    assert_eq!(fake.get("/cgi-bin/x?access_token=80_unknown").await.json()["errcode"], "42001");
    assert_eq!(fake.get(&path).await.status, StatusCode::ACCEPTED);
    fake.set_rejection(None);
    assert_eq!(fake.get("/cgi-bin/x?access_token=80_unknown").await.errcode(), 40001);
}

#[tokio::test]
async fn answers_can_be_set_where_no_token_is_asked_for() {
    let fake = FakeWeChat::start().await;
    let other = json!({ "component_access_token": "c", "expires_in": 7200 });
    for path in [
        "/sns/oauth2/access_token",
        "/cgi-bin/webhook/send",
        "/cgi-bin/clear_quota/v2",
        "/cgi-bin/component/clear_quota/v2",
        "/cgi-bin/component/api_component_token",
        "/cgi-bin/component/api_start_push_ticket",
        "/cgi-bin/service/get_suite_token",
        "/cgi-bin/service/get_provider_token",
        "/cgi-bin/openhw/get_model_token",
        "/cgi-bin/token",
        "/cgi-bin/stable_token",
        "/cgi-bin/gettoken",
    ] {
        fake.set_answer(path, Answer::json(other.to_string()));
        assert_eq!(fake.post(path, "{}").await.json(), other, "{path}");
    }
    assert_eq!((fake.mints(), fake.token_requests(), fake.api_requests()), (0, 3, 9));
    assert_eq!(fake.get("/cgi-bin/service/get_suite_token_x").await.errcode(), 41001);
}

#[tokio::test]
async fn an_open_answer_is_given_whatever_the_token() {
    let fake = FakeWeChat::builder().prefix("/wx").start().await;
    let token = fake.stable().await.text;
    let mine = Answer::json(r#"{"errcode":0,"mine":true}"#);
    fake.set_open_answer("/tokens", mine.clone());
    for query in ["", "?access_token=", "?access_token=80_unknown", &format!("?access_token={token}")] {
        assert_eq!(fake.get(&format!("/tokens{query}")).await.json()["mine"], true, "{query}");
    }
    assert_eq!(fake.get("/tokens/below").await.errcode(), 41001);
    assert_eq!(fake.seen()[3].generation, Some(1), "what a token is, is seen all the same");

    fake.reject_all(Some(45009));
    assert_eq!(fake.get("/tokens").await.errcode(), 45009);
    fake.heal();
    fake.fail_next_apis(1, Fault::Busy);
    assert_eq!(fake.get("/tokens").await.errcode(), -1);

    fake.set_answer("/tokens", mine);
    assert_eq!(fake.get("/tokens").await.errcode(), 41001, "replaced by one that is not open");
}

/// Sends a head and half a body, and reads the answer's head.
async fn half_an_upload(fake: &FakeWeChat) -> (TcpStream, String) {
    let mut line = TcpStream::connect(&fake.url()["http://".len()..]).await.unwrap();
    line.write_all(
        b"POST /cgi-bin/x?access_token=80_unknown HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello",
    )
    .await
    .unwrap();
    let mut answer = vec![0; 1000];
    let length = line.read(&mut answer).await.unwrap();
    answer.truncate(length);
    (line, String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn a_rejection_may_come_before_the_upload_is_read() {
    let fake = FakeWeChat::start().await;
    fake.answer_before_reading(true);
    let (mut line, answer) = half_an_upload(&fake).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("40001"), "{answer}");
    assert!(!fake.seen()[0].body_complete);
    line.write_all(b"world").await.unwrap();
    let read = async {
        while !fake.seen()[0].body_complete {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(secs(30), read).await.expect("read to its end");
    assert_eq!(&fake.seen()[0].body[..], b"helloworld");
}

#[tokio::test]
async fn a_rejection_may_come_instead_of_reading_the_upload() {
    let fake = FakeWeChat::start().await;
    fake.answer_without_reading(true);
    let (mut line, answer) = half_an_upload(&fake).await;
    assert!(answer.contains("40001"), "{answer}");
    // End of stream or a reset, as the kernel likes: either way nobody reads on.
    assert!(matches!(line.read(&mut [0; 10]).await, Ok(0) | Err(_)));
    assert_eq!(fake.seen()[0].body_len, 0);

    fake.answer_without_reading(false);
    let waiting = fake.api_requests() + 1;
    let upload = half_an_upload(&fake);
    tokio::pin!(upload);
    tokio::select! {
        _ = &mut upload => panic!("answered half an upload"),
        () = fake.wait_for_api_requests(waiting) => {}
    }
}
