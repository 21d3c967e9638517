//! Calls that get no answer, and the one that is made instead.

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::pin,
};

use tokio::{
    net::TcpStream,
    time::{advance, pause, resume, timeout},
};

use super::*;
use crate::issuer::client::Client;

/// Longer than the three seconds of the first call.
const LIMIT: Duration = Duration::from_millis(3100);

/// Goes on with the mint, which gets no answer, until the other is done.
async fn during<F: Future, T>(mint: &mut Pin<&mut F>, other: impl Future<Output = T>) -> T {
    tokio::select! {
        _ = mint => unreachable!("nobody has answered"),
        done = other => done,
    }
}

/// Takes a call of the mint's, and lets three seconds pass then.
async fn hang<F: Future>(mint: &mut Pin<&mut F>, listener: &TcpListener) -> TcpStream {
    let stream = during(mint, async {
        let mut stream = accept(listener).await;
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0, "the request has gone out");
        stream
    })
    .await;
    pass(LIMIT).await;
    stream
}

/// Moves the clock on. Real connections need a real one the rest of the time.
async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

/// Takes the next call, and answers it with this.
async fn serve_one(listener: &TcpListener, json: &str) -> TcpStream {
    let mut stream = accept(listener).await;
    answer(&mut stream, json).await;
    stream
}

async fn accept(listener: &TcpListener) -> TcpStream {
    timeout(Duration::from_secs(10), listener.accept()).await.expect("a call in time").unwrap().0
}

async fn answer(stream: &mut TcpStream, json: &str) {
    assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", json.len());
    stream.write_all((head + json).as_bytes()).await.unwrap();
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

/// Any client that is not the built-in one.
fn own_client() -> impl HttpClient<Response<Incoming>> {
    hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http()
}

#[tokio::test]
async fn a_call_without_an_answer_is_made_once_more() {
    let (listener, base) = listen().await;
    for issuer in [stable(&base), stable(&base).http_client(own_client())] {
        let mut mint = pin!(issuer.mint(Mint::normal()));
        let mut first = hang(&mut mint, &listener).await;
        let (minted, _second) = tokio::join!(mint, serve_one(&listener, TOKEN));
        assert_eq!(minted.unwrap().text, "81_token");
        let mut rest = Vec::new();
        first.read_to_end(&mut rest).await.expect("the first call is given up");
    }
}

#[tokio::test]
async fn an_answer_within_the_time_is_waited_for() {
    let (listener, base) = listen().await;
    let issuer = stable(&base);
    let mut mint = pin!(issuer.mint(Mint::normal()));
    let mut stream = during(&mut mint, listener.accept()).await.unwrap().0;
    pass(Duration::from_millis(2900)).await;
    let (minted, ()) = tokio::join!(mint, answer(&mut stream, TOKEN));
    minted.unwrap();
    let again = timeout(Duration::from_millis(10), listener.accept()).await;
    assert!(again.is_err(), "one call");
}

#[tokio::test]
async fn the_second_call_has_no_limit_of_its_own_and_says_that_it_was_the_second() {
    let (listener, base) = listen().await;
    let issuer = stable(&base);
    let mut mint = pin!(issuer.mint(Mint::normal()));
    let _first = hang(&mut mint, &listener).await;
    let second = hang(&mut mint, &listener).await;
    pass(Duration::from_secs(60)).await;
    let early = timeout(Duration::from_millis(10), &mut mint).await;
    assert!(early.is_err(), "the cache ends it");
    drop(second);
    let error = mint.await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("within 3 s, and asked once more the token endpoint did not answer"), "{text}");
    assert!(error.is_transient() && !error.is_of_this_host() && !text.contains("SENTINEL"), "{error:?}");
}

#[tokio::test]
async fn what_the_second_call_is_answered_counts() {
    let (listener, base) = listen().await;
    let issuer = stable(&base);
    let mut mint = pin!(issuer.mint(Mint::normal()));
    let _first = hang(&mut mint, &listener).await;
    let (minted, _second) = tokio::join!(mint, serve_one(&listener, r#"{"errcode":40125}"#));
    let error = minted.unwrap_err();
    assert_eq!(error.errcode(), Some(40125));
    assert!(!error.to_string().contains("once more"), "it is an answer: {error}");
}

#[tokio::test]
async fn a_refresh_is_not_forced_twice_within_seconds() {
    let (listener, base) = listen().await;
    let issuer = stable(&base).allow_forced_refresh();
    let mut mint = pin!(issuer.mint(Mint::normal().forced()));
    let (mut forced, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let request = during(&mut mint, async {
            let mut stream = listener.accept().await.unwrap().0;
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                request.push(stream.read_u8().await.unwrap());
            }
            streams.push(stream);
            String::from_utf8(request).unwrap()
        })
        .await;
        forced.push(request.contains("\"force_refresh\":true"));
        pass(LIMIT).await;
    }
    assert_eq!(forced, [true, false]);
}

/// Both listen on one port, the first without a word.
async fn two_addresses() -> ([IpAddr; 2], TcpListener, TcpListener, u16) {
    let [one, other] = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)];
    loop {
        let silent = TcpListener::bind((one, 0)).await.unwrap();
        let port = silent.local_addr().unwrap().port();
        if let Ok(good) = TcpListener::bind((other, port)).await {
            return ([one.into(), other.into()], silent, good, port);
        }
    }
}

#[tokio::test]
#[cfg(target_os = "linux")] // elsewhere 127.0.0.2 has to be set up first
async fn the_second_call_goes_to_another_address_of_the_host() {
    let ([silent_at, good_at], silent, good, port) = two_addresses().await;
    // A name server may turn the addresses round between the two calls.
    for answers in [[[silent_at, good_at]; 2], [[silent_at, good_at], [good_at, silent_at]]] {
        let answers: Arc<Mutex<Vec<_>>> = Arc::new(Mutex::new(answers.into()));
        let names = move |_: &str| answers.lock().unwrap().remove(0).to_vec();
        let issuer = ClassicToken::new("wx01", SECRET)
            .dangerous_plain_http_base_url(&format!("http://two.example:{port}"))
            .unwrap()
            .http_client(Client::resolving(names));
        let mut mint = pin!(issuer.mint(Mint::normal()));
        let _first = hang(&mut mint, &silent).await;
        let (minted, _second) = tokio::join!(mint, serve_one(&good, TOKEN));
        minted.unwrap();
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_address_that_was_silent_is_tried_again_where_no_other_answers() {
    let ([silent_at, deaf_at], silent, good, port) = two_addresses().await;
    drop(good);
    let issuer = ClassicToken::new("wx01", SECRET)
        .dangerous_plain_http_base_url(&format!("http://two.example:{port}"))
        .unwrap()
        .http_client(Client::resolving(move |_| vec![silent_at, deaf_at]));
    let mut mint = pin!(issuer.mint(Mint::normal()));
    let _first = hang(&mut mint, &silent).await;
    let (minted, _second) = tokio::join!(mint, serve_one(&silent, TOKEN));
    minted.unwrap();
}
