//! Answers: what is looked at, what it is taken for, and that it arrives as it was.

use crate::support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use support::{fixed::Fixed, raw::Raw, *};
use tokio::{io::AsyncWriteExt, time::timeout};
use tower::ServiceExt;
use tower_wechat::{
    AuthOutcome, NotReplayed, TokenCache, WeChatAuthLayer,
    issuer::Minted,
    testing::{Answer, FakeWeChat, Fault, media_byte},
};

/// Far more than any of this takes: what does not end by then hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("no hang")
}

fn fixed(server: &Raw) -> Fixed {
    Fixed::new(&server.url(), Ok(Minted::new("token", Duration::from_secs(7200))))
}

fn get(server: &Raw) -> Request<Full<Bytes>> {
    Request::get(format!("{}/cgi-bin/x", server.url())).body(Full::default()).unwrap()
}

// === requests whose answer has no body ===

/// What an inner service makes of it: by HTTP there is none.
#[tokio::test]
async fn the_answer_to_a_head_is_not_looked_at() {
    for (method, replayed) in [(Method::HEAD, false), (Method::GET, true)] {
        let inner = tower::service_fn(|_: Request<tower_wechat::ReplayBody<Full<Bytes>>>| {
            let rejection = http::Response::new(Full::<Bytes>::from(r#"{"errcode":40001}"#));
            std::future::ready(Ok::<_, std::convert::Infallible>(rejection))
        });
        let cache = TokenCache::new(support::issuers::instant().0);
        let client = tower::Layer::layer(&WeChatAuthLayer::new(&cache), inner);
        let mut request = Request::new(Full::default());
        *request.uri_mut() = "https://api.weixin.qq.com/cgi-bin/x".parse().unwrap();
        *request.method_mut() = method.clone();
        let answer = read(client.oneshot(request).await.unwrap()).await;
        assert_eq!(answer.replayed(), replayed, "{method}");
        assert_eq!(answer.rejected(), replayed, "{method}");
    }
}

// === downloads ===

const DOWNLOAD: usize = PERIOD * 256 * 1024;
/// What the sockets on both sides may hold, and some.
const SOCKETS: u64 = 24 << 20;

/// A download with this head and start is never far ahead of its reader.
async fn streams(head: &'static str, start: &'static str) {
    let server = Raw::start().await;
    let response = client(&TokenCache::new(fixed(&server))).oneshot(get(&server));
    let produced = Arc::new(AtomicU64::new(0));
    let counter = produced.clone();
    let producing = tokio::spawn(async move {
        let mut stream = server.answer(head.as_bytes()).await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let chunk = pattern(PERIOD * 256);
        for _ in 0..DOWNLOAD / chunk.len() {
            stream.write_all(&chunk).await.unwrap();
            counter.fetch_add(chunk.len() as u64, Ordering::SeqCst);
        }
    });

    let response = soon(response).await.unwrap();
    assert!(response.extensions().get::<AuthOutcome>().is_none());
    let mut body = response.into_body();
    let mut begun = Vec::new();
    while begun.len() < start.len() {
        begun.extend(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap());
    }
    let after_start = begun.split_off(start.len());
    assert_eq!(begun, start.as_bytes());

    let expected = pattern(8 << 20);
    let mut read = 0;
    let mut data = Bytes::from(after_start);
    loop {
        let ahead = produced.load(Ordering::SeqCst).saturating_sub(read as u64);
        assert!(ahead < SOCKETS, "{ahead} bytes are held somewhere");
        let from = read % PERIOD;
        assert!(data == expected[from..from + data.len()], "other bytes after {read}");
        read += data.len();
        match soon(body.frame()).await {
            Some(frame) => data = frame.unwrap().into_data().unwrap(),
            None => break,
        }
    }
    assert_eq!(read, DOWNLOAD);
    producing.await.unwrap();
}

/// [`media_byte`] repeats after so many.
const PERIOD: usize = 251;

fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64).map(media_byte).collect()
}

#[tokio::test]
async fn a_download_streams_that_says_what_it_is() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-disposition: attachment; filename=\"x.jpg\"\r\n\
                content-length: 65798144\r\n\r\n";
    streams(head, "").await;
}

#[tokio::test]
async fn a_download_streams_that_has_to_be_looked_at() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    streams(head, "\u{fffd}JFIF").await;
}

#[tokio::test]
async fn a_download_streams_that_looks_like_an_error_without_an_end() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    streams(head, "{\"openids\":[\"").await;
}

// === what is a rejection ===

