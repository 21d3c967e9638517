//! Both sends of a body are framed alike.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_wechat::{TokenCache, WeChatAuthLayer};

use crate::wire::{
    BoxError,
    client::{Came, client, http_over, layered, post, send, small, warm},
    mints::Mints,
    raw::Raw,
    server::{ACCEPTED, REJECTION, Seen, Server, WIRES, Wire, fed, json},
    soon,
    stream::{Stream, pattern, trailers},
};

const LENGTH: usize = 300_000;

/// Both sends of a request whose token is rejected after all of it was read.
async fn both<B>(wire: Wire, request: impl FnOnce(&Server) -> Request<B>) -> [std::sync::Arc<Seen>; 2]
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let server = Server::usual(wire).await;
    let (_, cache) = warm(&server).await;
    server.reject_below(2);
    let answer = send(client(&server, &cache), request(&server)).await.unwrap();
    assert!(answer.replayed());
    assert_eq!(answer.errcode(), 0);
    let [first, second] = server.seen().try_into().ok().expect("two sends");
    assert_eq!((first.token(), second.token()), (1, 2));
    assert_eq!(first.head.headers, second.head.headers, "{wire:?}");
    assert_eq!(first.head.version, second.head.version);
    assert_eq!(first.connection, second.connection, "it was free again");
    for seen in [&first, &second] {
        assert!(seen.upload().whole);
    }
    assert!(first.upload().bytes == second.upload().bytes);
    [first, second]
}

