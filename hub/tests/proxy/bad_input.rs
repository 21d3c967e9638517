//! What cannot be forwarded is refused with a clear answer, and never goes out with a token.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    support::{answer, get, raw, tcp},
    upstream::{REAL, Upstream, ok, pass},
};

/// Each must be refused, with this status.
async fn are_refused(cases: impl Fn(&str) -> Vec<(u16, String)>) {
    let upstream = Upstream::saying(ok("{}")).await;
    let server = upstream.hub();
    let pass = pass(&server).await;
    for (status, request) in cases(&pass) {
        let answer = raw(&server, &request).await.unwrap_or_else(|error| panic!("{error}: {request}"));
        assert_eq!(answer.status, status, "{request}\n{answer:?}");
        if !answer.body.is_empty() {
            assert_ne!(answer.json()["errcode"], 0, "{answer:?}");
            assert!(answer.json()["errcode"].is_i64(), "{answer:?}");
        }
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
    // The hub goes on.
    get(&server, &format!("/cgi-bin/user/get?access_token={pass}")).await.is_success();
}

#[tokio::test]
async fn lengths_that_contradict_each_other() {
    are_refused(|pass| {
        let head = format!("POST /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\n");
        let cases = [
            "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
            "content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
            "content-length: 3\r\ncontent-length: 3\r\n\r\nabc",
            "content-length: 3, 3\r\n\r\nabc",
            "content-length: +3\r\n\r\nabc",
            "content-length: -1\r\n\r\n",
            "content-length: 0x3\r\n\r\nabc",
            "transfer-encoding: gzip\r\n\r\n",
            "transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
            "transfer-encoding: x, chunked\r\n\r\n0\r\n\r\n",
            "transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "content-length: 3\r\n x\r\n\r\nabc",
            "x: y\r\n folded: z\r\n\r\n",
            "content-length : 3\r\n\r\nabc",
            "bad header\r\n\r\n",
        ];
        let before = ["", "\r\n", "\n", "\r\n\r\n"];
        let cases = cases.iter().map(|case| (400, format!("{head}{case}")));
        cases
            .chain(before.iter().map(|before| {
                let double = "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
                (400, format!("{before}{head}{double}"))
            }))
            .collect()
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_no_sound_chunked_one_is_never_passed_on_as_a_whole() {
    let upstream = Upstream::saying(ok("{}")).await;
    let server = upstream.hub();
    let pass = pass(&server).await;
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcX\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "3;x\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n",
    ] {
        let request = format!(
            "POST /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        );
        let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        let text = String::from_utf8_lossy(&all);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{chunks}: {text}");
    }
    assert!(upstream.seen().is_empty(), "no whole request has come: {:?}", upstream.seen());
}

#[tokio::test]
async fn targets_that_are_no_path() {
    are_refused(|pass| {
        let line =
            |line: &str| format!("{line} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {pass}\r\n\r\n");
        [
            "GET http://api.weixin.qq.com/cgi-bin/user/get",
            "GET https://api.weixin.qq.com/cgi-bin/user/get",
            "GET http://hub/cgi-bin/user/get",
            "OPTIONS *",
            "GET /",
        ]
        .iter()
        .map(|request| (if *request == "GET /" { 404 } else { 400 }, line(request)))
        .chain([(405, line("CONNECT api.weixin.qq.com:443")), (405, line("TRACE /cgi-bin/user/get"))])
        .filter(|(status, _)| *status != 404)
        .collect()
    })
    .await;
}

#[tokio::test]
async fn another_protocol() {
    are_refused(|pass| {
        let head =
            format!("GET /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\nconnection: upgrade\r\n");
        ["websocket", "h2c, websocket", "TLS/1.0", ""]
            .iter()
            .map(|protocol| (400, format!("{head}upgrade: {protocol}\r\n\r\n")))
            .collect()
    })
    .await;
}

#[tokio::test]
async fn a_client_that_only_offers_http2_is_served_over_this_one() {
    let upstream = Upstream::saying(ok("{}")).await;
    let server = upstream.hub();
    let pass = pass(&server).await;
    let request = format!(
        "GET /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\
         http2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\r\n"
    );
    raw(&server, request).await.unwrap().is_success();
    let seen = upstream.seen().remove(0).to_ascii_lowercase();
    assert!(!seen.contains("upgrade") && !seen.contains("http2-settings"), "{seen}");
}

#[tokio::test]
async fn credentials_in_the_wrong_place_or_number() {
    are_refused(|pass| {
        let get =
            |query: &str, lines: &str| format!("GET /cgi-bin/x{query} HTTP/1.1\r\nhost: hub\r\n{lines}\r\n");
        let post = |body: &str| {
            format!("POST /cgi-bin/x HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        };
        vec![
            (200, get("", "")),
            (200, post(&format!("{{\"access_token\":\"{pass}\"}}"))),
            (200, post(&format!("access_token={pass}"))),
            (400, get(&format!("?access_token={pass}&access_token={pass}"), "")),
            (400, get(&format!("?access_token={pass}&access%5ftoken=x"), "")),
            (400, get(&format!("?access_token={pass}&component_access_token=x"), "")),
            (400, get(&format!("?suite_access_token={pass}"), "")),
            (400, get(&format!("?ACCESS_TOKEN={pass}"), "")),
            (400, get(&format!("?access_token={pass}&ACCESS_TOKEN=x"), "")),
            (400, get(&format!("?access_token={pass}&access_token%5b%5d=x"), "")),
            (400, get(&format!("?access_token={pass}&access_token%20=x"), "")),
            (400, get(&format!("?access_token={pass}"), &format!("authorization: Bearer {pass}\r\n"))),
            (400, get("", &format!("authorization: Bearer {pass}\r\nauthorization: Bearer {pass}\r\n"))),
            (400, get(&format!("?access_token={pass}&secret=x"), "")),
            (400, get(&format!("?access_token={pass}&appsecret=x"), "")),
            (400, get(&format!("?access_token={pass}"), "x-wechat-app: a\r\nx-wechat-app: a\r\n")),
            (200, get(&format!("?access_token={pass}"), "x-wechat-app: wxother\r\n")),
            (200, get(&format!("?access_token={REAL}x"), "")),
            (200, get("?access_token=", "")),
            (200, get("?access_token", "")),
        ]
    })
    .await;
}

#[tokio::test]
async fn nothing_gets_into_the_head_by_way_of_the_query() {
    let upstream = Upstream::saying(ok("{}")).await;
    let server = upstream.hub();
    let pass = pass(&server).await;
    get(&server, &format!("/cgi-bin/x?a=%0d%0aevil:%201&access_token={pass}&b=%00")).await.is_success();
    let seen = upstream.seen().remove(0);
    assert!(!seen.to_ascii_lowercase().contains("\nevil"), "{seen}");
    assert!(seen.contains(&format!("access_token={REAL}")), "{seen}");
    // hyper refuses what is no target before anybody sees it.
    for odd in ["/cgi-bin/x?a=\"b", "/cgi-bin/x?a=b\u{e4}", "/cgi-bin/x?a=<b>"] {
        let _ = raw(&server, format!("GET {odd}&access_token={pass} HTTP/1.1\r\nhost: hub\r\n\r\n")).await;
    }
    for seen in upstream.seen() {
        assert_eq!(seen.matches("HTTP/1.1").count(), 1, "{seen}");
    }
}

#[tokio::test]
async fn a_long_query_is_refused_or_forwarded_and_nothing_else() {
    let upstream = Upstream::saying(ok("{}")).await;
    let server = upstream.hub();
    let pass = pass(&server).await;
    for length in [8_000, 16_000, 70_000] {
        let target = format!("/cgi-bin/x?access_token={pass}&a={}", "a".repeat(length));
        let answer = get(&server, &target).await;
        assert!(matches!(answer.status, 200 | 400 | 414 | 431), "{length}: {answer:?}");
    }
    // A body behind a request that was refused is no request.
    let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
    let inner = format!("GET /cgi-bin/inner?access_token={pass} HTTP/1.1\r\nhost: hub\r\n\r\n");
    let outer = format!(
        "POST /cgi-bin/outer HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n\r\n{inner}",
        inner.len()
    );
    stream.write_all(outer.as_bytes()).await.unwrap();
    answer(&mut stream).await.unwrap().is_refused(41001);
    assert!(upstream.seen().iter().all(|seen| !seen.contains("inner")), "{:?}", upstream.seen());
}
