//! No token and no secret comes back, whatever a server in between tells of the call.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use fake_wechat::FakeWeChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_wechat::{
    Platform, TokenCache,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};
use wechat_hub::{Hub, Server};

use super::{
    support::{self, APP, PROXY_SECRET, TOKEN_SECRET, classic, for_sdks, tcp},
    upstream::{REAL, Upstream, pass},
};

/// All bytes of an answer, to the end of its connection.
async fn all_of(server: &Server, target: &str) -> String {
    let mut stream = TcpStream::connect(tcp(server)).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: hub\r\nte: trailers\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

fn masked(text: &str) -> String {
    text.replace(REAL, &"*".repeat(REAL.len()))
}

#[tokio::test]
async fn an_echo_in_body_or_head_is_masked_however_it_comes() {
    for piece in [1, 7, 64, 100_000] {
        let upstream = Upstream::answering(move |request| {
            let line = request.lines().next().unwrap();
            let body = format!("Cannot {line}: {line} is not here: {REAL}");
            let head = format!(
                "HTTP/1.1 302 Found\r\nlocation: https://elsewhere.example/?x={REAL}\r\nx-{piece}: 1\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let mut pieces = vec![head.into_bytes()];
            pieces.extend(body.as_bytes().chunks(piece).map(<[u8]>::to_vec));
            pieces
        })
        .await;
        let server = upstream.hub();
        let target = format!("/cgi-bin/x?access_token={}&a=1", pass(&server).await);
        let all = all_of(&server, &target).await;
        assert!(!all.contains(REAL) && !all.contains(&REAL[..20]), "{all}");
        assert!(all.contains("location: https://elsewhere.example/?x=***"), "{all}");
        let expected = masked(&format!("GET /cgi-bin/x?a=1&access_token={REAL} HTTP/1.1"));
        assert!(
            all.ends_with(&format!("Cannot {expected}: {expected} is not here: {}", masked(REAL))),
            "{all}"
        );
    }
}

#[tokio::test]
async fn an_echo_in_chunks_and_trailers_is_masked() {
    let (one, other) = REAL.split_at(10);
    let text = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-echo\r\n\r\na\r\n{one}\r\n{:x}\r\n{other}\r\n0\r\nx-echo: {REAL}\r\n\r\n",
        other.len()
    );
    let upstream = Upstream::saying(text).await;
    let server = upstream.hub();
    let target = format!("/cgi-bin/x?access_token={}", pass(&server).await);
    let all = all_of(&server, &target).await;
    assert!(!all.contains(REAL) && !all.contains(other), "{all}");
}

#[tokio::test]
async fn what_only_begins_like_a_token_comes_through_whole() {
    let body = format!("{} {}", &REAL[..20], &REAL[..7]);
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let upstream = Upstream::saying(text).await;
    let server = upstream.hub();
    let target = format!("/cgi-bin/x?access_token={}", pass(&server).await);
    let all = all_of(&server, &target).await;
    assert!(all.ends_with(&body), "{all}");
}

#[tokio::test]
async fn who_may_have_the_token_sees_wechats_answer_as_it_is() {
    let upstream =
        Upstream::saying(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{REAL}", REAL.len())).await;
    let server = upstream.hub();
    assert_eq!(classic(&server, TOKEN_SECRET).await.token(), REAL);
    let all = all_of(&server, &format!("/cgi-bin/x?access_token={REAL}")).await;
    assert!(all.ends_with(REAL), "{all}");
}

#[tokio::test]
async fn the_secret_is_hidden_in_every_call_and_the_token_in_those_that_carry_the_secret() {
    let wechat = FakeWeChat::start().await;
    let secret = "ab-cd_ef~0123456789 /abcdef";
    let hub = for_sdks(&wechat).app_secret(APP, || secret.into());
    let server = support::serve(hub);
    let pass = classic(&server, PROXY_SECRET).await.token();
    let token = cache_token(&wechat).await;
    let quoted = "ab-cd_ef~0123456789%20%2Fabcdef";
    let text = format!("{{\"a\":\"{secret}\",\"b\":\"secret={quoted}\",\"c\":\"{token}\"}}");
    for path in ["/cgi-bin/openapi/rid/get", "/sns/jscode2session"] {
        wechat.set_open_answer(path, fake_wechat::Answer::json(text.clone()));
    }
    for target in [
        format!("/cgi-bin/openapi/rid/get?access_token={pass}"),
        format!("/sns/jscode2session?appid={APP}&secret={PROXY_SECRET}&js_code=1"),
    ] {
        let all = all_of(&server, &target).await;
        assert!(all.contains("\"a\":\"****"), "{all}");
        for hidden in [secret, quoted, &token] {
            assert!(!all.contains(hidden), "{all}");
        }
    }
}

/// The token that WeChat has for the app.
async fn cache_token(wechat: &FakeWeChat) -> String {
    support::cache(wechat).token().await.unwrap().as_str().to_owned()
}

#[tokio::test]
async fn an_answer_that_ends_in_the_middle_of_a_token_shows_no_more_than_its_beginning() {
    for length in [3000, 100] {
        let body = format!("{}{}", "x".repeat(length), &REAL[..REAL.len() - 1]);
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let upstream = Upstream::saying(text).await;
        let server = upstream.hub();
        let target = format!("/cgi-bin/x?access_token={}", pass(&server).await);
        let all = all_of(&server, &target).await;
        assert!(!all.contains(&REAL[..10]) && all.ends_with(&"*".repeat(REAL.len() - 1)), "{all}");
    }
}

#[tokio::test]
async fn a_part_of_an_answer_is_not_asked_for_but_of_media() {
    let upstream = Upstream::saying(super::upstream::ok("{}")).await;
    let server = upstream.hub();
    let pass = pass(&server).await;
    for (path, is_asked) in [("/cgi-bin/x", false), ("/cgi-bin/media/get", true)] {
        let request =
            format!("GET {path}?access_token={pass} HTTP/1.1\r\nhost: hub\r\nrange: bytes=0-9\r\n\r\n");
        support::raw(&server, request).await.unwrap().is_success();
        assert_eq!(upstream.seen().pop().unwrap().contains("range: bytes=0-9"), is_asked, "{path}");
    }
}

/// Each mint brings another token.
struct Counting(Platform, AtomicU32);

impl Issuer for Counting {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        let token = format!("{REAL}-{}", self.1.fetch_add(1, Relaxed));
        Box::pin(async { Ok(Minted::new(token, Duration::from_secs(7200))) })
    }

    fn platform(&self) -> &Platform {
        &self.0
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("counting", "https://counting.example", APP, None)
    }
}

#[tokio::test]
async fn a_token_that_was_replaced_again_and_again_while_its_call_was_under_way_is_hidden() {
    let platform = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", platform.local_addr().unwrap());
    let cache = TokenCache::new(Counting(Platform::wechat().with_origin(&url).unwrap(), AtomicU32::new(0)));
    let server = support::serve(Hub::builder().app_on_demand(APP, cache.clone()).client(support::proxy()));
    let target = format!("/cgi-bin/x?access_token={}", pass(&server).await);
    let replaced = async {
        let (mut stream, _) = platform.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut bytes).await.unwrap();
        }
        let old = cache.token().await.unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(old.as_str()));
        let mut body = old.as_str().to_owned();
        let mut present = old;
        for _ in 0..4 {
            present = cache.refresh(&present).await.unwrap();
        }
        body.push_str(present.as_str());
        body.push_str(cache.replaced().unwrap().as_str());
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    };
    let (all, ()) = futures_util::future::join(all_of(&server, &target), replaced).await;
    assert!(!all.contains("RealToken") && all.contains("***"), "{all}");
}

#[tokio::test]
async fn a_call_that_quotes_others_shows_no_token_that_the_hub_does_not_know() {
    let text = r#"{"errcode":0,"request":{"request_url":"/cgi-bin/x?access_token=77_of-another-hub\u0026a=1","ip":"1.2.3.4"}}"#;
    let upstream = Upstream::saying(super::upstream::ok(text)).await;
    let server = upstream.hub();
    let all =
        all_of(&server, &format!("/cgi-bin/openapi/rid/get?access_token={}", pass(&server).await)).await;
    assert!(
        all.contains(&format!("access_token={}\\u0026a=1", "*".repeat("77_of-another-hub".len()))),
        "{all}"
    );
    // In other answers a user's own token, or a page's, is left alone.
    let all = all_of(&server, &format!("/cgi-bin/x?access_token={}", pass(&server).await)).await;
    assert!(all.ends_with(text), "{all}");
}
