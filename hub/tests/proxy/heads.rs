//! Heads and bodies as RFC 9110 asks a gateway to pass them on.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    support::{Answer, answer, raw, tcp},
    upstream::{REAL, Upstream, ok, pass},
};

async fn send(upstream: &Upstream, request: impl Fn(&str) -> String) -> (Answer, String) {
    let server = upstream.hub();
    let pass = pass(&server).await;
    let answer = raw(&server, request(&pass)).await.unwrap();
    (answer, upstream.seen().pop().unwrap())
}

#[tokio::test]
async fn a_request_goes_out_with_the_real_token_and_without_what_is_the_hubs() {
    let upstream = Upstream::saying(ok("{\"errcode\":0}")).await;
    let (answer, seen) = send(&upstream, |pass| {
        format!(
            "POST /cgi-bin/message/custom/send?a=1&access_token={pass}&b=%2B HTTP/1.1\r\nHost: hub.example\r\nUser-Agent: sdk/1\r\n\
             Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nAccept-Encoding: gzip\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\nx-wechat-app: wx0123456789abcdef\r\nX-Wechat-Hub: lies\r\n\
             Proxy-Authorization: Basic x\r\nX-Other: kept\r\n\r\n{{}}"
        )
    })
    .await;
    answer.is_success();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().map(str::to_ascii_lowercase).collect();
    assert_eq!(
        lines.remove(0),
        format!(
            "post /cgi-bin/message/custom/send?a=1&b=%2b&access_token={} http/1.1",
            REAL.to_ascii_lowercase()
        )
    );
    lines.sort();
    let host = format!("host: {}", upstream.url.strip_prefix("http://").unwrap());
    let expected = [
        "accept-encoding: identity",
        "content-length: 2",
        "content-type: application/json",
        &host,
        "user-agent: sdk/1",
        "via: 1.1 wechat-hub",
        "x-other: kept",
    ];
    assert_eq!(lines, expected);
    assert_eq!(body, "{}");
}

#[tokio::test]
async fn an_answer_comes_back_without_what_is_of_the_connection() {
    let text = "HTTP/1.1 200 OK\r\nconnection: close, x-mine\r\nx-mine: 1\r\nkeep-alive: 5\r\nproxy-authenticate: Basic\r\n\
                x-wechat-hub: lies\r\netag: \"1\"\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = Upstream::saying(text).await;
    let (answer, _) =
        send(&upstream, |pass| format!("GET /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\n\r\n"))
            .await;
    for absent in ["x-mine", "keep-alive", "proxy-authenticate", "connection"] {
        assert_eq!(answer.header(absent), None, "{answer:?}");
    }
    assert_eq!(answer.header("x-wechat-hub"), Some("forwarded"));
    assert_eq!((answer.header("etag"), answer.header("content-length")), (Some("\"1\""), Some("2")));
    assert_eq!(answer.head.matches("set-cookie").count(), 2);
}

#[tokio::test]
async fn bodies_keep_their_framing() {
    let upstream = Upstream::saying(ok("{}")).await;
    // WeChat answers 412 to a body of no known length, so that one with a length must keep it.
    let (_, seen) = send(&upstream, |pass| {
        format!("POST /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\ncontent-length: 5\r\n\r\nhello")
    })
    .await;
    assert!(seen.contains("content-length: 5") && seen.ends_with("\r\n\r\nhello"), "{seen}");
    let (_, seen) = send(&upstream, |pass| {
        format!("POST /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    assert!(seen.contains("content-length: 0"), "{seen}");
    let (_, seen) = send(&upstream, |pass| {
        format!(
            "POST /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
             5;ext=1\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"
        )
    })
    .await;
    assert!(seen.contains("transfer-encoding: chunked") && seen.contains("5\r\nhello\r\n0\r\n"), "{seen}");
    assert!(!seen.contains("content-length") && !seen.contains("ext=1"), "{seen}");
    assert!(seen.contains("x-sum: 7"), "the trailer, too: {seen}");
    for length in [0, 1, 3000] {
        let chunk =
            if length == 0 { String::new() } else { format!("{length:x}\r\n{}\r\n", "y".repeat(length)) };
        let text = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n{chunk}0\r\nx-sum: 8\r\n\r\n"
        );
        let upstream = Upstream::saying(text).await;
        let server = upstream.hub();
        let pass = pass(&server).await;
        let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
        let request = format!(
            "GET /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\nte: trailers\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        assert!(all.contains("transfer-encoding: chunked") && all.contains("x-sum: 8"), "{length}: {all}");
    }
}

#[tokio::test]
async fn an_answer_to_head_says_how_long_it_would_be() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n").await;
    let server = upstream.hub();
    let pass = pass(&server).await;
    let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
    let request =
        format!("HEAD /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert!(all.contains("content-length: 1234") && all.ends_with("\r\n\r\n"), "{all}");
    assert!(upstream.seen()[0].starts_with("HEAD "), "{:?}", upstream.seen());
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_send_gets_it_from_the_hub() {
    let upstream = Upstream::saying(ok("{}")).await;
    let server = upstream.hub();
    let pass = pass(&server).await;
    let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
    let head = format!(
        "POST /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut leave = [0; 25];
    stream.read_exact(&mut leave).await.unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    answer(&mut stream).await.unwrap().is_success();
    assert!(!upstream.seen()[0].contains("expect"), "{:?}", upstream.seen());

    // Who is refused need not send it.
    let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
    let head =
        "POST /cgi-bin/x HTTP/1.1\r\nhost: hub\r\ncontent-length: 500000000\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    answer(&mut stream).await.unwrap().is_refused(41001);
}

#[tokio::test]
async fn an_answer_in_an_older_version_or_without_a_length_comes_through() {
    for text in [
        "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\":1}",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"a\":1}",
        "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
    ] {
        let upstream = Upstream::answering(move |_| vec![text.as_bytes().to_vec(), Vec::new()]).await;
        let server = upstream.hub();
        let pass = pass(&server).await;
        let mut stream = TcpStream::connect(tcp(&server)).await.unwrap();
        let request =
            format!("GET /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = String::new();
        tokio::time::timeout(std::time::Duration::from_secs(10), stream.read_to_string(&mut all))
            .await
            .unwrap()
            .unwrap();
        assert!(all.starts_with("HTTP/1.1 200") && all.contains("{\"a"), "{text}: {all}");
    }
}

#[tokio::test]
async fn what_the_platform_should_not_say_is_no_answer() {
    for text in [
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "nothing of the kind\r\n\r\n",
    ] {
        let upstream = Upstream::saying(text).await;
        let (answer, _) = send(&upstream, |pass| {
            format!("GET /cgi-bin/x?access_token={pass} HTTP/1.1\r\nhost: hub\r\n\r\n")
        })
        .await;
        assert_eq!(answer.is_refused(61450).status, 502, "{text}");
    }
}