/// Whether a call that is first answered like this is replayed. If not, it must arrive as it was.
async fn is_replayed(first: Answer, limit: usize) -> bool {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    wechat.fail_next_apis(1, Fault::Answer(first.clone()));
    let client = layered(WeChatAuthLayer::new(&cache).inspect_limit(limit));
    let answer = send(&client, &wechat).await.unwrap();
    assert_eq!(answer.rejected(), answer.replayed(), "{:?}", answer.outcome);
    if answer.replayed() {
        assert_eq!(answer.errcode(), Some(0));
        assert_eq!((wechat.token_requests(), wechat.api_requests()), (2, 2));
    } else {
        assert!(answer.bytes == first.chunks.concat(), "another body: {}", answer.text);
        assert_eq!(answer.status, first.status);
        for (name, value) in &first.headers {
            let all = |headers: &http::HeaderMap| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
            assert_eq!(all(&answer.headers), all(&first.headers), "{value:?}");
        }
        assert_eq!((wechat.token_requests(), wechat.api_requests()), (1, 1));
    }
    answer.replayed()
}

async fn table(table: impl IntoIterator<Item = (&'static str, Answer)>, expected: bool) {
    for (what, answer) in table {
        for (how, answer) in [
            ("in one piece", answer.clone()),
            ("byte by byte", answer.clone().byte_by_byte()),
            ("of unknown length", answer.unsized_body()),
        ] {
            assert_eq!(is_replayed(answer, 4096).await, expected, "{what}, {how}");
        }
    }
}

const REJECTED: &str = r#"{"errcode":40001,"errmsg":"invalid credential rid: 654df33c-64386a2f-29857782"}"#;

fn typed(content_type: &'static str) -> Answer {
    Answer::json(REJECTED).header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
}

/// A rejection of this many bytes, whose code comes last.
fn late(len: usize) -> String {
    let end = r#"","errcode":40001}"#;
    let start = r#"{"a":[{"b":"}\""},2],"errmsg":""#;
    format!("{start}{}{end}", "x".repeat(len - start.len() - end.len()))
}

#[tokio::test]
async fn rejections_are_seen_however_they_come() {
    let table_ = [
        ("plain", Answer::json(REJECTED)),
        ("text/plain", typed("text/plain")),
        ("text/html", typed("text/html; charset=gbk")),
        ("image/jpeg", typed("image/jpeg")),
        ("no content type", Answer::default().body(REJECTED)),
        ("in a string", Answer::json(r#"{"errcode":"42001"}"#)),
        ("in a string with spaces", Answer::json(r#"{"errcode":" 42001 "}"#)),
        ("white space", Answer::json("\r\n\t { \"errcode\" \n:\t40014 , \"errmsg\":\"\"} ")),
        ("escaped key", Answer::json(r#"{"\u0065rrcode":40001}"#)),
        ("last", Answer::json(r#"{"errmsg":"x","errcode":40001}"#)),
        ("after other keys", Answer::json(late(2000))),
        ("up to the limit", Answer::json(late(4096))),
        ("after nested ones", Answer::json(r#"{"a":{"errcode":0},"b":[{"errcode":0}],"errcode":40001}"#)),
        ("after bad UTF-8", Answer::json(&b"{\"errmsg\":\"\xff\xc3\x01\",\"errcode\":40001}"[..])),
        ("byte order mark", Answer::json(format!("\u{feff}{REJECTED}"))),
        (
            "identity",
            Answer::json(REJECTED).header(header::CONTENT_ENCODING, HeaderValue::from_static("identity")),
        ),
        ("created", Answer::json(REJECTED).status(StatusCode::CREATED)),
    ];
    table(table_, true).await;
}

#[tokio::test]
async fn everything_else_arrives_as_it_was() {
    let gzip = HeaderValue::from_static("gzip");
    let attachment = HeaderValue::from_static("attachment; filename=\"x.json\"");
    let table_ = [
        ("nested", Answer::json(r#"{"results":[{"errcode":40001}],"errcode":0}"#)),
        ("nested only", Answer::json(r#"{"base_resp":{"errcode":40001}}"#)),
        ("escaped", Answer::json(r#"{"request":"{\"errcode\":40001}","errcode":0}"#)),
        ("in an array", Answer::json(r#"[{"errcode":40001}]"#)),
        ("another key", Answer::json(r#"{"Errcode":40001,"errcode ":40001,"xerrcode":40001}"#)),
        ("another code", Answer::json(r#"{"errcode":400010}"#)),
        ("another sign", Answer::json(r#"{"errcode":-40001}"#)),
        ("no integer", Answer::json(r#"{"errcode":40001.5}"#)),
        ("text", Answer::json(r#"{"errcode":"40001x"}"#)),
        ("beyond 64 bits", Answer::json(r#"{"errcode":18446744073709591617}"#)),
        ("no JSON", Answer::json(format!("x{REJECTED}"))),
        ("over the limit", Answer::json(late(4097))),
        ("compressed", Answer::json(REJECTED).header(header::CONTENT_ENCODING, gzip)),
        ("a file", Answer::json(REJECTED).header(header::CONTENT_DISPOSITION, attachment)),
        ("a part", Answer::json(REJECTED).status(StatusCode::PARTIAL_CONTENT)),
        ("bad gateway", Answer::json(REJECTED).status(StatusCode::BAD_GATEWAY)),
        ("unauthorized", Answer::json(REJECTED).status(StatusCode::UNAUTHORIZED)),
        ("empty", Answer::default()),
        ("white space", Answer::json("  ")),
        ("deep", Answer::json("[{".repeat(1000))),
    ];
    table(table_, false).await;
}

/// The rejection with this content coding, in as many headers.
fn coded(codings: &[&'static str]) -> Answer {
    let mut answer = Answer::json(REJECTED);
    for coding in codings {
        answer.headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    answer
}

#[tokio::test]
async fn a_content_coding_that_is_none_hides_no_rejection() {
    for codings in [
        &[""][..],
        &["identity"],
        &["Identity"],
        &["identity, identity"],
        &["identity", "identity"],
        &[",", " "],
        &["none"],
        &["utf-8"],
        &["UTF-8"],
        &["gbk"],
        &["identity;q=1"],
    ] {
        table([("no coding", coded(codings))], true).await;
    }
}

#[tokio::test]
async fn a_content_coding_that_changes_bytes_is_not_looked_through() {
    for codings in [
        &["gzip"][..],
        &["GZIP"],
        &["x-gzip"],
        &["br"],
        &["deflate"],
        &["zstd"],
        &["identity, gzip"],
        &["gzip,identity"],
        &["identity", "gzip"],
        &["gzip;q=1"],
    ] {
        table([("coded", coded(codings))], false).await;
    }
}

#[tokio::test]
async fn the_limit_of_the_look_is_kept() {
    let len = REJECTED.len();
    for (limit, expected) in [(0, false), (1, false), (len - 1, false), (len, true), (usize::MAX, true)] {
        assert_eq!(is_replayed(Answer::json(REJECTED), limit).await, expected, "{limit}");
    }
    assert!(is_replayed(Answer::json(late(100_000)), usize::MAX).await);
}

#[tokio::test]
async fn an_answer_to_head_is_not_looked_at() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let name = HeaderName::from_static("x-answer");
    let answer = Answer::json(REJECTED).header(name, HeaderValue::from_static("first"));
    wechat.fail_next_apis(1, Fault::Answer(answer));
    let mut request = call(&wechat);
    *request.method_mut() = Method::HEAD;
    *request.body_mut() = Full::default();
    let answer = read(client(&cache).oneshot(request).await.unwrap()).await;
    assert_eq!(answer.headers["x-answer"], "first");
    assert!(answer.bytes.is_empty() && !answer.rejected());
    assert_eq!(wechat.api_requests(), 1);
}

// === rejections that do not end ===

const BEGUN: &str = "{\"errcode\":40001,\"errmsg\":\"inv";

#[tokio::test]
async fn a_rejection_whose_rest_is_late_is_handed_on_as_far_as_it_came() {
    let server = Raw::start().await;
    let issuer = fixed(&server);
    let client = client(&TokenCache::new(issuer.clone()));
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{BEGUN}", BEGUN.len() + 6);
    let answer = server.answer(head.as_bytes());
    let (response, mut stream) = tokio::join!(soon(client.oneshot(get(&server))), answer);
    let mut response = response.unwrap();
    let outcome = response.extensions().get::<AuthOutcome>().unwrap();
    assert_eq!(outcome.errcode(), 40001);
    assert_eq!(outcome.not_replayed(), Some(NotReplayed::AnswerIncomplete));

    let start = soon(response.body_mut().frame()).await.unwrap().unwrap();
    assert_eq!(start.into_data().unwrap(), BEGUN);
    stream.write_all(b"alid\"}").await.unwrap();
    let rest = soon(response.into_body().collect()).await.unwrap().to_bytes();
    assert_eq!(rest, "alid\"}");
    assert_eq!(issuer.mints(), 2, "the refresh happens for the next caller");
}

#[tokio::test]
async fn a_rejection_that_breaks_off_is_handed_on_with_its_error() {
    let server = Raw::start().await;
    let client = client(&TokenCache::new(fixed(&server)));
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{BEGUN}");
    let answer = async { drop(server.answer(head.as_bytes()).await) };
    let (response, ()) = tokio::join!(soon(client.oneshot(get(&server))), answer);
    let mut response = response.unwrap();
    let outcome = response.extensions().get::<AuthOutcome>().unwrap();
    assert_eq!(outcome.not_replayed(), Some(NotReplayed::AnswerIncomplete));
    let start = soon(response.body_mut().frame()).await.unwrap().unwrap();
    assert_eq!(start.into_data().unwrap(), BEGUN);
    assert!(soon(response.into_body().collect()).await.is_err());
}

#[tokio::test]
async fn a_rejection_that_goes_on_and_on_is_handed_on_as_it_comes() {
    let server = Raw::start().await;
    let client = client(&TokenCache::new(fixed(&server)));
    let long = format!("{REJECTED}{}", " ".repeat(100_000));
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let answer = async { drop(server.answer(format!("{head}{long}").as_bytes()).await) };
    let (response, ()) = tokio::join!(soon(client.oneshot(get(&server))), answer);
    let answer = soon(read(response.unwrap())).await;
    assert_eq!(answer.outcome().not_replayed(), Some(NotReplayed::AnswerIncomplete));
    assert!(answer.text == long);
}
