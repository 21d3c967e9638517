//! Answers that are none.

use super::*;

#[tokio::test]
async fn a_redirect_is_an_error_and_nobody_gets_the_secret() {
    let (elsewhere, bystander, _) = serve_text(TOKEN).await;
    let (base, log, _) = serve(move |_| {
        Response::builder()
            .status(StatusCode::TEMPORARY_REDIRECT)
            .header("location", format!("{elsewhere}/cgi-bin/token"))
            .body(Full::<Bytes>::default())
            .unwrap()
    })
    .await;
    for issuer in [&stable(&base) as &dyn Issuer, &classic(&base)] {
        let error = failure(issuer).await;
        assert!(!error.is_transient() && error.to_string().contains("redirect"), "{error}");
        log.one();
    }
    assert!(bystander.take().is_empty());
}

#[tokio::test]
async fn an_answer_of_64_kib_is_the_longest() {
    for (size, fits) in [(65_536, true), (65_537, false), (10_000_000, false)] {
        let (sized, ..) =
            serve(move |_| Response::new(Full::from(TOKEN.to_owned() + &" ".repeat(size - TOKEN.len()))))
                .await;
        let (chunked, ..) = serve(move |_| {
            let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
            tokio::spawn(async move {
                let text = Bytes::from(TOKEN.to_owned() + &" ".repeat(size - TOKEN.len()));
                for at in (0..size).step_by(1000) {
                    if sender.send_data(text.slice(at..size.min(at + 1000))).await.is_err() {
                        return;
                    }
                }
            });
            Response::new(body)
        })
        .await;
        for base in [sized, chunked] {
            if fits {
                classic(&base).mint(Mint::normal()).await.unwrap();
            } else {
                let error = failure(&classic(&base)).await;
                assert!(error.to_string().contains("64 KiB") && error.is_transient(), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_broken_connection_is_transient() {
    // Bound, so that nobody else gets the port, but not listening.
    let deaf = tokio::net::TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = deaf.local_addr().unwrap();
    for (base, of_this_host, says) in [
        (
            format!("http://{address}"),
            true,
            "did not answer: client error (Connect): tcp connect error: Connection refused",
        ),
        (serve_raw(b"not TLS\r\n").await.replace("http:", "https:"), true, "did not answer"),
        (serve_raw(b"").await, false, "did not answer"),
        (serve_raw(b"HTTP/1.1 200 OK\r\ncontent-le").await, false, "did not answer"),
        (serve_raw(b"SENTINEL\r\n\r\n").await, false, "did not answer"),
        (
            serve_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 45\r\n\r\n{\"access_token\":\"SENTINEL").await,
            false,
            "broke off",
        ),
        (
            serve_raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n").await,
            false,
            "broke off",
        ),
        (serve_raw(b"HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"SENTINEL").await, false, "cut off"),
        (serve_raw(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await, false, "HTTP 502"),
    ] {
        let error = failure(&classic(&base)).await;
        assert_eq!(error.kind(), ErrorKind::Token);
        assert!(error.is_transient() && error.to_string().contains(says), "{says}: {error}");
        assert_eq!(error.is_of_this_host(), of_this_host, "{error}");
    }
    // No name server is asked for a name as long as this.
    let nameless = format!("http://{}.example", "n".repeat(64));
    let nameless = ClassicToken::new("wx01", SECRET).dangerous_plain_http_base_url(&nameless).unwrap();
    let error = failure(&nameless).await;
    assert!(error.is_of_this_host() && error.to_string().contains("dns error"), "{error}");
}

#[tokio::test]
async fn a_connection_of_the_callers_client_that_did_not_come_about_is_this_hosts_failure() {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut};

    for (kind, of_this_host) in [
        (ConnectionRefused, true),
        (HostUnreachable, true),
        (NetworkUnreachable, true),
        (ConnectionReset, false),
        (TimedOut, false),
    ] {
        let failing = tower::service_fn(move |_: Request<Full<Bytes>>| async move {
            Err::<Response<Full<Bytes>>, _>(io::Error::other(io::Error::from(kind)))
        });
        let error = failure(&StableToken::new("wx01", SECRET).http_client(failing)).await;
        assert!(error.is_transient(), "{error}");
        assert_eq!(error.is_of_this_host(), of_this_host, "{error}");
    }
}

#[tokio::test]
#[cfg(feature = "https")]
async fn tls_needs_no_default_crypto_provider() {
    let base = serve_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.replace("http:", "https:");
    let error = failure(&stable(&base)).await;
    assert!(error.is_transient() && error.to_string().contains("did not answer"), "{error}");
}