#[tokio::test]
async fn a_length_stays_a_length() {
    for wire in WIRES {
        let length = LENGTH.to_string();
        let framing = (Some(length.as_str()), None, None);
        let [_, second] = both(wire, |server| post(server, Stream::new(LENGTH))).await;
        assert_eq!(second.framing(), framing, "{wire:?}");
        assert!(second.upload().bytes == pattern(LENGTH));
        let [_, second] = both(wire, |server| post(server, Full::from(pattern(LENGTH)))).await;
        assert_eq!(second.framing(), framing, "{wire:?}");
        assert!(second.upload().bytes == pattern(LENGTH));
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_stays_one() {
    for wire in WIRES {
        let [_, second] = both(wire, |server| post(server, Stream::new(LENGTH).unannounced())).await;
        let coding = (wire == Wire::Http1).then_some("chunked");
        assert_eq!(second.framing(), (None, coding, None), "{wire:?}");
        assert!(second.upload().bytes == pattern(LENGTH));
    }
}

#[tokio::test]
async fn a_framing_that_the_caller_gives_stays_what_it_is() {
    for wire in WIRES {
        let length = LENGTH.to_string();
        let with = |name: &'static str, value: &str| {
            let value = value.parse().unwrap();
            move |server: &Server| {
                let mut request = post(server, Stream::new(LENGTH).unannounced());
                request.headers_mut().insert(name, value);
                request
            }
        };
        let [_, second] = both(wire, with("content-length", &length)).await;
        assert_eq!(second.framing(), (Some(length.as_str()), None, None), "{wire:?}");
        assert!(second.upload().bytes == pattern(LENGTH));
        if wire == Wire::Http1 {
            let [_, second] = both(wire, with("transfer-encoding", "chunked")).await;
            assert_eq!(second.framing(), (None, Some("chunked"), None));
            assert!(second.upload().bytes == pattern(LENGTH));
        }
    }
}

#[tokio::test]
async fn trailers_come_with_both_sends() {
    for wire in WIRES {
        for length in [0, 1, LENGTH] {
            let [first, second] = both(wire, |server| {
                let mut request = post(server, Stream::new(length).with_trailers());
                request.headers_mut().insert("trailer", "x-checksum".parse().unwrap());
                request
            })
            .await;
            let coding = (wire == Wire::Http1).then_some("chunked");
            assert_eq!(second.framing(), (None, coding, Some("x-checksum")), "{wire:?}");
            assert_eq!(first.upload().trailers, Some(trailers()), "{wire:?}, {length}");
            assert_eq!(second.upload().trailers, Some(trailers()), "{wire:?}, {length}");
        }
    }
}

#[tokio::test]
async fn a_body_that_was_half_sent_is_framed_alike_the_second_time() {
    for wire in WIRES {
        // Slow enough to be broken off: after an upload that was sent to its end, an HTTP/1.1 connection is used again,
        // whether the server has read it or not.
        let stream = || Stream::new(LENGTH).slow(8 * 1024, Duration::from_millis(2));
        for (stream, announced) in [(stream(), true), (stream().with_trailers(), false)] {
            let server = Server::start(wire, |mut exchange| async move {
                if exchange.is_accepted() {
                    exchange.read_all().await;
                    return json(ACCEPTED);
                }
                exchange.read(1000).await;
                exchange.keep();
                json(REJECTION)
            })
            .await;
            let (_, cache) = warm(&server).await;
            server.reject_below(2);
            let mut request = post(&server, stream);
            if !announced {
                request.headers_mut().insert("trailer", "x-checksum".parse().unwrap());
            }
            let answer = send(client(&server, &cache), request).await.unwrap();
            assert!(answer.replayed(), "{wire:?}, {announced}: {:?}", answer.outcome);
            let [first, second] = server.seen().try_into().ok().expect("two sends");
            assert_eq!(first.framing(), second.framing());
            assert_eq!(second.header("content-length").is_some(), announced);
            assert!(second.upload().whole && second.upload().bytes == pattern(LENGTH), "{wire:?}");
            assert_eq!(second.upload().trailers, (!announced).then(trailers));
        }
    }
}

/// A call that expects a 100, to a server that reads the upload of the rejected request or not.
async fn expecting(wire: Wire, reads: bool) -> Came {
    let server = Server::start(wire, move |mut exchange| async move {
        if exchange.is_accepted() || reads {
            // hyper says 100 when it is asked for the body.
            exchange.read_all().await;
        }
        json(if exchange.is_accepted() { ACCEPTED } else { REJECTION })
    })
    .await;
    let (_, cache) = warm(&server).await;
    server.reject_below(2);
    let mut request = post(&server, Stream::new(LENGTH));
    request.headers_mut().insert("expect", "100-continue".parse().unwrap());
    let answer = send(layered(&server, &WeChatAuthLayer::new(&cache)), request).await.unwrap();
    let [first, second] = server.seen().try_into().ok().expect("two sends");
    for seen in [&first, &second] {
        assert_eq!(seen.header("expect"), Some("100-continue"));
        assert_eq!(seen.header("content-length"), Some("300000"));
    }
    assert!(second.upload().whole && second.upload().bytes == pattern(LENGTH));
    answer
}

#[tokio::test]
async fn a_request_that_expects_a_100_is_replayed_with_its_expectation() {
    for wire in WIRES {
        for reads in [true, false] {
            let answer = expecting(wire, reads).await;
            assert!(answer.replayed(), "{wire:?}, {reads}");
            assert_eq!(answer.errcode(), 0);
        }
    }
}

/// A whole answer with this body, after which the connection goes on.
fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_rejection_after_a_100_or_in_place_of_one_is_replayed() {
    for says_100 in [true, false] {
        let server = Raw::start().await;
        let cache = TokenCache::new(Mints::new(&server.url()));
        let client = tower::Layer::layer(&WeChatAuthLayer::new(&cache), http_over(Wire::Http1, None));
        let request = Request::post(format!("{}/cgi-bin/x", server.url()))
            .header("expect", "100-continue")
            .body(Full::<Bytes>::from("0123456789"))
            .unwrap();
        let serving = async {
            let (head, mut stream) = server.accept().await;
            assert!(head.contains("access_token=TOKEN-1"));
            if says_100 {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
                stream.read_exact(&mut [0; 10]).await.unwrap();
            }
            stream.write_all(answer(REJECTION).as_bytes()).await.unwrap();
            if !says_100 {
                // hyper's client does not wait for a 100.
                stream.read_exact(&mut [0; 10]).await.unwrap();
            }
            let mut again = Vec::new();
            while !again.ends_with(b"\r\n\r\n0123456789") {
                again.push(stream.read_u8().await.unwrap());
            }
            let again = String::from_utf8(again).unwrap();
            assert!(again.contains("access_token=TOKEN-2") && again.contains("expect: 100-continue"));
            assert!(again.contains("content-length: 10\r\n"));
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
            stream.write_all(answer(ACCEPTED).as_bytes()).await.unwrap();
            stream
        };
        let (came, _stream) = soon(async { tokio::join!(send(client, request), serving) }).await;
        let came = came.unwrap();
        assert!(came.replayed(), "{says_100}");
        assert_eq!(came.errcode(), 0);
    }
}

#[tokio::test]
async fn an_answer_keeps_its_length_and_its_trailers() {
    for wire in WIRES {
        let server = Server::start(wire, |mut exchange| async move {
            exchange.read_all().await;
            let (mut feed, body) = fed();
            let text = if exchange.is_accepted() { ACCEPTED } else { REJECTION };
            tokio::spawn(async move {
                feed.send_data(Bytes::from_static(text.as_bytes())).await.unwrap();
                feed.send_trailers(trailers()).await.unwrap();
            });
            Ok(http::Response::builder().header("trailer", "x-checksum").body(body).unwrap())
        })
        .await;
        let (mints, cache) = warm(&server).await;
        let te = |server: &Server| {
            let mut request = small(server);
            request.headers_mut().insert("te", "trailers".parse().unwrap());
            request
        };
        // An accepted answer, a rejection that is handed on, and one that is replaced.
        let accepted = send(client(&server, &cache), te(&server)).await.unwrap();
        server.reject_below(2);
        mints.fail(true);
        let rejected = send(client(&server, &cache), te(&server)).await.unwrap();
        mints.fail(false);
        let cache = TokenCache::new(mints.clone());
        let replaced = {
            server.reject_below(cache.token().await.unwrap().as_str()[6..].parse::<u64>().unwrap() + 1);
            send(client(&server, &cache), te(&server)).await.unwrap()
        };
        assert!(replaced.replayed() && rejected.not_replayed().is_some() && accepted.outcome.is_none());
        for answer in [accepted, rejected, replaced] {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.headers["trailer"], "x-checksum");
            assert_eq!(answer.trailers, Some(trailers()), "{wire:?}: {:?}", answer.bytes);
        }
    }
}
