//! The built-in client and others.

use super::*;

#[tokio::test]
async fn the_built_in_client_keeps_no_connection() {
    let (base, log, connections) = serve_text(TOKEN).await;
    for _ in 0..3 {
        stable(&base).mint(Mint::normal()).await.unwrap();
    }
    assert_eq!(log.take().len(), 3);
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn any_tower_service_will_do_as_client() {
    // `ConcurrencyLimit` panics if it is called before it said that it is ready; `BoxBody` is neither `Unpin` nor nameable.
    let service = tower::service_fn(|request: Request<Full<Bytes>>| async move {
        assert_eq!(request.uri(), "https://api.weixin.qq.com/cgi-bin/stable_token");
        let body: BoxBody<Bytes, Infallible> = BoxBody::new(Full::from(TOKEN));
        Ok::<_, Infallible>(Response::new(body))
    });
    let service = tower::limit::ConcurrencyLimit::new(service, 1);
    let issuer = StableToken::new("wx01", SECRET).http_client(service.clone());
    let boxed = generic(tower::util::BoxCloneSyncService::new(service));
    for issuer in [issuer, boxed] {
        for _ in 0..2 {
            assert_eq!(issuer.mint(Mint::normal()).await.unwrap().text, "81_token");
        }
    }
}

/// Takes a client as a caller's own function would, whose bounds name no more than tower's trait.
fn generic<S, B>(service: S) -> StableToken
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    StableToken::new("wx01", SECRET).http_client(service)
}

/// A body that fails with an error that quotes the URL, as some clients' do.
struct Failing;

impl http_body::Body for Failing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::Error::other(format!("reading /token?x={ENCODED}")))))
    }
}

#[tokio::test]
async fn a_client_that_quotes_the_url_is_not_quoted() {
    let quoting = tower::service_fn(|request: Request<Full<Bytes>>| async move {
        Err::<Response<Full<Bytes>>, _>(io::Error::other(format!("error for {}", request.uri())))
    });
    let error = failure(&ClassicToken::new("wx01", SECRET).http_client(quoting)).await;
    assert!(error.is_transient() && error.to_string().contains("left out"), "{error}");

    let failing =
        tower::service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new(Failing)) });
    let error = failure(&WeCom::new("wx01", SECRET).http_client(failing)).await;
    assert!(error.is_transient() && error.to_string().contains("broke off"), "{error}");

    let late = tower::timeout::Timeout::new(
        tower::service_fn(|_: Request<Full<Bytes>>| {
            std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
        }),
        Duration::ZERO,
    );
    let error = failure(&StableToken::new("wx01", SECRET).http_client(late)).await;
    assert!(error.to_string().contains("request timed out"), "{error}");
}

#[tokio::test]
async fn a_mint_is_send_and_may_be_dropped_under_way() {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = stable(&format!("http://{}", listener.local_addr().unwrap()));
    let mut mint = send(issuer.mint(Mint::normal()));
    let accepted = tokio::select! {
        _ = &mut mint => unreachable!("nobody answers"),
        accepted = listener.accept() => accepted,
    };
    drop(mint);
    let mut rest = Vec::new();
    accepted.unwrap().0.read_to_end(&mut rest).await.unwrap();
}
